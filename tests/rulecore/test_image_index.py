"""An index that was made to hurt is refused, or answers in its time and within its image: field by field."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

import pytest

from rulecore import BundleImage, Engine, ImageError, write_bundle
from rulecore._layout import ColumnKind, Section
from rulecore._layout import TestKind as Ask
from rulecore.model import Attr, Call, Const, Type
from tests.large_bundles import NOW, Maker, Mix
from tests.rulecore.held import CITY, equal, rules_of
from tests.rulecore.sections import indexes, place, records
from tests.rulecore.test_image import with_checksum

OF_THE_INDEX: Final = tuple(section for section in Section if Section.COLUMNS <= section < Section.SECTION_COUNT)
MIX: Final = Mix(
    values=60,
    segments=60,
    leaves=(
        "text",
        "number",
        "real",
        "flag",
        *("element", "element", "size", "size", "segment", "segment"),
        "there",
        "odd",
    ),
    conjuncts=(1, 2, 3),
    negated=0.3,
    disjunctions=0.1,
    purposes=0.3,
)


@pytest.fixture(scope="module")
def image() -> bytes:
    """A small image that has all that an index can have: limits were lowered for it, so that it meets them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"CLUSTERED_MIN": 8, "ROWS_A_TEST_MAX": 6, "_RARE": 16, "SELECTIVE": 0.2}.items():
            patch.setattr(f"rulecore.index.{name}", value)
        return write_bundle(Maker(MIX, 7).bundle(90))


@pytest.fixture(scope="module")
def contexts() -> list[dict[str, object]]:
    """Few, with long lists and short ones."""
    maker = Maker(MIX, 6)
    return [maker.context() for _ in range(4)]


def survives(image: bytes, contexts: list[dict[str, object]]) -> bool:
    """Whether an image is taken, after it has been asked for all that an index is for."""
    try:
        read = BundleImage(image)
    except ImageError as error:
        if not 0 <= error.offset <= len(image):
            pytest.fail(f"{error} lies outside of the image")
        return False
    engine = Engine(read)
    for context in contexts:
        engine.decide_all(context, NOW)
        engine.matching_segments(context, NOW)
        for placement in read.placements:
            engine.decide(placement, context, NOW)
    engine.explain(read.placements[0], contexts[0], NOW)
    return True


def with_word(image: bytes, at: int, word: int) -> bytes:
    return with_checksum(image[:at] + struct.pack("<I", word & 0xFFFF_FFFF) + image[at + 4 :])


def words_of(image: bytes, sections: tuple[Section, ...]) -> Iterator[tuple[int, int]]:
    """Each word of some sections: where it lies and what it says."""
    for section in sections:
        start, length = place(image, section)
        for at in range(start, start + length, 4):
            yield at, struct.unpack_from("<I", image, at)[0]


def borders(image: bytes, word: int) -> set[int]:
    """What a word might be confused with: its neighbours, the ends of its range, the counts of sections."""
    counts = {len(records(image, section)) for section in (Section.ENTRIES, Section.ROWS, Section.MAPS)}
    near = {count + step for count in (*counts, word) for step in (-1, 0, 1)}
    return {value & 0xFFFF_FFFF for value in (0, 1, 2, *near, 1 << 31, (1 << 31) - 1, (1 << 32) - 1)} - {word}


def test_the_image_has_all_that_an_index_can_have(image: bytes) -> None:
    read = indexes(image)
    assert all(index.anchors and 0 < index.dense_first < len(index.entries) and index.residuals for index in read)
    tests = [test for index in read for test in index.tests]
    assert {test.kind for test in tests} == {Ask.T_CLASS, Ask.T_ANY, Ask.T_NONE}
    assert {test.runs > 0 for test in tests} == {True, False}
    assert {anchor[2] > 0 for index in read for anchor in index.anchors} == {True, False}
    kinds = {ColumnKind(column[0]) for column in records(image, Section.COLUMNS)}
    assert kinds == set(ColumnKind)
    assert all(place(image, section)[1] for section in OF_THE_INDEX)


