"""Prefix codes with a few lengths, for symbols that are numbered from the most to the least frequent.

A retrieval (`rulecore._retrieval`) spends a codeword's length on each key, and some bits of every bucket on each
distinct length. So the code that is best for it is not Huffman's, but one with the few lengths that together cost the
least. This module only counts; what reads and writes codewords is `_retrieval` and `_retrieval_writer`.

With a given set of lengths the best code is a relaxation away (L. L. Larmore's and M. Baer's "reserved-length prefix
codes" ask the same): a symbol of weight w takes the length l that makes w·l + λ·2^-l least, for the smallest price λ at
which Kraft's sum is at most 1; what then remains of the sum is given to those for whom it saves most. The set of
lengths is found by descent: from lengths spread evenly, one is moved, added or left out for as long as that helps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log2
from typing import Final

import msgspec

LENGTHS_MAX: Final = 6
LENGTH_BITS_MAX: Final = 32
SYMBOLS_MAX: Final = 2**32 - 1

GROUP_BITS_PER_KEY: Final = 1.0
"""What one more length must save a key. Its group's head and the unknowns that it wastes are a fifth of that; the rest
is the time of one more system, without which a lookup may end sooner."""

_PRICE_STEPS: Final = 48


class PrefixCode(msgspec.Struct, frozen=True):
    """The first `counts[0]` symbols have codewords of `lengths[0]` bits, the next `counts[1]` of `lengths[1]`, ...

    Codewords are canonical: in order of symbol they ascend, read as binary fractions. Kraft's sum may be below 1.
    """

    lengths: tuple[int, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises ValueError unless there is such a code."""
        if not 1 <= len(self.lengths) <= LENGTHS_MAX or len(self.counts) != len(self.lengths):
            raise ValueError(f"a prefix code has 1 to {LENGTHS_MAX} lengths and a count for each")
        if self.lengths[0] < 0 or self.lengths[-1] > LENGTH_BITS_MAX or any(a >= b for a, b in pairwise(self.lengths)):
            raise ValueError(f"the lengths of a prefix code ascend and are at most {LENGTH_BITS_MAX} bits")
        if min(self.counts) < 1 or sum(self.counts) > SYMBOLS_MAX:
            raise ValueError(f"each length of a prefix code has symbols, at most {SYMBOLS_MAX} in all")
        if _kraft(self.lengths, self.counts) > _WHOLE:
            raise ValueError("a prefix code has no room for so many symbols of these lengths")

    @property
    def symbols(self) -> int:
        return sum(self.counts)


_WHOLE: Final = 1 << LENGTH_BITS_MAX


def entropy(weights: Sequence[tuple[int, int]]) -> float:
    """Bits a key, order 0, of (weight, how many symbols): the least that any code of single symbols can take."""
    total = sum(weight * count for weight, count in weights)
    return sum(weight * count / total * log2(total / weight) for weight, count in weights)


def prefix_code(weights: Sequence[tuple[int, int]]) -> PrefixCode:
    """The code for symbols of these weights: (weight, how many symbols have it), weights above 0 and descending.

    Raises ValueError for weights that do not descend, are not above 0, or are of no or too many symbols.
    """
    if any(a[0] <= b[0] for a, b in pairwise(weights)) or any(weight < 1 or count < 1 for weight, count in weights):
        raise ValueError("weights are above 0 and descend")
    symbols = sum(count for _, count in weights)
    if not 1 <= symbols <= SYMBOLS_MAX:
        raise ValueError(f"a code is for 1 to {SYMBOLS_MAX} symbols, not {symbols}")
    if symbols == 1:
        return PrefixCode((0,), (1,))
    return _Choice(weights).best()


