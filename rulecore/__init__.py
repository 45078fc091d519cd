"""The contract of both planes: images, hashing, and the evaluator that reads them."""

from rulecore._bundle import BundleImage
from rulecore._delta import DeltaImage
from rulecore._engine import Decision, Engine
from rulecore._grouping import NO_SEGMENT, RowGrouper
from rulecore._hash import murmur3_32
from rulecore._membership import Membership
from rulecore._snapshot import SnapshotImage
from rulecore._text import duration_constant, is_semver, timestamp_constant
from rulecore.errors import (
    ContextError,
    EdgewiseError,
    ImageError,
    ImageFeatureError,
    ImageVersionError,
    LimitError,
    LinkError,
    PatternError,
    PlacementError,
    UnitKeyCollisionError,
)
from rulecore.image import write_bundle
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS, Limits

__all__ = [
    "LIMITS",
    "NO_SEGMENT",
    "BundleImage",
    "ContextError",
    "Decision",
    "DeltaImage",
    "EdgewiseError",
    "Engine",
    "ImageError",
    "ImageFeatureError",
    "ImageVersionError",
    "LimitError",
    "Limits",
    "LinkError",
    "Membership",
    "MembershipKeys",
    "PatternError",
    "PlacementError",
    "RowGrouper",
    "SnapshotImage",
    "UnitKeyCollisionError",
    "duration_constant",
    "is_semver",
    "murmur3_32",
    "timestamp_constant",
    "write_bundle",
]