RECORDS: Final = tuple(
    section for section in OF_THE_INDEX if section not in (Section.MAPS, Section.ENTRIES, Section.ROWS)
)
MANY: Final = (Section.MAPS, Section.ENTRIES, Section.ROWS)


@pytest.mark.parametrize("section", RECORDS, ids=lambda section: section.name)
def test_every_field_of_a_record_at_its_borders_is_refused_or_harmless(
    section: Section, image: bytes, contexts: list[dict[str, object]]
) -> None:
    chance = random.Random(section)
    words = list(words_of(image, (section,)))
    outcomes = [
        survives(with_word(image, at, value), contexts)
        for at, word in (words if len(words) < 100 else chance.sample(words, 100))
        for value in borders(image, word)
    ]
    assert not all(outcomes) or section in (Section.CUTS, Section.BUCKETS)


@pytest.mark.parametrize("section", MANY, ids=lambda section: section.name)
def test_maps_entries_and_rows_of_any_content_are_refused_or_harmless(
    section: Section, image: bytes, contexts: list[dict[str, object]]
) -> None:
    chance = random.Random(section)
    for at, word in chance.sample(list(words_of(image, (section,))), 150):
        for value in chance.sample(sorted(borders(image, word)), 4):
            survives(with_word(image, at, value), contexts)


@pytest.mark.soak
def test_every_word_of_the_index_at_its_borders_is_refused_or_harmless(
    image: bytes, contexts: list[dict[str, object]]
) -> None:
    for at, word in words_of(image, OF_THE_INDEX):
        for value in borders(image, word):
            survives(with_word(image, at, value), contexts)


