"""Automata that find patterns: written when an image is, read by `rulecore._automaton`, which says how they lie.

All patterns that are asked of one term (an attribute, or an expression such as `lowerAscii(x)`) go into one automaton,
so that one pass over the text finds them all; when that would grow beyond its limits, into as few as will do. A single
pattern that is beyond them is refused.

    programs ──Determinizer──> states ──minimise──> fewer states ──_packed──> bytes of the block
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rulecore._determinize import Determinizer, minimise
from rulecore.errors import LimitError
from rulecore.limits import LIMITS
from rulecore.program import Program, program

_MAGIC: Final = 0x3141_5745
_HEAD: Final = struct.Struct("<3I")
_SCANNER: Final = struct.Struct("<5I")
_ENTRY: Final = struct.Struct("<2I")
_AUTOMATON: Final = struct.Struct("<8I")
_SHORT_LIST: Final = 4
_STATES_AT_LEAST: Final = 2_000
_STATES_A_STEP: Final = 4
"""Of a union that holds patterns with loops: one that comes to more has begun to multiply."""
_LOOPING_AT_FIRST: Final = 4
_GROUP_STATES_MAX: Final = 512
"""Of a union of patterns with loops in them: a larger one takes long to build, and seldom holds many more."""

_Ids = tuple[int, ...]
_Numbered = tuple[int, Program]
_Part = tuple[bytes, int]
"""An automaton as it lies in the block, and its number of long lists."""


def check_pattern(pattern: str) -> None:
    """Whether a pattern can be searched for. Raises PatternError, and LimitError when it is too large."""
    _single(pattern)


def automata_block(terms: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """The block of a scanner for each term, given with its patterns, which are numbered in their order.

    Raises PatternError for what is no pattern, and LimitError for one that is too large and for all of them together.
    """
    if not terms:
        return b""
    if sum(len(patterns) for _, patterns in terms) > LIMITS.patterns_max:
        raise LimitError(f"the bundle has more than {LIMITS.patterns_max:,} patterns")
    built: list[tuple[int, list[_Part], list[_Part]]] = []
    automata = size = 0
    for term, patterns in terms:
        always, hinted = _scanner(patterns)
        built.append((len(patterns), always, hinted))
        automata += len(always) + len(hinted)
        size += sum(len(part) for part, _ in (*always, *hinted))
        if size > LIMITS.automata_bytes_max or automata > LIMITS.automata_max:
            raise LimitError(
                f"the patterns on {term} bring the bundle's automata to {automata:,} of {size:,} bytes; at most "
                f"{LIMITS.automata_max:,} of {LIMITS.automata_bytes_max:,} bytes are allowed"
            )
    scanners, entries, blocks = bytearray(), bytearray(), bytearray()
    begin = _HEAD.size + _SCANNER.size * len(terms) + _ENTRY.size * automata
    for patterns_count, always, hinted in built:
        first = len(entries) // _ENTRY.size
        words = _words(patterns_count) + _words(len(hinted))
        for part, long_lists in (*always, *hinted):
            entries += _ENTRY.pack(begin + len(blocks), words)
            words += _words(long_lists)
            blocks += part
        scanners += _SCANNER.pack(patterns_count, words, first, len(always), len(hinted))
    return _HEAD.pack(_MAGIC, len(terms), automata) + bytes(scanners) + bytes(entries) + bytes(blocks)


def _words(bits: int) -> int:
    return (bits + 63) // 64


# Scanners


def _scanner(patterns: Sequence[str]) -> tuple[list[_Part], list[_Part]]:
    """As few automata as will do for patterns, numbered in their order: those that read every text, and the hinted."""
    programs = [(number, program(pattern)) for number, pattern in enumerate(patterns)]
    states_max = LIMITS.automaton_states_max
    if any(one.loops for _, one in programs):
        steps = sum(len(one.nodes) // 4 for _, one in programs)
        states_max = min(states_max, _STATES_AT_LEAST + _STATES_A_STEP * steps)
    whole = _automaton(programs, states_max)
    if not isinstance(whole, int):
        return [whole], []
    calm = [(number, one) for number, one in programs if not one.loops]
    unhinted = [(number, one) for number, one in programs if one.loops and one.hint is None]
    hinted: list[_Part] = []
    for group, part in _shared_out(patterns, [one for one in programs if one[1].hint], _LOOPING_AT_FIRST):
        hint = 64 * _words(len(patterns)) + len(hinted)
        calm += [(hint, one.hint) for _, one in group if one.hint is not None]
        hinted.append(part)
    always = [part for _, part in _shared_out(patterns, calm, len(calm), LIMITS.automaton_states_max)]
    return [*always, *(part for _, part in _shared_out(patterns, unhinted, _LOOPING_AT_FIRST))], hinted


def _shared_out(
    patterns: Sequence[str], programs: list[_Numbered], size: int, states_max: int = _GROUP_STATES_MAX
) -> Iterator[tuple[list[_Numbered], _Part]]:
    """Automata of up to `size` programs each, of fewer once that has been too many, and of more until then."""
    grows = True
    while programs:
        group = programs[:size]
        part = _automaton(group, states_max if len(group) > 1 else LIMITS.automaton_states_max)
        if not isinstance(part, int):
            yield group, part
            programs = programs[size:]
            size *= 2 if grows else 1
        elif len(group) == 1:
            raise _too_large(patterns[group[0][0]], part)
        else:
            size, grows = len(group) // 2, False


@functools.lru_cache(maxsize=8192)
def _single(pattern: str) -> None:
    """Raises LimitError unless an automaton of its own can find a pattern."""
    states = _automaton([(0, program(pattern))], LIMITS.automaton_states_max)
    if isinstance(states, int):
        raise _too_large(pattern, states)


def _too_large(pattern: str, states: int) -> LimitError:
    return LimitError(
        f"the pattern '{pattern}' is too large: its automaton has {states:,} states and still grows; at most "
        f"{LIMITS.automaton_states_max:,} states of {LIMITS.automaton_bytes_max:,} bytes are allowed"
    )


def _automaton(programs: list[_Numbered], states_max: int) -> _Part | int:
    """The automaton of programs, each with its number in the scanner; or the states that it came to, if too many."""
    nodes, starts = _joined([one for _, one in programs])
    ranges = {one for _, found in programs for one in found.ranges}
    classes = _classes(ranges)
    states = Determinizer(nodes, starts, len(programs), classes)
    if not states.run(states_max, LIMITS.automaton_threads_max):
        return states.count
    numbers = [number for number, _ in programs]
    outputs = [tuple(sorted({numbers[i] for i in found})) for found in states.outputs()]
    ends = [
        tuple(sorted({numbers[i] for i in found}.difference(outputs[state])))
        for state, found in enumerate(states.ends())
    ]
    packed = _packed(array("I", states.transitions()), classes, outputs, ends, len(set(numbers)))
    return packed if len(packed[0]) <= LIMITS.automaton_bytes_max else states.count


def _joined(programs: list[Program]) -> tuple[array[int], list[int]]:
    """The nodes of all programs in one, and where each starts; the match of each has its number."""
    nodes, starts = array("I"), []
    for number, one in enumerate(programs):
        first = len(nodes) // 4
        added = one.nodes[:]
        for at in range(4, len(added), 4):
            added[at + 2] += first
            added[at + 3] += first
        added[2] = number
        nodes += added
        starts.append(one.start + first)
    return nodes, starts


def _classes(ranges: Iterable[tuple[int, int]]) -> bytes:
    """The class of each byte, for bytes that no range tells apart."""
    sets: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for low, high in sorted(ranges):
        for byte in range(low, high + 1):
            sets[byte].append((low, high))
    known: dict[tuple[tuple[int, int], ...], int] = {}
    return bytes(known.setdefault(tuple(one), len(known)) for one in sets)


def _packed(transitions: array[int], class_of: bytes, outputs: list[_Ids], ends: list[_Ids], patterns: int) -> _Part:
    """An automaton's bytes, with no more states and classes than it needs: see `_automaton` for how they lie."""
    width = len(transitions) // len(outputs)
    known: dict[tuple[_Ids, _Ids], int] = {}
    labels = array("I", [known.setdefault(both, len(known)) for both in zip(outputs, ends, strict=True)])
    group_of = array("I", minimise(transitions, width, labels))
    first_of: dict[int, int] = {}
    for state, group in enumerate(group_of):
        first_of.setdefault(group, state)
    # State 0 is dead, and so is its group, which is 0 as well; those that find nothing come before it.
    quiet = [state for group, state in first_of.items() if group and not outputs[state]]
    finding = [state for group, state in first_of.items() if outputs[state]]
    states = [*quiet, 0, *finding]
    row_of = {group_of[state]: row for row, state in enumerate(states)}
    rows = [row_of[group] for group in group_of]
    columns = [tuple(rows[transitions[state * width + symbol]] for state in states) for symbol in range(width)]
    class_numbers = {column: number for number, column in enumerate(dict.fromkeys(columns))}
    classes = len(class_numbers)
    table = array("I", [row * classes for state in zip(*class_numbers, strict=True) for row in state])
    lists = sorted({*outputs, *ends}, key=lambda ids: (len(ids) <= _SHORT_LIST, ids))
    number_of = {ids: number for number, ids in enumerate(lists)}
    long_lists = sum(len(ids) > _SHORT_LIST for ids in lists)
    bounds = array("I", [0])
    for ids in lists:
        bounds.append(bounds[-1] + len(ids))
    head = _AUTOMATON.pack(len(states), classes, rows[1], len(quiet), patterns, len(lists), long_lists, bounds[-1])
    content = (
        bytes(class_numbers[columns[one]] for one in class_of),
        table,
        array("I", [number_of[outputs[state]] for state in states[len(quiet) :]]),
        array("I", [number_of[ends[state]] for state in states]),
        bounds,
        array("I", [one for ids in lists for one in ids]),
    )
    return b"".join([head, *(bytes(part) for part in content)]), long_lists
