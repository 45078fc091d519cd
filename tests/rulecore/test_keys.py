"""Membership keys compute what the design says, refuse what is malformed, and never show a key."""

from __future__ import annotations

import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._hash import siphash_64, siphash_128
from rulecore._unit_keys import pseudonyms, unit_keys
from rulecore.keys import MembershipKeys

SECRET = bytes(range(16))
EPOCH_KEY = bytes(range(16, 32))
KEYS = MembershipKeys(SECRET, {3: EPOCH_KEY, 1: bytes(16)})
HEX = "0123456789abcdef" * 2
ids = st.text(max_size=40)


def test_pseudonyms_and_unit_keys_never_change() -> None:
    assert KEYS.pseudonym("visitor-1").hex() == "ec85af6041f52e881248bce3272fd559"
    assert KEYS.unit_key("visitor-1", 3) == 0xBDC601AD76B93DED


def test_a_pseudonym_hashes_kind_zero_byte_and_id() -> None:
    assert KEYS.pseudonym("ü") == siphash_128(SECRET, b"visitor_id\0\xc3\xbc")


def test_a_unit_key_hashes_the_pseudonym_with_the_epoch_key() -> None:
    assert KEYS.unit_key("a", 3) == siphash_64(EPOCH_KEY, KEYS.pseudonym("a"))
    assert KEYS.unit_key("a", 3) != KEYS.unit_key("a", 1)


def test_an_epoch_without_a_key_is_named_with_those_held() -> None:
    with pytest.raises(KeyError, match="no membership key of epoch 2; the keys held are of epochs 1, 3"):
        KEYS.unit_key("a", 2)


def test_json_goes_there_and_back() -> None:
    again = MembershipKeys.from_json(KEYS.to_json())
    assert again.epochs == (1, 3)
    assert again.to_json() == KEYS.to_json()
    assert again.unit_key("a", 3) == KEYS.unit_key("a", 3)


def test_no_key_is_shown() -> None:
    shown = f"{KEYS!r} {KEYS}"
    assert repr(KEYS) == "<MembershipKeys of epochs 1, 3>"
    for key in (SECRET, EPOCH_KEY):
        assert key.hex() not in shown
        assert repr(key) not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEYS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `version`"),
        (b'{"version": 2, "site_secret": "", "epochs": {}}', "version is 2, this Edgewise reads 1"),
        (b'{"version": 1, "epochs": {}}', "missing required field `site_secret`"),
        (b'{"version": 1, "site_secret": 5, "epochs": {}}', "got `int` - at `$.site_secret`"),
        (b'{"version": 1, "site_secret": "%s", "epochs": {}}' % HEX.encode(), "there is no epoch key"),
        (b'{"version": 1, "site_secret": "00", "epochs": {"1": "00"}}', "epochs.1 is not 32 hexadecimal digits"),
        (b'{"version": 1, "site_secret": "00", "epochs": {}}', "site_secret is not 32 hexadecimal digits"),
        (b'{"version": 1, "site_secret": "00", "epochs": {"01": ""}}', "an epoch is a number from 0 to 4294967295"),
        (
            b'{"version": 1, "site_secret": "%s", "epochs": {"4294967296": "%s"}}' % (HEX.encode(), HEX.encode()),
            "from 0 to 4294967295, not 4294967296",
        ),
        (b'{"version": 1, "site_secret": "00", "epochs": {}, "more": 1}', "unknown field `more`"),
    ],
)
def test_malformed_json_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match="membership keys: ") as raised:
        MembershipKeys.from_json(data)
    assert message in str(raised.value)
    assert HEX not in str(raised.value)


def test_keys_of_a_wrong_size_are_refused() -> None:
    with pytest.raises(ValueError, match="site_secret has 16 bytes, not 15"):
        MembershipKeys(bytes(15), {1: bytes(16)})
    with pytest.raises(ValueError, match="the key of epoch 1 has 16 bytes, not 17"):
        MembershipKeys(bytes(16), {1: bytes(17)})


def arrow_buffers(texts: list[str], code: str) -> tuple[bytes, bytes]:
    """The buffers of an Arrow string array, made by hand; offsets are "i" or "q"."""
    encoded = [text.encode() for text in texts]
    offsets = [0]
    for text in encoded:
        offsets.append(offsets[-1] + len(text))
    return struct.pack(f"<{len(offsets)}{code}", *offsets), b"".join(encoded)


@given(st.lists(ids | st.sampled_from(["", "a", "b"]), max_size=20), st.integers(0, 5), st.sampled_from("iq"))
def test_many_at_once_agree_with_one_by_one(texts: list[str], skip: int, code: str) -> None:
    offsets, text = arrow_buffers(texts, code)
    first = min(skip, len(texts))
    count = len(texts) - first
    pseudonyms = KEYS.pseudonyms(offsets, text, first, count, offset_bytes=struct.calcsize(f"<{code}"))
    assert pseudonyms == b"".join(map(KEYS.pseudonym, texts[first:]))
    keys = KEYS.unit_keys(3, pseudonyms)
    assert list(struct.unpack(f"<{count}Q", keys)) == [KEYS.unit_key(text, 3) for text in texts[first:]]


def test_keys_of_a_wrong_size_hash_nothing() -> None:
    with pytest.raises(ValueError, match="a SipHash key has 16 bytes"):
        pseudonyms(bytes(15), b"", bytes(4), b"", 0, 0, 4)
    with pytest.raises(ValueError, match="a SipHash key has 16 bytes"):
        unit_keys(bytes(15), b"")


def test_pseudonyms_that_are_not_whole_and_odd_offsets_are_refused() -> None:
    with pytest.raises(ValueError, match="17 bytes are not whole pseudonyms"):
        KEYS.unit_keys(1, bytes(17))
    with pytest.raises(ValueError, match="offsets have 4 or 8 bytes, not 2"):
        KEYS.pseudonyms(bytes(4), b"", 0, 1, offset_bytes=2)
    with pytest.raises(KeyError, match="no membership key of epoch 2"):
        KEYS.unit_keys(2, b"")


def test_long_ids_among_many_are_hashed_whole() -> None:
    texts = ["a", "b" * 100_000, "c"]
    assert KEYS.pseudonyms(*arrow_buffers(texts, "i"), 0, 3, offset_bytes=4) == b"".join(map(KEYS.pseudonym, texts))


@pytest.mark.parametrize(
    ("offsets", "text", "first", "count"),
    [
        ([0, 3], b"abc", 0, 2),
        ([0, 3], b"abc", 1, 1),
        ([0, 3], b"abc", -1, 1),
        ([0, 3], b"abc", 0, 2**62),
        ([0, 4], b"abc", 0, 1),
        ([2, 1], b"abc", 0, 1),
        ([-1, 1], b"abc", 0, 1),
        ([], b"", 0, 0),
    ],
)
@pytest.mark.parametrize("code", ["i", "q"])
def test_offsets_that_do_not_fit_the_buffers_are_refused(
    offsets: list[int], text: bytes, first: int, count: int, code: str
) -> None:
    packed = struct.pack(f"<{len(offsets)}{code}", *offsets)
    with pytest.raises(ValueError, match="offsets"):
        KEYS.pseudonyms(packed, text, first, count, offset_bytes=struct.calcsize(f"<{code}"))