def mutated(image: bytes, seed: int) -> bytes:
    """The image with a few words of its index changed, as a rule to others of the same section."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 5)):
        words = list(words_of(image, (chance.choice(OF_THE_INDEX),)))
        at, word = chance.choice(words)
        value = chance.choice(words)[1] if chance.random() < 0.6 else chance.choice(sorted(borders(image, word)))
        image = with_word(image, at, value)
    return image


def test_several_changed_words_are_refused_or_harmless(image: bytes, contexts: list[dict[str, object]]) -> None:
    outcomes = [survives(mutated(image, seed), contexts) for seed in range(400)]
    assert 0 < sum(outcomes) < len(outcomes)


# What is refused by name


def clustered(clusters: int) -> bytes:
    """An image of 300 rules, all in clusters, without a test: its entries are what it ends with."""
    return write_bundle(rules_of(equal(CITY, f"c{number % clusters:03}") for number in range(300)))


def begins_of(image: bytes) -> tuple[int, int]:
    """Where in the image the first anchor says that its clusters begin, and how many there are."""
    _, _, _, first_begin, count, _ = records(image, Section.ANCHORS)[0]
    return place(image, Section.MAPS)[0] + 4 * first_begin, count


def test_a_cluster_without_entries_is_refused() -> None:
    image = clustered(100)
    assert place(image, Section.ROWS)[1] == 0, "what is behind the last entry is behind the image"
    at, count = begins_of(image)
    (end,) = struct.unpack_from("<I", image, at + 4 * count)
    with pytest.raises(ImageError, match="clusters out of order"):
        BundleImage(with_word(image, at + 4 * (count - 1), end))
    with pytest.raises(ImageError, match="clusters that are out of their place"):
        BundleImage(with_word(image, at, 1))
    with pytest.raises(ImageError, match="entries without a cluster"):
        BundleImage(with_word(image, at + 4 * count, end - 1))
    with pytest.raises(ImageError, match="entries without a cluster"):
        BundleImage(with_word(image, at + 4 * count, end + 1))


def test_clusters_that_several_anchors_share_are_refused() -> None:
    tags = Attr("tags", Type.LIST_STRING)
    tagged = [Call("in", (Const(Type.STRING, f"t{number % 60:02}"), tags), Type.BOOL) for number in range(300)]
    image = write_bundle(rules_of([*tagged, *(equal(CITY, f"c{number % 60:02}") for number in range(300))]))
    first, second, *_ = (anchor[3:5] for anchor in records(image, Section.ANCHORS))
    maps = place(image, Section.MAPS)[0]
    begins = image[maps + 4 * first[0] : maps + 4 * (first[0] + first[1] + 1)]
    at = maps + 4 * second[0]
    with pytest.raises(ImageError, match="clusters that are out of their place"):
        BundleImage(with_checksum(image[:at] + begins + image[at + len(begins) :]))


def test_a_cluster_that_several_elements_lead_to_is_refused() -> None:
    image = clustered(300)
    _, first_map, runs, _, count, _ = records(image, Section.ANCHORS)[0]
    assert (runs, count) == (0, 300)
    at = place(image, Section.MAPS)[0] + 4 * first_map
    assert struct.unpack_from("<5I", image, at) == (0, 0, 1, 2, 3), "absent, another, then one a city"
    for wrong in (at, at + 4, at + 12):
        with pytest.raises(ImageError, match="a cluster of several classes or elements"):
            BundleImage(with_word(image, wrong, 1))


def test_a_run_of_elements_that_leads_to_a_cluster_is_refused() -> None:
    few = [equal(CITY, "c000")] * 300
    others = [Call("gt", (Attr("age", Type.INT), Const(Type.INT, number)), Type.BOOL) for number in range(8)]
    rare = Call("in", (CITY, Const(Type.LIST_STRING, tuple(f"c{number:03}" for number in range(1, 90)))), Type.BOOL)
    image = write_bundle(rules_of([*few, *others, rare]))
    _, first_map, runs, _, count, _ = records(image, Section.ANCHORS)[0]
    assert (runs, count) == (3, 1)
    at = place(image, Section.MAPS)[0] + 4 * first_map
    assert struct.unpack_from("<6I", image, at) == (0, 2, 3, 0, 1, 0)
    with pytest.raises(ImageError, match="a cluster of several classes or elements"):
        BundleImage(with_word(image, at + 8, 4))
    with pytest.raises(ImageError, match="a cluster of several classes or elements"):
        BundleImage(with_word(image, at + 20, 1))
    with pytest.raises(ImageError, match="a cluster of several classes or elements"):
        BundleImage(with_word(with_word(image, at + 16, 0), at + 20, 1))


def test_a_dictionary_that_a_search_would_not_end_in_soon_is_refused() -> None:
    image = write_bundle(rules_of(equal(CITY, f"c{number:04}") for number in range(3_000)))
    _, dictionary = records(image, Section.DICTIONARIES)
    _, count, first_bucket, buckets, _, _ = dictionary
    assert (count, buckets) == (3_000, 8_192)
    start = place(image, Section.BUCKETS)[0] + 8 * first_bucket
    end = start + 8 * buckets
    for used, message in ((buckets, "without an empty bucket"), (buckets - 1, "too long to search")):
        crowded = struct.pack("<Q", 0) * used + struct.pack("<Q", (1 << 64) - 1) * (buckets - used)
        with pytest.raises(ImageError, match=message):
            BundleImage(with_checksum(image[:start] + crowded + image[end:]))
    # Half of them, and around the end
    side = struct.pack("<Q", 0) * 600
    crowded = side + struct.pack("<Q", (1 << 64) - 1) * (buckets - 1_200) + side
    with pytest.raises(ImageError, match="too long to search"):
        BundleImage(with_checksum(image[:start] + crowded + image[end:]))


@pytest.mark.soak
def test_many_mutations_are_refused_or_harmless(image: bytes, contexts: list[dict[str, object]]) -> None:
    for seed in range(1_000, 100_000):
        survives(mutated(image, seed), contexts)
