import os

from typing_extensions import Buffer

from rulecore.model import Attribute

class BundleImage:
    """A verified bundle image. Holds on to the buffer (bytes or a mapping) that it was read from."""

    def __init__(self, data: Buffer) -> None:
        """Verify in one pass. Raises ImageError, ImageVersionError or ImageFeatureError."""
    @staticmethod
    def open(path: str | os.PathLike[str]) -> BundleImage:
        """Map a file read-only and verify it. Raises ImageError, OSError."""
    @property
    def name(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def checksum(self) -> int: ...
    @property
    def size(self) -> int:
        """Bytes."""
    @property
    def placements(self) -> tuple[str, ...]: ...
    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """With source and source name: what the edge reads of a request."""
    @property
    def segments(self) -> tuple[str, ...]:
        """Precomputed segments that the bundle needs."""
    @property
    def rule_count(self) -> int: ...
    @property
    def predicate_count(self) -> int:
        """Different predicates in all conditions: each is evaluated at most once a decision."""
    @property
    def zones_version(self) -> str:
        """The version of the time zone database that conditions use, empty when they use none."""
    def variants(self, placement: str) -> tuple[str, ...]:
        """The placement's variants, in order. Raises PlacementError."""
    def block(self, placement: str, variant: str) -> bytes | None:
        """The content block of a variant, or None. Raises PlacementError; KeyError for an unknown variant."""
