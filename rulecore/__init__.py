"""The contract of both planes: images, hashing, and the evaluator that reads them."""

from rulecore._bundle import BundleImage
from rulecore._engine import Decision, Engine
from rulecore._membership import Membership
from rulecore.errors import (
    ContextError,
    EdgewiseError,
    ImageError,
    ImageFeatureError,
    ImageVersionError,
    LimitError,
    LinkError,
    PlacementError,
)
from rulecore.image import write_bundle
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS, Limits

__all__ = [
    "LIMITS",
    "BundleImage",
    "ContextError",
    "Decision",
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
    "PlacementError",
    "write_bundle",
]
