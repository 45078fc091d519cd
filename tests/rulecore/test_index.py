"""The index loses no rule and wins none: whatever rows, clusters and residuals a bundle comes to.

Every bundle here is held against the oracle, and its image is looked into: that the rows, clusters and residuals which
a test is about are really there.
"""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from rulecore._layout import TestKind as Ask
from rulecore.index import CLUSTERED_MIN
from tests.large_bundles import Mix
from tests.rulecore.held import AGE, CITY, MEMBER, Held, equal, mixed, rules_of, tagged
from tests.samples import call, const

SIZES_ACROSS_WORDS: Final = (1, 63, 64, 65, 255, 256, 257, 511, 512, 513)

CONJUNCTIONS: Final = Mix(conjuncts=(1, 2, 3), disjunctions=0.0, windows=0.0, negated=0.1)
MIXES: Final = {
    "all": Mix(),
    "many values": Mix(values=900, segments=300, conjuncts=(2, 3, 4)),
    "few values": Mix(values=5, segments=3, negated=0.4),
    "disjunctions": Mix(values=60, disjunctions=0.7, conjuncts=(1, 2)),
    "lists": Mix(values=300, leaves=("element", "element", "size", "segment"), conjuncts=(1, 2, 3), negated=0.3),
    "numbers": Mix(values=700, leaves=("number", "real", "one_of"), conjuncts=(2, 3, 4)),
    "windows": Mix(windows=0.8, purposes=0.6, conjuncts=(1, 2)),
    "odd": Mix(leaves=("odd", "there", "flag", "text"), conjuncts=(1, 2, 3)),
    "patterns": Mix(leaves=("found", "found", "text"), values=300, conjuncts=(1, 2, 3), negated=0.3),
    "segments": Mix(leaves=("segment",), segments=200, conjuncts=(1, 2, 3), negated=0.4),
}


# Sizes


@pytest.mark.parametrize("rules", SIZES_ACROSS_WORDS)
def test_as_many_entries_as_words_have_bits_and_one_more_or_less(rules: int) -> None:
    cities = [f"c{number % 37:02}" for number in range(rules)]
    held = Held(
        rules_of(call("and", equal(CITY, city), call("ge", AGE, const(at % 11))) for at, city in enumerate(cities))
    )
    assert len(held.index.entries) == rules
    assert bool(held.index.anchors) == (rules > CLUSTERED_MIN), "clusters are for many entries"
    for city in (*sorted(set(cities))[::9], "elsewhere"):
        held.check_all([{"city": city, "age": age} for age in (-1, 0, 5, 11)])
    held.check_all([{"city": cities[-1], "age": (rules - 1) % 11}, {"age": 11}, {}])


@pytest.mark.parametrize("rules", SIZES_ACROSS_WORDS)
def test_the_last_rule_of_any_number_is_found_without_clusters(rules: int) -> None:
    never = [call("gt", AGE, const(1_000 + number)) for number in range(rules - 1)]
    held = Held(rules_of([*never, call("lt", AGE, const(7))]))
    assert not held.index.anchors
    assert held.index.dense_first == 0
    held.check_all([{"age": age} for age in (6, 7, 1_000, 1_001, 999 + rules, 2_000)])


@pytest.mark.parametrize("rules", [1, 63, 64, 65, 255, 256, 257, 513])
@pytest.mark.parametrize("mix", ["all", "disjunctions"])
def test_mixed_rules_of_any_number(mix: str, rules: int) -> None:
    held = mixed(MIXES[mix], rules, rules, 6, every_rule=True)
    assert bool(held.index.anchors) == (len(held.index.entries) > CLUSTERED_MIN)


@pytest.mark.parametrize("name", MIXES)
def test_rules_of_every_kind(name: str) -> None:
    held = mixed(MIXES[name], 520, 1, 5)
    assert len(held.index.entries) > CLUSTERED_MIN
    assert len(held.index.tests) + len(held.index.anchors) > 0


def test_two_thousand_rules() -> None:
    held = mixed(CONJUNCTIONS, 2_000, 1, 5)
    assert len(held.index.entries) > 1_000
    assert held.index.anchors
    assert 0 < held.index.dense_first < len(held.index.entries)
    assert {test.kind for test in held.index.tests} == {Ask.T_CLASS, Ask.T_ANY, Ask.T_NONE}


@pytest.mark.parametrize("rules", [300, 4_100], ids=["few enough for near caches", "more"])
def test_a_context_may_visit_any_number_of_clusters(rules: int) -> None:
    words = [f"w{number:02}" for number in range(40)]
    asked = [call("and", *tagged(words[n * 7 % 40]), call("ge", AGE, const(n * 37 % 1_000))) for n in range(rules)]
    held = Held(rules_of([*asked, MEMBER]))
    assert [anchor[4] for anchor in held.index.anchors] == [len(words)]
    assert held.index.dense_first == rules
    for count in (0, 1, 16, 17, 33, 40):
        held.check_all({"tags": words[-count:] if count else [], "age": age, "member": True} for age in (4, 999))


@pytest.mark.parametrize("name", MIXES)
def test_placements_share_columns_and_have_indexes_of_their_own(name: str) -> None:
    held = mixed(msgspec.structs.replace(MIXES[name], placements=7), 350, 2, 4)
    assert len(held.indexes) == 8
    columns = [{test.column for test in index.tests} for index in held.indexes[:7]]
    assert columns[0] & columns[1], "columns that several indexes ask"


@pytest.mark.soak
@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_mixed_rules(name: str, seed: int) -> None:
    mixed(MIXES[name], (1, 64, 65, 257, 512, 700, 2_000)[seed % 7], seed, 15, every_rule=True)