class _Choice:
    """Weighs codes for one distribution against each other."""

    def __init__(self, weights: Sequence[tuple[int, int]]) -> None:
        self.weights = [weight for weight, _ in weights]
        self.falling = [-weight for weight in self.weights]  # as bisection wants them
        self.runs = [count for _, count in weights]
        self.symbols_before = [0, *accumulate(self.runs)]
        self.keys_before = [0, *accumulate(weight * count for weight, count in weights)]
        self.symbols = self.symbols_before[-1]
        self.keys = self.keys_before[-1]
        self.known: dict[tuple[int, ...], tuple[float, tuple[int, ...]]] = {}

    def best(self) -> PrefixCode:
        longest = (self.symbols - 1).bit_length()  # enough for all symbols
        found = min((self.descent(self.spread(count, longest)) for count in (1, 2, 4, 6)), key=self.cost)
        counts = self.known[found][1]
        used = [(length, count) for length, count in zip(found, counts, strict=True) if count]
        return PrefixCode(tuple(length for length, _ in used), tuple(count for _, count in used))

    def spread(self, count: int, longest: int) -> tuple[int, ...]:
        shortest = max(1, int(log2(self.keys / self.weights[0])))
        if count == 1 or shortest >= longest:
            return (longest,)
        steps = (shortest + (longest + 1 - shortest) * i // (count - 1) for i in range(count))
        return tuple(sorted(set(steps)))

    def descent(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        while True:
            found = min(_neighbours(lengths), key=self.cost, default=lengths)
            if self.cost(found) >= self.cost(lengths):
                return lengths
            lengths = found

    def cost(self, lengths: tuple[int, ...]) -> float:
        """Bits a key, heads of groups included."""
        if lengths not in self.known:
            self.known[lengths] = self.weigh(lengths)
        return self.known[lengths][0]

    def weigh(self, lengths: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        if self.symbols > 1 << lengths[-1]:
            return float("inf"), ()
        low, high = 0.0, float(self.keys) * 2.0 ** lengths[-1]
        ends = self.ends_at(lengths, high)
        for _ in range(_PRICE_STEPS):
            middle = (low + high) / 2 if low else high / 2**16
            tried = self.ends_at(lengths, middle)
            if _kraft(lengths, _counts(tried)) <= _WHOLE:
                high, ends = middle, tried
            else:
                low = middle
        self.spend(lengths, ends)
        counts = _counts(ends)
        keys = [self.keys_of(end) for end in ends]
        bits = sum(length * (end - start) for length, start, end in zip(lengths, [0, *keys[:-1]], keys, strict=True))
        return bits / self.keys + GROUP_BITS_PER_KEY * sum(count > 0 for count in counts), counts

    def ends_at(self, lengths: tuple[int, ...], price: float) -> list[int]:
        """The symbols before the end of each length at a price, where weights decide alone."""
        ends = [self.symbols]
        end = self.symbols
        for shorter, longer in reversed(list(pairwise(lengths))):
            bound = price * (2.0**-shorter - 2.0**-longer) / (longer - shorter)
            end = min(end, self.symbols_before[bisect_right(self.falling, -bound)])
            ends.append(end)
        return ends[::-1]

    def spend(self, lengths: tuple[int, ...], ends: list[int]) -> None:
        """Shorten codewords for as long as Kraft's sum has room: whole runs or a part of one, most saving first."""
        room = _WHOLE - _kraft(lengths, _counts(ends))
        while True:
            best = (0.0, 0, 0, 0)
            for at, (shorter, longer) in enumerate(pairwise(lengths)):
                price = (_WHOLE >> shorter) - (_WHOLE >> longer)
                if ends[at] == ends[at + 1] or room < price:
                    continue
                run = bisect_right(self.symbols_before, ends[at]) - 1
                some = min(self.symbols_before[run + 1], ends[at + 1]) - ends[at]
                gain = self.weights[run] * (longer - shorter) / price
                best = max(best, (gain, at, min(some, room // price), price))
            gain, at, moved, price = best
            if not gain:
                return
            ends[at] += moved
            room -= moved * price

    def keys_of(self, end: int) -> int:
        """The keys of the symbols before `end`."""
        run = bisect_right(self.symbols_before, end) - 1
        if run == len(self.runs):
            return self.keys
        return self.keys_before[run] + (end - self.symbols_before[run]) * self.weights[run]


def _neighbours(lengths: tuple[int, ...]) -> list[tuple[int, ...]]:
    found = []
    for at, length in enumerate(lengths):
        others = lengths[:at] + lengths[at + 1 :]
        found += [others] if others else []
        found += [tuple(sorted({*others, length + step})) for step in (-2, -1, 1, 2)]
    if len(lengths) < LENGTHS_MAX:
        found += [tuple(sorted({*lengths, lengths[0] - 1}))]
        found += [tuple(sorted({*lengths, length + step})) for length in lengths for step in (1, 2)]
    return [some for some in found if some[0] >= 1 and some[-1] <= LENGTH_BITS_MAX]


def _counts(ends: Sequence[int]) -> tuple[int, ...]:
    return tuple(end - start for start, end in zip([0, *ends[:-1]], ends, strict=True))


def _kraft(lengths: Sequence[int], counts: Sequence[int]) -> int:
    """Kraft's sum, in 2^-32."""
    return sum(count << (LENGTH_BITS_MAX - length) for length, count in zip(lengths, counts, strict=True))
