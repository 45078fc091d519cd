"""The hash functions give the published values, and what other implementations give."""

from __future__ import annotations

import mmh3
import pytest
import siphash24
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from rulecore._hash import murmur3_32, siphash_64, siphash_128, xxh64

SIP_KEY = bytes(range(16))
seeds_32 = st.integers(0, 2**32 - 1)
seeds_64 = st.integers(0, 2**64 - 1)
keys = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"", 0xFFFFFFFF, 0x81F16F39),
        (b"\xff\xff\xff\xff", 0, 0x76293B50),
        (b"\x21\x43\x65\x87", 0, 0xF55B516B),
        (b"\x21\x43\x65\x87", 0x5082EDEE, 0x2362F9DE),
        (b"\x21\x43\x65", 0, 0x7E4A8634),
        (b"\x21\x43", 0, 0xA0F7B07A),
        (b"\x21", 0, 0x72661CF4),
        (b"\0\0\0\0", 0, 0x2362F9DE),
        (b"\0", 0, 0x514E28B7),
        (b"Hello, world!", 0x9747B28C, 0x24884CBA),
        ("ππππππππ".encode(), 0x9747B28C, 0xD58063C1),
        (b"a" * 256, 0x9747B28C, 0x37405BDC),
    ],
)
def test_murmur3_32_gives_the_published_values(data: bytes, seed: int, expected: int) -> None:
    assert murmur3_32(data, seed) == expected


def test_murmur3_32_gives_the_verification_value_of_smhasher() -> None:
    hashes = b"".join(murmur3_32(bytes(range(size)), 256 - size).to_bytes(4, "little") for size in range(256))
    assert murmur3_32(hashes, 0) == 0xB0F57EE3


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        (b"", 0, 0xEF46DB3751D8E999),
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1),
        (b"xxhash", 20141025, 13067679811253438005),
    ],
)
def test_xxh64_gives_the_published_values(data: bytes, seed: int, expected: int) -> None:
    assert xxh64(data, seed) == expected


def test_siphash_64_gives_the_values_of_its_paper_and_reference() -> None:
    assert siphash_64(SIP_KEY, bytes(range(15))) == 0xA129CA6149BE45E5
    assert siphash_64(SIP_KEY, b"").to_bytes(8, "little").hex() == "310e0edd47db6f72"
    assert siphash_64(SIP_KEY, b"\0").to_bytes(8, "little").hex() == "fd67dc93c539f874"


def test_siphash_128_gives_the_values_of_its_reference() -> None:
    assert siphash_128(SIP_KEY, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert siphash_128(SIP_KEY, b"\0").hex() == "da87c1d86b99af44347659119b22fc45"


@given(st.binary(max_size=300), seeds_32)
def test_murmur3_32_agrees_with_mmh3(data: bytes, seed: int) -> None:
    assert murmur3_32(data, seed) == mmh3.hash(data, seed, signed=False)


@given(st.binary(max_size=300), seeds_64)
def test_xxh64_agrees_with_xxhash(data: bytes, seed: int) -> None:
    assert xxh64(data, seed) == xxhash.xxh64_intdigest(data, seed)


@given(keys, st.binary(max_size=300))
def test_siphash_agrees_with_siphash24(key: bytes, data: bytes) -> None:
    assert siphash_64(key, data) == int.from_bytes(siphash24.siphash24(data, key=key).digest(), "little")


def test_data_at_any_address_gives_the_same() -> None:
    data = bytes(range(251)) * 2
    room = bytearray(len(data) + 8)
    for shift in range(8):
        room[shift : shift + len(data)] = data
        view = memoryview(room)[shift : shift + len(data)]
        assert murmur3_32(view) == murmur3_32(data)
        assert xxh64(view) == xxh64(data)
        assert siphash_64(SIP_KEY, view) == siphash_64(SIP_KEY, data)
        assert siphash_128(SIP_KEY, view) == siphash_128(SIP_KEY, data)


def test_an_empty_memoryview_is_empty_data() -> None:
    assert xxh64(memoryview(b"")) == xxh64(b"")


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_siphash_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"16 bytes, not {size}"):
        siphash_64(bytes(size), b"")
    with pytest.raises(ValueError, match=f"16 bytes, not {size}"):
        siphash_128(bytes(size), b"")


@pytest.mark.parametrize("wrong", ["text", None, 1])
def test_what_is_not_bytes_is_refused(wrong: object) -> None:
    for function in (murmur3_32, xxh64):
        with pytest.raises(TypeError):
            function(wrong)  # type: ignore[arg-type]
