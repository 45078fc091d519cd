"""The seeded source of visitors and their segments: any number of visitors, 500 segments, 7.5 of them each.

A visitor is of one region, one age, on one device and in one stage of life as a customer, and has interests. These
come from one of 46 archetypes: its list of interests in order of importance, of which the visitor has the first few,
how many being lognormal; some visitors have one or two more of their own. All of it follows Zipf's law or one as
uneven, so sets repeat as they do among real visitors: 10 million have about 1.9 million distinct sets. The segments
that the rules of `benches.generator` ask for are the most common interests.

A visitor's segments depend on the seed and the visitor's number alone, and come from the raw bits of numpy's generator,
so they are the same on any machine. What is measured with them is left to `benches.membership`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benches.generator import SEGMENTS

Numbers = npt.NDArray[np.integer]

AGES: Final = 8
DEVICES: Final = 4
STAGES: Final = 8
REGIONS: Final = 40
INTERESTS: Final = 440

NAMES: Final = (
    *(f"age_{number}" for number in range(AGES)),
    *(f"device_{number}" for number in range(DEVICES)),
    *(f"lifecycle_{number}" for number in range(STAGES)),
    *(f"region_{number:02}" for number in range(REGIONS)),
    *SEGMENTS,
    *(f"topic_{number:03}" for number in range(len(SEGMENTS), INTERESTS)),
)
"""All 500, in ascending order: where a name stands is the segment's id here, and in a snapshot that has all of them."""

ID_BYTES: Final = 22
"""What `benches.generator.visitor_id` makes of any number below 2^32."""

STRANGERS: Final = 1 << 31
"""The first number of those who are visitors of nobody's."""

_BLOCK: Final = 1 << 18
_SEGMENT_BITS: Final = 9
_SEGMENT_MASK: Final = (1 << _SEGMENT_BITS) - 1
_DRAWS: Final = 1 << 16
_ARCHETYPES: Final = 46
_DEPTH_MAX: Final = 24
_OWN_MAX: Final = 12
_OWN: Final = 0.08
_DEPTH_MEDIAN: Final = 2.95
_DEPTH_SIGMA: Final = 0.78
_HASH_BATCH: Final = 1 << 20


class Visitors(msgspec.Struct, frozen=True):
    """So many visitors: visitor i has the segments `members[starts[i]:starts[i + 1]]`, ascending."""

    count: int
    starts: npt.NDArray[np.int64]
    members: npt.NDArray[np.uint16]

    def segments(self, number: int) -> list[int]:
        """Of one visitor."""
        found: list[int] = self.members[self.starts[number] : self.starts[number + 1]].tolist()
        return found


class Sets(msgspec.Struct, frozen=True):
    """The distinct sets of visitors: `numbers` has each visitor's, `visitors` how many each set has, `first` one of
    them.
    """

    numbers: npt.NDArray[np.uint32]
    visitors: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)


def draw_visitors(count: int, seed: int = 1) -> Visitors:
    """The first `count` of the seed's visitors."""
    model = _Model(seed)
    sizes, members = [], []
    for first in range(0, count, _BLOCK):
        of_block, found = model.block(first)
        sizes.append(of_block[: count - first])
        members.append(found[: sizes[-1].sum(dtype=np.int64)])
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.concatenate(sizes), out=starts[1:])
    return Visitors(count, starts, np.concatenate(members))


