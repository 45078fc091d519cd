"""The keys that stand between a visitor's id and what is stored about the visitor.

`pseudonym = SipHash-2-4-128(site secret, "visitor_id" 0 id)` is what the control plane keeps in place of an id;
`unit_key = SipHash-2-4-64(epoch key, pseudonym)` is what a snapshot is built on. So epoch keys are rotated without
anyone holding ids. Who holds the keys can test a known id; nobody can list ids.

This module only computes. Who makes keys, and the file `membership.json` in a folder of keys, belong to the planes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Self

import msgspec
from typing_extensions import Buffer

from rulecore._hash import siphash_64, siphash_128
from rulecore._unit_keys import pseudonyms, unit_keys

KEY_FILE: Final = "membership.json"
"""The name of the keys' file in a folder of keys; its mode is 0600."""

KEY_BYTES: Final = 16
PSEUDONYM_BYTES: Final = 16
EPOCH_MAX: Final = 2**32 - 1

PSEUDONYM_PREFIX: Final = b"visitor_id\0"
"""What goes before the id in what is hashed to a pseudonym: the kind of id, and a zero byte."""

_VERSION: Final = 1
_HEX: Final = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")
_EPOCH: Final = re.compile(r"0|[1-9][0-9]{0,9}")


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    site_secret: str
    epochs: dict[str, str]


class MembershipKeys:
    """A site's secret and its epoch keys, 16 bytes each. Never shown: not by repr, not in an error."""

    __slots__ = ("_epochs", "_site_secret")

    def __init__(self, site_secret: bytes, epochs: Mapping[int, bytes]) -> None:
        """Raises ValueError for a key that is not 16 bytes long, an epoch out of range or no epoch at all."""
        if len(site_secret) != KEY_BYTES:
            raise ValueError(f"membership keys: site_secret has {KEY_BYTES} bytes, not {len(site_secret)}")
        if not epochs:
            raise ValueError("membership keys: there is no epoch key")
        for epoch, key in epochs.items():
            if not 0 <= epoch <= EPOCH_MAX:
                raise ValueError(f"membership keys: an epoch is a number from 0 to {EPOCH_MAX}, not {epoch}")
            if len(key) != KEY_BYTES:
                raise ValueError(f"membership keys: the key of epoch {epoch} has {KEY_BYTES} bytes, not {len(key)}")
        self._site_secret = bytes(site_secret)
        self._epochs = {epoch: bytes(epochs[epoch]) for epoch in sorted(epochs)}

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """From the content of `membership.json`. Raises ValueError that says what is wrong, and shows no key."""
        try:
            file = msgspec.json.decode(data, type=_KeyFile)
        except msgspec.MsgspecError as error:
            raise ValueError(f"membership keys: {error}") from None
        if file.version != _VERSION:
            raise ValueError(f"membership keys: version is {file.version}, this Edgewise reads {_VERSION}")
        epochs: dict[int, bytes] = {}
        for epoch, key in file.epochs.items():
            if not _EPOCH.fullmatch(epoch):
                raise ValueError(f"membership keys: an epoch is a number from 0 to {EPOCH_MAX}, not {epoch[:40]!r}")
            epochs[int(epoch)] = _from_hex(key, f"epochs.{epoch}")
        return cls(_from_hex(file.site_secret, "site_secret"), epochs)

    def to_json(self) -> bytes:
        """The content of `membership.json`. Holds the keys in plain hexadecimal."""
        epochs = {str(epoch): key.hex() for epoch, key in self._epochs.items()}
        file = _KeyFile(version=_VERSION, site_secret=self._site_secret.hex(), epochs=epochs)
        return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"

    @property
    def epochs(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(self._epochs)

    def pseudonym(self, visitor_id: str) -> bytes:
        """16 bytes that stand for the visitor in place of the id."""
        return siphash_128(self._site_secret, PSEUDONYM_PREFIX + visitor_id.encode())

    def unit_key(self, visitor_id: str, epoch: int) -> int:
        """The 64 bits that a snapshot of the epoch knows the visitor by. Raises KeyError without a key of the epoch."""
        return siphash_64(self.epoch_key(epoch), self.pseudonym(visitor_id))

    def pseudonyms(self, offsets: Buffer, text: Buffer, first: int, count: int, *, offset_bytes: int) -> bytes:
        """The pseudonyms, 16 bytes each, of many visitor ids, from the buffers of an Arrow array of texts.

        Ids `first` to `first + count` are taken; offsets are 4 bytes wide, or 8 in a large array. Works without the
        GIL.
        """
        return pseudonyms(self._site_secret, PSEUDONYM_PREFIX, offsets, text, first, count, offset_bytes)

    def unit_keys(self, epoch: int, pseudonyms: Buffer) -> bytes:
        """The unit keys, little-endian 64-bit numbers, of many pseudonyms. Works without the GIL.

        Raises KeyError without a key of the epoch.
        """
        return unit_keys(self.epoch_key(epoch), pseudonyms)

    @property
    def site_secret(self) -> bytes:
        return self._site_secret

    def epoch_key(self, epoch: int) -> bytes:
        """Raises KeyError without a key of the epoch."""
        try:
            return self._epochs[epoch]
        except KeyError:
            held = ", ".join(map(str, self._epochs))
            raise KeyError(f"no membership key of epoch {epoch}; the keys held are of epochs {held}") from None

    def __repr__(self) -> str:
        return f"<MembershipKeys of epochs {', '.join(map(str, self._epochs))}>"

    def __reduce__(self) -> str:
        raise TypeError("membership keys are not pickled: write them with to_json where they belong")


def _from_hex(text: str, where: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise ValueError(f"membership keys: {where} is not {2 * KEY_BYTES} hexadecimal digits in lower case")
    return bytes.fromhex(text)
