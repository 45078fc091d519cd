"""A bundle image is either taken whole or refused with what and where; nothing that lies in it can hurt its reader."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rulecore import (
    BundleImage,
    Engine,
    ImageError,
    ImageFeatureError,
    ImageVersionError,
    LimitError,
    layout,
    write_bundle,
)
from rulecore._hash import xxh64
from rulecore._layout import Section
from rulecore.limits import LIMITS
from rulecore.model import Attr, Attribute, Bundle, Call, Const, Placement, Rule, Source, Type, Variant
from tests.samples import CONTEXTS, sample_bundle

IMAGE = write_bundle(sample_bundle())
NOW = 1_795_000_000_000_000


def answers(image: bytes) -> list[str]:
    """All that an engine says of the contexts: decisions, explanations, segments."""
    engine = Engine(BundleImage(image))
    said = []
    for context in CONTEXTS:
        said += [repr(decision) for decision in engine.decide_all(context, NOW)]
        said += [repr(engine.explain(placement, context, NOW)) for placement in engine.bundle.placements]
        said.append(repr(engine.matching_segments(context, NOW)))
    return [line.replace(engine.release, "") for line in said]


def with_checksum(image: bytes | bytearray) -> bytes:
    """The image with its checksum made to fit: what an attacker would hand over."""
    return bytes(image[:24]) + struct.pack("<Q", xxh64(bytes(image[32:]))) + bytes(image[32:])


def survives(image: bytes) -> bool:
    """Whether the image is taken, after everything has been asked of it that a reader asks."""
    try:
        read = BundleImage(image)
    except ImageError as error:
        if not 0 <= error.offset <= len(image):
            pytest.fail(f"{error} lies outside of the image")
        return False
    assert len((read.name, read.attributes, read.segments, read.timezone, read.zones_version)) == 5
    for placement in read.placements:
        for variant in read.variants(placement):
            read.block(placement, variant)
    # Attributes that no context can give are refused when an engine is made of the image.
    with contextlib.suppress(ImageError):
        answers(image)
    return True


def test_the_same_bundle_gives_the_same_bytes() -> None:
    assert write_bundle(sample_bundle()) == IMAGE


def test_an_image_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "with a space.bundle"
    path.write_bytes(IMAGE)
    for image in (BundleImage(IMAGE), BundleImage.open(path), BundleImage.open(str(path))):
        assert image.name == "sample"
        assert image.timezone == "America/New_York"
        assert image.placements == ("banner", "closed", "hero")
        assert image.variants("hero") == ("hat", "coat", "none")
        assert image.block("hero", "hat") == b"<p>A hat</p>"
        assert image.block("hero", "coat") is None
        assert image.segments == ("vip",)
        assert image.size == len(IMAGE)
        assert image.rule_count == sum(len(placement.rules) for placement in sample_bundle().placements)
        assert 0 < image.predicate_count < image.rule_count
        written = {attribute.name: attribute for attribute in sample_bundle().attributes}
        read = {attribute.name: attribute for attribute in image.attributes}
        assert written.items() <= read.items()
        assert set(read) - set(written) == {"consent", "segments", "timezone", "visitor_id"}


def test_an_image_at_an_odd_address_is_read_too() -> None:
    assert BundleImage(memoryview(b"x" + IMAGE)[1:]).checksum == BundleImage(IMAGE).checksum


def test_every_changed_byte_is_noticed() -> None:
    for at in range(len(IMAGE)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(IMAGE)
            damaged[at] ^= flip
            with pytest.raises(ImageError):
                BundleImage(bytes(damaged))


def test_every_truncation_is_noticed() -> None:
    for size in range(len(IMAGE)):
        with pytest.raises(ImageError):
            BundleImage(IMAGE[:size])
        assert not survives(with_checksum(IMAGE[:size].ljust(32, b"\0")))


def changed_bytes(flips: tuple[int, ...], step: int) -> Iterator[bytes]:
    for at in range(0, len(IMAGE), step):
        for flip in flips:
            damaged = bytearray(IMAGE)
            damaged[at] ^= flip
            yield with_checksum(damaged)


def test_a_changed_byte_with_a_fitting_checksum_is_refused_or_harmless() -> None:
    outcomes = [survives(image) for image in changed_bytes((0xFF,), 1)]
    assert 0 < sum(outcomes) < len(outcomes)


@pytest.mark.soak
def test_every_value_of_every_byte_with_a_fitting_checksum_is_refused_or_harmless() -> None:
    for image in changed_bytes(tuple(range(1, 256)), 1):
        survives(image)


def mutated(seed: int) -> bytes:
    """The image with a few words replaced by what breaks readers, or by words from elsewhere in it."""
    chance = random.Random(seed)
    damaged = bytearray(IMAGE)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(32, len(IMAGE) - 8)
        size = chance.choice((1, 2, 4, 8))
        at -= at % size
        if chance.random() < 0.5:
            other = chance.randrange(32, len(IMAGE) - 8)
            damaged[at : at + size] = IMAGE[other : other + size]
        else:
            word = chance.choice((0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63))
            damaged[at : at + size] = (word & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return with_checksum(damaged)


def test_random_mutations_with_a_fitting_checksum_are_refused_or_harmless() -> None:
    outcomes = [survives(mutated(seed)) for seed in range(3_000)]
    assert 0 < sum(outcomes) < len(outcomes)


@pytest.mark.soak
def test_many_random_mutations_with_a_fitting_checksum_are_refused_or_harmless() -> None:
    for seed in range(3_000, 300_000):
        survives(mutated(seed))


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (b"", ImageError, "shorter than a header (at byte 0)"),
        (b"EWBUNDLE", ImageError, "shorter than a header (at byte 8)"),
        (b"%PDF-1.7" + IMAGE[8:], ImageError, "not a bundle image (at byte 0)"),
        (IMAGE[:8] + struct.pack("<I", 2) + IMAGE[12:], ImageVersionError, "a newer format (at byte 8)"),
        (IMAGE[:8] + struct.pack("<I", 0) + IMAGE[12:], ImageError, "no such format (at byte 8)"),
        (
            IMAGE[:12] + struct.pack("<I", 4) + IMAGE[16:],
            ImageFeatureError,
            "a feature that this reader lacks (at byte 12)",
        ),
        (IMAGE + b"\0", ImageError, "truncated, or with bytes behind its end (at byte 16)"),
        (IMAGE[:-1] + b"\1", ImageError, "the checksum does not fit (at byte 24)"),
    ],
)
def test_what_is_no_image_of_ours_is_refused_by_name(image: bytes, kind: type[ImageError], message: str) -> None:
    with pytest.raises(kind) as caught:
        BundleImage(image)
    assert type(caught.value) is kind
    assert str(caught.value) == message


def section(which: Section) -> int:
    """Where in the image a section begins."""
    (start,) = struct.unpack_from("<Q", IMAGE, layout.HEADER.size + layout.TABLE_ENTRY.size * which)
    return int(start)


def span_of(text: bytes) -> bytes:
    return layout.SPAN.pack(IMAGE.index(text, section(Section.POOL)) - section(Section.POOL), len(text))


def moved(text: bytes, begin: int, end: int) -> tuple[bytes, bytes]:
    """The span of a text, and one that begins and ends so many bytes later."""
    offset, size = layout.SPAN.unpack(span_of(text))
    return span_of(text), layout.SPAN.pack(offset + begin, size + end - begin)


@pytest.mark.parametrize(
    ("where", "old", "new", "message"),
    [
        (Section.POOL, b"hero", b"heRo", "a character that no name has"),
        (Section.POOL, b"app_version", b"app\nversion", "a control character in a line"),
        (Section.POOL, "Zürich".encode(), b"Z\xc3(rich", "text that is not UTF-8"),
        (Section.TEXT_ITEMS, *moved("Zürich".encode(), 0, -5), "a malformed text of a list"),
        (Section.TEXT_ITEMS, *moved("Zürich".encode(), 2, 0), "a malformed text of a list"),
        (Section.RULES, *moved(b"rule-70", 4, 0), "a rule with a malformed name"),
        (Section.RULES, span_of(b"rule-70"), span_of(b"app_version"), "a rule with a malformed name"),
        (Section.RULES, *moved(b"rule-70", 0, 58), "a rule with a malformed name"),
        (Section.ATTRIBUTES, span_of(b"city"), span_of("Zürich".encode()), "a malformed name of an attribute"),
        (Section.PATTERNS, b"", layout.SPAN.pack(0, 4_001), "a malformed pattern"),
        (Section.CIDRS, bytes([4, 8, 10]), bytes([4, 33, 10]), "a malformed network"),
    ],
)
def test_text_is_refused_that_is_not_what_its_place_asks_for(
    where: Section, old: bytes, new: bytes, message: str
) -> None:
    at = IMAGE.index(old, section(where))
    with pytest.raises(ImageError, match=message):
        BundleImage(with_checksum(IMAGE[:at] + new + IMAGE[at + len(new) :]))


@pytest.mark.parametrize(
    ("where", "at", "word", "message"),
    [
        (Section.META, 44, 1 << 20, "parts of the pool that are out of order"),
        (Section.RULES, 8, 100_000, "a rule with a condition that is not there"),
        (Section.RULES, 12, 5, "a rule that serves what is not there"),
        (Section.RULES, 12, layout.NONE, "a rule with a split between variants that are not there"),
        (Section.RULES, 16, 1_000, "a rule with terms that are not there"),
        (Section.TERMS, 64, 1, "a rule with a split that is not its own"),
        (Section.TERMS, 76, 1, "a split whose weights do not add up"),
        (Section.SPLITS, 0, 1_000, "a split between more variants than there may be"),
        (Section.SPLITS, 4, 1, "a split whose weights do not add up"),
    ],
)
def test_a_rule_is_refused_that_names_what_it_must_not(where: Section, at: int, word: int, message: str) -> None:
    damaged = bytearray(IMAGE)
    struct.pack_into("<I", damaged, section(where) + at, word)
    with pytest.raises(ImageError, match=message):
        BundleImage(with_checksum(damaged))


def test_terms_are_written_once_for_all_rules_that_have_the_same() -> None:
    def written(*rules: Rule) -> int:
        placements = tuple(
            Placement(name, (Variant("v"), Variant("w")), "v", (one,))
            for name, one in zip("abcdef", rules, strict=False)
        )
        return len(write_bundle(Bundle("b", "UTC", (), (), (), (), placements)))

    def rule(name: str, salt: str, split: tuple[tuple[str, int], ...]) -> Rule:
        return Rule(name, None, (), "visitor_id", salt, serve=None if split else "v", split=split)

    halves = (("v", 1), ("w", 1))
    plain = written(rule("r", "s", ()), rule("s", "s", ()))
    assert written(rule("r", "s", ()), rule("s", "another", ())) == plain, "a salt is used by percent and split only"
    split = written(rule("r", "s", halves), rule("s", "s", halves))
    assert written(rule("r", "s", halves), rule("s", "t", halves)) == split + layout.TERMS.size + 2 * 8 + 8


def test_an_attribute_with_a_name_over_its_limit_is_refused() -> None:
    attribute = Attribute("n" * 32_769, Type.INT, (), Source.CONTEXT)
    with pytest.raises(LimitError, match="longer than 32,768 bytes"):
        write_bundle(Bundle("big", "UTC", (attribute,), (), (), (), ()))


def test_predicates_cannot_show_more_text_than_there_is() -> None:
    damaged = bytearray(IMAGE)
    (size,) = struct.unpack_from("<Q", IMAGE, layout.HEADER.size + layout.TABLE_ENTRY.size * Section.POOL + 8)
    for at in range(2):
        layout.SPAN.pack_into(damaged, section(Section.PREDICATES) + at * layout.PREDICATE.size, 0, size)
    with pytest.raises(ImageError, match="predicates of more text than there is"):
        BundleImage(with_checksum(damaged))


def test_an_empty_file_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ImageError, match="shorter than a header"):
        BundleImage.open(tmp_path / "empty")


def test_a_file_larger_than_a_bundle_may_be_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(LIMITS.bundle_bytes_max + 1)
    with pytest.raises(ImageError, match="larger than 268,435,456 bytes"):
        BundleImage.open(tmp_path / "large")


def test_a_bundle_over_a_limit_is_refused_before_it_is_written() -> None:
    variants = tuple(Variant(f"v{number}") for number in range(1_001))
    big = Bundle("big", "UTC", (), (), (), (), (Placement("p", variants, "v0", ()),))
    with pytest.raises(LimitError, match="1,001 variants in a placement; at most 1,000 are allowed"):
        write_bundle(big)


def test_a_salt_over_its_limit_is_refused() -> None:
    rule = Rule("r", None, (), "visitor_id", "s" * 257, percent=1, serve="v")
    with pytest.raises(LimitError, match="longer than 256 bytes"):
        write_bundle(Bundle("big", "UTC", (), (), (), (), (Placement("p", (Variant("v"),), "v", (rule,)),)))


def test_a_pattern_over_its_limit_is_refused() -> None:
    when = Call("matches", (Attr("timezone", Type.STRING), Const(Type.STRING, "a" * 1_001)), Type.BOOL)
    rule = Rule("r", when, (), "visitor_id", "s", serve="v")
    with pytest.raises(LimitError, match="a pattern is longer than 1,000 characters"):
        write_bundle(Bundle("big", "UTC", (), (), (), (), (Placement("p", (Variant("v"),), "v", (rule,)),)))


def test_an_image_is_read_once_and_changing_the_bytes_that_it_came_from_changes_nothing() -> None:
    source = bytearray(IMAGE)
    image = BundleImage(source)
    source[:] = bytes(len(source))
    assert image.placements == ("banner", "closed", "hero")
    assert image.variants("hero") == ("hat", "coat", "none")
    with pytest.raises(TypeError):
        BundleImage.__new__(BundleImage)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (
            Bundle(
                "b",
                "UTC",
                tuple(Attribute(f"a{n:04}", Type.INT, (), Source.CONTEXT) for n in range(1_000)),
                (),
                (),
                (),
                (),
            ),
            "more attributes or purposes than a bundle may have",
        ),
        (
            Bundle(
                "b",
                "UTC",
                (),
                (),
                (),
                (),
                (Placement("p", tuple(Variant(f"v{n:04}") for n in range(1_001)), "v0000", ()),),
            ),
            "a placement with variants that are not its own",
        ),
    ],
)
def test_a_reader_holds_to_the_limits_whatever_the_writer_did(
    monkeypatch: pytest.MonkeyPatch, bundle: Bundle, message: str
) -> None:
    monkeypatch.setattr("rulecore.image._check_limits", lambda *_: None)
    with pytest.raises(ImageError, match=message):
        BundleImage(write_bundle(bundle))


def test_an_attribute_that_no_context_can_give_is_refused_with_the_image() -> None:
    deep = Attribute(".".join("p" * 16), Type.INT, (), Source.CONTEXT)
    image = BundleImage(write_bundle(Bundle("b", "UTC", (deep,), (), (), (), ())))
    with pytest.raises(ImageError, match=r"attributes that no context can give: .* has more than 15 parts"):
        Engine(image)


def test_text_that_many_records_share_is_stored_once() -> None:
    text = b'"' + "ä".encode() * (1 << 15) + b'"'
    placements = tuple(
        Placement(name, tuple(Variant(f"v{n:04}", text) for n in range(1_000)), "v0000", ()) for name in "abcde"
    )
    image = BundleImage(write_bundle(Bundle("b", "UTC", (), (), (), (), placements)))
    assert image.size < 5 * len(text)
    assert Engine(image).default("e").payload == text


def test_a_constant_instant_that_no_calendar_has_is_refused() -> None:
    written = 1_234_567_891_234_567
    hours = Call("get_hours", (Const(Type.TIMESTAMP, written), Attr("timezone", Type.STRING)), Type.INT)
    rule = Rule("r", Call("eq", (hours, hours), Type.BOOL), (), "visitor_id", "s", serve="v")
    image = write_bundle(Bundle("b", "UTC", (), (), (), (), (Placement("p", (Variant("v"),), "v", (rule,)),)))
    assert survives(image)
    for instant in ((1 << 63) - 1, -(1 << 63), 253_402_300_800_000_000):
        changed = image.replace(struct.pack("<q", written), struct.pack("<q", instant))
        with pytest.raises(ImageError, match="a malformed node"):
            BundleImage(with_checksum(changed))