def fingerprints(visitors: Visitors, weights: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Of each visitor's set: the sum of its segments' weights, which says in any order whether two sets are one."""
    found = np.empty(visitors.count, np.uint64)
    for at in range(0, visitors.count, _HASH_BATCH):
        starts = visitors.starts[at : at + _HASH_BATCH + 1]
        of_batch = weights[visitors.members[starts[0] : starts[-1]]]
        found[at : at + len(starts) - 1] = np.add.reduceat(of_batch, starts[:-1] - starts[0])
    return found


def segment_weights() -> npt.NDArray[np.uint64]:
    """A random number a segment, for `fingerprints`."""
    return np.random.PCG64(0).random_raw(len(NAMES))


def number_sets(visitors: Visitors) -> Sets:
    """Which visitors have the same segments."""
    _, first, numbers, counts = np.unique(
        fingerprints(visitors, segment_weights()), return_index=True, return_inverse=True, return_counts=True
    )
    return Sets(numbers.astype(np.uint32), counts, first)


def visitor_ids(numbers: Numbers) -> pa.StringArray:
    """What `benches.generator.visitor_id` makes of these numbers, all of them below 2^32."""
    high = numbers.astype(np.uint64)
    low = high * np.uint64(2_654_435_761) & np.uint64((1 << 44) - 1)
    text = np.empty((len(numbers), ID_BYTES), np.uint8)
    text[:, :2] = np.frombuffer(b"v-", np.uint8)
    _write_hex(high, text[:, 2:10])
    text[:, 10] = ord("-")
    _write_hex(low, text[:, 11:])
    offsets = np.arange(0, (len(numbers) + 1) * ID_BYTES, ID_BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


def write_members(visitors: Visitors, path: Path) -> None:
    """As a control plane has them: Parquet of `visitor_id` and `segments`, a list of names."""
    schema = pa.schema([("visitor_id", pa.string()), ("segments", pa.list_(pa.dictionary(pa.int16(), pa.string())))])
    names = pa.array(NAMES, pa.string())
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=["segments.list.element"]) as file:
        for first in range(0, visitors.count, _BLOCK):
            starts = visitors.starts[first : first + _BLOCK + 1]
            numbers = pa.array(visitors.members[starts[0] : starts[-1]].view(np.int16))
            lists = pa.ListArray.from_arrays(
                pa.array((starts - starts[0]).astype(np.int32)), pa.DictionaryArray.from_arrays(numbers, names)
            )
            ids = visitor_ids(np.arange(first, first + len(starts) - 1))
            file.write_batch(pa.RecordBatch.from_arrays([ids, lists], schema=schema))


class _Model:
    """The archetypes, and a table for each draw: 65,536 outcomes, each as often as it is likely."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        keys = np.random.PCG64([seed, 1 << 32]).random_raw(_ARCHETYPES * INTERESTS).reshape(_ARCHETYPES, INTERESTS)
        # The first of exponential waiting times at these rates: a draw without replacement, in order of importance.
        waits = -np.log((keys >> np.uint64(11)) / 2.0**53 + 2.0**-54) / _zipf(INTERESTS, 0.9)
        self._lists = np.argsort(waits, axis=1, kind="stable")[:, :_DEPTH_MAX].astype(np.uint32)
        self._archetype = _table(_zipf(_ARCHETYPES, 1.0))
        self._depth = _table(np.diff([_lognormal(depth) for depth in range(_DEPTH_MAX + 2)]))
        self._own = _table(_OWN ** np.arange(_OWN_MAX))
        self._interest = _table(_zipf(INTERESTS, 1.1))
        groups = _zipf(AGES, 0.5), (0.6, 0.3, 0.07, 0.03), _zipf(STAGES, 1.2), _zipf(REGIONS, 1.2)
        self._groups = [_table(weights) for weights in groups]

    def block(self, first: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
        """How many segments each visitor of a block has, and all of them one after the other."""
        bits = np.random.PCG64([self._seed, first])

        def draw(table: Numbers, number: int) -> Numbers:
            found: Numbers = table[bits.random_raw((number + 3) // 4).view(np.uint16)[:number]]
            return found

        visitors = np.arange(_BLOCK, dtype=np.uint32) << np.uint32(_SEGMENT_BITS)
        rows, at = [], 0
        for table, size in zip(self._groups, (AGES, DEVICES, STAGES, REGIONS), strict=True):
            rows.append(visitors + (draw(table, _BLOCK) + np.uint32(at)))
            at += size
        archetypes, depths = draw(self._archetype, _BLOCK), draw(self._depth, _BLOCK).astype(np.int64)
        places = np.arange(depths.sum()) - np.repeat(np.cumsum(depths) - depths, depths)
        interests = self._lists[np.repeat(archetypes, depths), places]
        rows.append(np.repeat(visitors, depths) + (interests + np.uint32(at)))
        owners = np.repeat(visitors, draw(self._own, _BLOCK))
        rows.append(owners + (draw(self._interest, len(owners)) + np.uint32(at)))
        every = np.concatenate(rows)
        every.sort()
        every = every[np.concatenate(([True], every[1:] != every[:-1]))]
        sizes = np.bincount(every >> np.uint32(_SEGMENT_BITS), minlength=_BLOCK)
        return sizes.astype(np.uint8), (every & np.uint32(_SEGMENT_MASK)).astype(np.uint16)


def _zipf(count: int, exponent: float) -> npt.NDArray[np.floating]:
    return np.arange(1, count + 1) ** -exponent


def _lognormal(depth: int) -> float:
    """How likely it is to have fewer interests than this."""
    if depth == 0:
        return 0.0
    return 0.5 * (1 + math.erf(math.log(depth / _DEPTH_MEDIAN) / (_DEPTH_SIGMA * math.sqrt(2))))


def _table(weights: npt.ArrayLike) -> Numbers:
    ends = np.round(np.cumsum(weights) / np.sum(weights) * _DRAWS).astype(np.int64)
    return np.repeat(np.arange(len(ends), dtype=np.uint32), np.diff(ends, prepend=0))


def _write_hex(values: npt.NDArray[np.uint64], out: npt.NDArray[np.uint8]) -> None:
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    for place in range(out.shape[1]):
        shift = np.uint64(4 * (out.shape[1] - 1 - place))
        out[:, place] = digits[(values >> shift & np.uint64(15)).astype(np.intp)]
