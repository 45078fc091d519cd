"""Retrievals give every key its symbol, hardly any other key one, and whatever is damaged in them nothing worse."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._retrieval import RetrievalReader
from rulecore._retrieval_writer import write_retrieval
from rulecore.codes import PrefixCode, entropy, prefix_code
from rulecore.errors import ImageError

HEAD_BYTES: Final = 24
GROUP_BYTES: Final = 8
SIZES: Final = (0, 1, 2, 63, 64, 65, 255, 256, 257, 5_000)

Symbols = Callable[[random.Random, int], list[int]]

SHAPES: Final[dict[str, Symbols]] = {
    "one": lambda _, count: [0] * count,
    "two": lambda rng, count: [int(rng.random() < 0.1) for _ in range(count)],
    "uniform": lambda rng, count: [rng.randrange(1000) for _ in range(count)],
    "distinct": lambda rng, count: rng.sample(range(count), count),
    "skewed": lambda rng, count: [int(rng.paretovariate(0.7)) % 100_000 for _ in range(count)],
}


def numbered(values: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """Symbols from the most to the least frequent, and their weights."""
    counted = Counter(values).most_common()
    number = {value: at for at, (value, _) in enumerate(counted)}
    weights = Counter(count for _, count in counted)
    return [number[value] for value in values], sorted(weights.items(), reverse=True)


def keys_of(rng: random.Random, count: int) -> list[int]:
    return sorted(rng.getrandbits(64) for _ in range(count))


def packed(keys: list[int], symbols: list[int]) -> tuple[bytes, bytes]:
    return struct.pack(f"<{len(keys)}Q", *keys), struct.pack(f"<{len(symbols)}I", *symbols)


def made(count: int, shape: str, fingerprint_bits: int, seed: int = 1) -> tuple[dict[int, int], bytes]:
    rng = random.Random(seed)
    keys = keys_of(rng, count)
    symbols, weights = numbered(SHAPES[shape](rng, count))
    code = prefix_code(weights) if weights else PrefixCode((0,), (1,))
    return dict(zip(keys, symbols, strict=True)), write_retrieval(*packed(keys, symbols), code, fingerprint_bits)


def found(reader: RetrievalReader, keys: list[int]) -> list[int]:
    return list(struct.unpack(f"<{len(keys)}q", reader.find_all(struct.pack(f"<{len(keys)}Q", *keys))))


@pytest.mark.parametrize("fingerprint_bits", [0, 11, 24])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", SIZES)
def test_every_key_has_its_symbol(count: int, shape: str, fingerprint_bits: int) -> None:
    expected, image = made(count, shape, fingerprint_bits)
    reader = RetrievalReader(image)
    reader.verify()
    assert reader.keys == count
    assert found(reader, list(expected)) == list(expected.values())


@pytest.mark.parametrize("shape", ["skewed", "distinct"])
def test_a_hundred_thousand_keys_have_their_symbols(shape: str) -> None:
    expected, image = made(100_000, shape, 16)
    reader = RetrievalReader(image)
    reader.verify()
    assert found(reader, list(expected)) == list(expected.values())


@given(st.data())
def test_any_keys_and_symbols_are_found_as_in_a_dict(data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=200).map(sorted))
    values = data.draw(st.lists(st.integers(0, 40), min_size=len(keys), max_size=len(keys)))
    symbols, weights = numbered(values)
    code = prefix_code(weights) if weights else PrefixCode((0,), (1,))
    reader = RetrievalReader(write_retrieval(*packed(keys, symbols), code, data.draw(st.integers(0, 24))))
    reader.verify()
    assert [reader.find(key) for key in keys] == symbols


@given(st.integers(0, 2**32), st.integers(0, 240), st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_any_code_is_read_as_it_is_written(seed: int, count: int, steps: list[int]) -> None:
    rng = random.Random(seed)
    lengths = [sum(steps[: at + 1]) for at in range(len(steps))]
    counts = [1] * len(lengths)  # Kraft's sum is below 1, for no length comes twice
    counts[-1] = 1 << (lengths[-1] - lengths[-2]) if len(lengths) > 1 else 1 << lengths[0]
    code = PrefixCode(tuple(lengths), tuple(counts))
    keys = keys_of(rng, count)
    symbols = [rng.randrange(code.symbols) for _ in keys]
    reader = RetrievalReader(write_retrieval(*packed(keys, symbols), code, 0))
    reader.verify()
    assert reader.symbols == code.symbols
    assert found(reader, keys) == symbols


@pytest.mark.parametrize("count", [1, 3, 64, 5_000])
@pytest.mark.parametrize("fingerprint_bits", [4, 8])
def test_unknown_keys_are_taken_for_known_ones_as_often_as_fingerprints_agree(
    count: int, fingerprint_bits: int
) -> None:
    images, unknown_each = 40, 1_000
    wrong = 0
    for seed in range(images):
        expected, image = made(count, "distinct", fingerprint_bits, seed)
        unknown = keys_of(random.Random(seed + images), unknown_each)
        assert not expected.keys() & set(unknown)
        wrong += sum(symbol >= 0 for symbol in found(RetrievalReader(image), unknown))
    mean = images * unknown_each / 2**fingerprint_bits
    assert wrong < mean + 6 * mean**0.5
    if count == 5_000:  # so that nearly all codewords have a symbol
        assert wrong > 0.5 * mean


def test_it_takes_little_more_than_the_entropy() -> None:
    rng = random.Random(1)
    keys = keys_of(rng, 100_000)
    symbols, weights = numbered(SHAPES["skewed"](rng, len(keys)))
    image = write_retrieval(*packed(keys, symbols), prefix_code(weights), 16)
    assert 8 * len(image) / len(keys) < entropy(weights) + 16 + 2


def test_the_bytes_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    images = set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, threads=threads: set(range(threads)))
        images.add(made(300_000, "two", 3)[1])
    assert len(images) == 1


def test_an_empty_retrieval_knows_no_key() -> None:
    reader = RetrievalReader(write_retrieval(b"", b"", PrefixCode((0,), (1,)), 16))
    assert (reader.keys, reader.symbols) == (0, 1)
    assert all(reader.find(key) == -1 for key in range(1, 100))
    assert reader.find(2**64 - 1) == -1


@pytest.mark.parametrize(
    ("keys", "symbols", "fingerprint_bits", "message"),
    [
        ([2, 1], [0, 0], 8, "do not ascend"),
        ([1, 1], [0, 0], 8, "do not ascend"),
        ([1, 2], [0, 2], 8, "2 is not one of the code's 2 symbols"),
        ([1, 2], [0], 8, "not of one number"),
        ([1, 2], [0, 0], 25, "0 to 24 bits"),
        ([1, 2], [0, 0], -1, "0 to 24 bits"),
        (list(range(1000)), [0] * 1000, 8, "not uniform"),
    ],
)
def test_what_cannot_be_written_is_refused(
    keys: list[int], symbols: list[int], fingerprint_bits: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_retrieval(*packed(keys, symbols), PrefixCode((1,), (2,)), fingerprint_bits)


def test_where_a_bucket_would_be_overfull_there_are_more_of_them() -> None:
    """It hardly ever happens to uniform keys, and must not fail a build when it does."""
    evenly = range(1, 2**64, 2**64 // 15_000)  # 150 a bucket
    crowd = range(2**64 * 50 // 101, 2**64 * 51 // 101, 2**64 // 101 // 110)
    keys = sorted({*evenly, *crowd})
    reader = RetrievalReader(write_retrieval(*packed(keys, [0] * len(keys)), PrefixCode((0,), (1,)), 8))
    reader.verify()
    assert set(found(reader, keys)) == {0}


def harmless(image: bytes, keys: list[int]) -> bool:
    """Whether it can be opened; then every answer is in range."""
    try:
        reader = RetrievalReader(image)
    except ImageError:
        return False
    assert all(-1 <= symbol < reader.symbols for symbol in found(reader, keys))
    return True


def sound(image: bytes) -> bool:
    try:
        RetrievalReader(image).verify()
    except ImageError:
        return False
    return True


def some_keys(expected: dict[int, int]) -> list[int]:
    return [*list(expected)[:50], 0, 1, 2**63, 2**64 - 1, *keys_of(random.Random(5), 200)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_truncated_or_extended_retrieval_is_refused(shape: str) -> None:
    _, image = made(300, shape, 9)
    for end in range(len(image)):
        with pytest.raises(ImageError):
            RetrievalReader(image[:end])
    with pytest.raises(ImageError, match="the size of a retrieval's data"):
        RetrievalReader(image + b"\0")


@given(st.data())
def test_damage_of_any_kind_is_harmless(data: st.DataObject) -> None:
    expected, image = made(data.draw(st.sampled_from((1, 70, 300))), data.draw(st.sampled_from([*SHAPES])), 5)
    damaged = bytearray(image)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(image) - 1))
        some = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from((b"\xff" * 8, bytes(8))))
        damaged[at : at + len(some)] = some
    damaged = damaged[: len(image)]
    harmless(bytes(damaged), some_keys(expected))
    sound(bytes(damaged))


@given(st.binary(max_size=400), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32))
def test_a_head_that_fits_any_data_is_harmless(data: bytes, groups: int, buckets: int, seed: int) -> None:
    rng = random.Random(seed)
    lengths = sorted(rng.sample(range(1, 33), groups))
    named = b"".join(struct.pack("<II", length, 1) for length in lengths[:-1])
    named += struct.pack("<II", lengths[-1], 1 << (lengths[-1] - 1) if groups == 1 else 1)
    head = struct.pack("<QQIBBH", 5, len(data), buckets, rng.randrange(25), groups, 0)
    starts = struct.pack("<32H", *(rng.randrange(len(data) + 20) for _ in range(32)))
    image = head + named + struct.pack("<I", rng.randrange(len(data) + 1)) + starts + data + bytes(8)
    assert harmless(image, keys_of(rng, 50))
    sound(image)


def heads(image: bytes) -> list[int]:
    """Where buckets begin in an image of fewer than 32."""
    groups, buckets = image[21], struct.unpack_from("<I", image, 16)[0]
    at = HEAD_BYTES + GROUP_BYTES * groups + 4
    return [at + 64 + start for start in struct.unpack_from(f"<{buckets}H", image, at)]


def test_verifying_finds_every_flipped_bit_of_what_holds_the_buckets_together() -> None:
    _, image = made(700, "skewed", 9)
    groups = image[21]
    directory = HEAD_BYTES + GROUP_BYTES * groups
    assert groups > 1
    seen = {8 * at + bit for at in range(8, directory + 68) for bit in range(8)}
    seen -= {8 * (HEAD_BYTES + GROUP_BYTES * group + 4) + bit for group in range(groups) for bit in range(32)}
    for at in heads(image):
        seen |= {8 * at + bit for bit in range(8)}
        seen |= {
            8 * at + 12 + 10 * group + bit for group in range(groups - 1) for bit in (3, 4, 5, 6, 7)
        }  # at least a byte
    seen |= {8 * len(image) - 1 - bit for bit in range(64)}
    for bit in seen:
        damaged = bytearray(image)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert not sound(bytes(damaged)), f"bit {bit & 7} of byte {bit >> 3}"


def head(
    groups: list[tuple[int, int]], *, keys: int = 0, buckets: int = 1, fingerprint_bits: int = 8, zero: int = 0
) -> bytes:
    """A retrieval of empty buckets."""
    size = buckets * -(-(12 + 10 * (len(groups) - 1)) // 8)
    named = b"".join(struct.pack("<II", *group) for group in groups)
    data = bytes(68 * -(-buckets // 32) + size + 8)
    return struct.pack("<QQIBBH", keys, size, buckets, fingerprint_bits, len(groups), zero) + named + data


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"", "too short to be"),
        (head([(1, 1)], zero=1), "must be zero"),
        (head([(1, 1)], fingerprint_bits=25), "more bits of fingerprint"),
        (head([]), "1 to 6 groups"),
        (head([(at, 1) for at in range(1, 8)]), "1 to 6 groups"),
        (head([(1, 1)], buckets=0), "at least one bucket"),
        (head([(1, 1)])[:80], "too short for the directory"),
        (head([(2, 1), (2, 1)]), "do not ascend"),
        (head([(33, 1)]), "too long"),
        (head([(1, 0)]), "no symbols"),
        (head([(1, 1), (2, 3)]), "more codewords than there can be"),
        (head([(0, 2)]), "more codewords than there can be"),
    ],
)
def test_a_head_that_cannot_be_is_refused(image: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        RetrievalReader(image)


def changed(image: bytes, at: int, value: bytes) -> bytes:
    return image[:at] + value + image[at + len(value) :]


PLAIN: Final = head([(1, 1), (2, 1)])
DIRECTORY: Final = HEAD_BYTES + 2 * GROUP_BYTES
DATA: Final = DIRECTORY + 68


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (changed(PLAIN, DIRECTORY, b"\1"), "does not begin where"),
        (changed(changed(PLAIN, DIRECTORY, b"\xff\xff\xff\xff"), DIRECTORY + 4, b"\1"), "does not begin where"),
        (changed(PLAIN, DIRECTORY + 6, b"\1"), "more than where its buckets begin"),
        (changed(PLAIN, DATA, b"\4"), "reaches beyond the end"),
        (changed(PLAIN, DATA + 1, b"\xf0"), "reaches beyond the end"),
        (changed(PLAIN, DATA + 2, b"\x80"), "padding of a retrieval's bucket"),
        (changed(PLAIN, DATA + 3, b"\1"), "padding of a retrieval is not zero"),
        (head([(1, 1)], keys=1), "more keys than"),
        (changed(PLAIN[:-1], 8, b"\2"), "reaches beyond the end"),
        (changed(PLAIN + bytes(1), 8, b"\4"), "data beyond its last bucket"),
    ],
)
def test_buckets_that_cannot_be_are_found(image: bytes, message: str) -> None:
    harmless(image, [0, 5, 2**64 - 1])
    with pytest.raises(ImageError, match=message):
        RetrievalReader(image).verify()
