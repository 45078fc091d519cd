"""Changes to images that a reader can't refuse at its door. What the image holds is left to its format.

Images are tables of little-endian numbers, and libFuzzer's own changes move most of them or break the checksum. So as a
rule numbers are changed in their places, by what breaks readers or by what stands elsewhere in the image; and the
checksums are always made to fit again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

WORDS: Final = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 62, 1 << 63)
CHANGES_MAX: Final = 4
IN_PLACE: Final = 0.8
"""The share of mutations that change numbers in their places."""

Seal = Callable[[bytearray], bytes]
Mutate = Callable[[bytes, int], bytes]


def mutator(seal: Seal, mutate: Mutate) -> Callable[[bytes, int, int], bytes]:
    """A custom mutator for libFuzzer; `mutate` is its own, `seal` makes the checksums fit."""

    def change(data: bytes, size_max: int, seed: int) -> bytes:
        chance = random.Random(seed)
        changed = bytearray(data)
        if len(changed) >= 16 and chance.random() < IN_PLACE:
            for _ in range(chance.randint(1, CHANGES_MAX)):
                _change_number(changed, chance)
        else:
            changed = bytearray(mutate(data, size_max))
        return seal(changed)[:size_max]

    return change


def _change_number(image: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    at = chance.randrange(len(image) // size) * size
    old = int.from_bytes(image[at : at + size], "little")
    other = chance.randrange(len(image) // size) * size
    new = chance.choice(
        (
            chance.choice(WORDS),
            old + chance.choice((-8, -1, 1, 8)),
            old ^ 1 << chance.randrange(8 * size),
            int.from_bytes(image[other : other + size], "little"),
        )
    )
    image[at : at + size] = (new & (1 << 8 * size) - 1).to_bytes(size, "little")
