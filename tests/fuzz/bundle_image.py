"""Bundle images of doubtful origin: each is refused, or answers, by every way of asking the same."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benches.generator import Scenario
from central.authoring.load import load_bundle
from rulecore import BundleImage, ContextError, Engine, ImageError, Membership, MembershipKeys, write_bundle
from rulecore._hash import xxh64
from rulecore.errors import LinkError
from rulecore.model import Attribute, Bundle, Placement, Rule, Type, Variant
from rulecore.snapshot import write_snapshot
from tests.samples import CONDITIONS, CONTEXTS, sample_bundle

STOREFRONT = Path(__file__).parents[2] / "rules" / "storefront"
CHECKSUMMED_FROM = 32
NOW = 1_795_000_000_000_000
KEYS = MembershipKeys(bytes(16), {1: bytes(16)})
MEMBERSHIP = Membership(write_snapshot({"v1": {"vip"}}, KEYS, 1, {"tier": {"v1": "gold"}}), KEYS)
VALUES: dict[Type, object] = {
    Type.BOOL: True,
    Type.INT: 7,
    Type.DOUBLE: 0.75,
    Type.STRING: "New York",
    Type.TIMESTAMP: "2026-11-20T18:00:00Z",
    Type.DURATION: "1h30m",
    Type.LIST_STRING: ["winter", "a"],
    Type.LIST_INT: [40, 42],
}


def seeds() -> Iterator[bytes]:
    """Nothing, one placement, each condition alone, everything that an image can hold, a retailer's rules, our own."""
    yield write_bundle(Bundle("b", "UTC", (), (), (), (), ()))
    yield write_bundle(Bundle("b", "UTC", (), (), (), (), (Placement("p", (Variant("v", b"1"),), "v", ()),)))
    sample = sample_bundle()
    for number, when in enumerate(CONDITIONS):
        rule = Rule(f"r{number}", when, (), "visitor_id", "s", serve="v")
        placement = Placement("p", (Variant("v"), Variant("w")), "w", (rule,))
        yield write_bundle(msgspec.structs.replace(sample, holdouts=(), layers=(), placements=(placement,)))
    yield write_bundle(sample)
    for rules in (20, 300):  # fewer than a word of bits; more than two, and enough for clusters
        yield write_bundle(Scenario(rules).bundle)
    storefront = load_bundle(STOREFRONT).bundle
    assert storefront is not None
    # Without its content blocks, which are most of its bytes and have no structure.
    yield write_bundle(msgspec.structs.replace(storefront, placements=tuple(map(_bare, storefront.placements))))


def _bare(placement: Placement) -> Placement:
    variants = tuple(msgspec.structs.replace(variant, block=None) for variant in placement.variants)
    return msgspec.structs.replace(placement, variants=variants)


def seal(image: bytearray) -> bytes:
    """The image with its length and checksum made to fit."""
    if len(image) >= CHECKSUMMED_FROM:
        struct.pack_into("<QQ", image, 16, len(image), xxh64(bytes(image[CHECKSUMMED_FROM:])))
    return bytes(image)


def run(data: bytes) -> None:
    """Anything but a refusal that says where, or answers, raises."""
    try:
        image = BundleImage(data)
    except ImageError as error:
        if not 0 <= error.offset <= len(data):
            raise
        return
    for placement in image.placements:
        for variant in image.variants(placement):
            image.block(placement, variant)
    _ask(image, None)
    _ask(image, MEMBERSHIP)


def _ask(image: BundleImage, membership: Membership | None) -> None:
    try:
        engine = Engine(image, membership)
    except (ImageError, LinkError):
        return  # names of attributes and segments are linked when an engine is made
    for context in (*CONTEXTS, _context(image.attributes)):
        body = msgspec.json.encode(context)
        assert _answers(engine, context) == _answers(engine, body)


def _context(attributes: tuple[Attribute, ...]) -> dict[str, object]:
    """One that gives every attribute."""
    return {attribute.name: VALUES[attribute.type] for attribute in attributes if attribute.type in VALUES}


def _answers(engine: Engine, context: dict[str, object] | bytes) -> list[str] | str | None:
    """All that an engine says, as text; the name of the attribute that a context is refused for."""
    try:
        decisions = engine.decide_all(context, NOW)
        said = [repr(engine.matching_segments(context, NOW))]
        for decision in decisions:
            told = engine.explain(decision.placement, context, NOW)
            assert (told.variant, told.reason, told.rule) == (decision.variant, decision.reason, decision.rule)
            said += [repr(decision), repr(decision.payload), repr(decision.block), repr(told)]
    except ContextError as error:
        return error.attribute
    return said
