"""The subset construction and the minimisation of automata."""

from array import array
from enum import IntEnum

class Op(IntEnum):
    BYTE = 0
    SPLIT = 1
    ASSERT = 2
    MATCH = 3

class Determinizer:
    """The states of one program, or of several joined into one: `nodes` holds four numbers each.

    `starts` are the nodes at which the patterns begin, `class_of` the class of each byte.
    """

    count: int
    def __init__(self, nodes: array[int], starts: list[int], patterns: int, class_of: bytes) -> None: ...
    def run(self, states_max: int, threads_max: int) -> bool:
        """Find all states; False when there are more than allowed. State 0 is dead, 1 the one to start with."""
    def transitions(self) -> bytes:
        """The next state, a u32 each, by state and class."""
    def outputs(self) -> list[tuple[int, ...]]:
        """The patterns found on the way into each state."""
    def ends(self) -> list[tuple[int, ...]]:
        """The patterns found where the text ends in each state."""

def minimise(transitions: array[int], classes: int, labels: array[int]) -> bytes:
    """The group of each state, a u32 each, numbered by their first states. States of a group have one label."""
