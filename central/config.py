"""The limits of the control plane, each with its unit last in its name. Those of images are in `rulecore.limits`."""

from __future__ import annotations

from typing import Final

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What the sources of a bundle are held to."""

    source_bytes_max: int = 64 << 20
    source_files_max: int = 10_000
    nesting_levels_max: int = 32
    repairs_per_file_max: int = 20


LIMITS: Final = Limits()
