from array import array

from rulecore.columns import Runs

def entry_rows(
    kind: int, sets: list[tuple[Runs, array[int]]], edges: array[int], entries: int
) -> tuple[list[int], list[bytes]]: ...
def dictionary_table(strings: list[bytes]) -> bytes: ...
