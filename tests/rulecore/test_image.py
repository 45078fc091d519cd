"""A bundle image is either taken whole or refused with what and where; nothing that lies in it can hurt its reader."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rulecore import BundleImage, Engine, ImageError, ImageFeatureError, ImageVersionError, LimitError, write_bundle
from rulecore._hash import xxh64
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
    # Patterns are compiled when an engine is made of the image: one that is no pattern is refused there.
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
    rule = Rule("r", None, (), "visitor_id", "s" * 257, serve="v")
    with pytest.raises(LimitError, match="longer than 256 bytes"):
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


def test_records_that_all_share_one_large_text_are_refused_in_bounded_time() -> None:
    text = b'"' + b"x" * (1 << 20) + b'"'
    placements = tuple(
        Placement(name, tuple(Variant(f"v{n:04}", text) for n in range(1_000)), "v0000", ()) for name in "abcde"
    )
    with pytest.raises(ImageError, match="a malformed variant"):
        BundleImage(write_bundle(Bundle("b", "UTC", (), (), (), (), placements)))


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
