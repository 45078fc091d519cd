"""Each thing that an index is made of, reached and right: exact rows and coarse ones, maps, residuals, products.

What a test is about is looked up in the image first, so that none of them can pass without having met it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec
import pytest

from rulecore import LimitError, write_bundle
from rulecore._layout import ColumnKind
from rulecore._layout import TestKind as Ask
from rulecore.conjunctions import PRODUCTS_MAX
from rulecore.index import CLUSTERED_MIN, ROWS_A_TEST_MAX
from rulecore.limits import LIMITS
from rulecore.model import Attr, Attribute, Call, Const, Expr, Has, InSegment, Source, Type
from tests.large_bundles import INSTANTS, NOW, bundle_of
from tests.rulecore.held import AGE, CITY, MEMBER, PATH, SIZES, TAGS, TIER, TOTAL, Held, equal, rule, rules_of, tagged
from tests.rulecore.sections import RowTest
from tests.samples import call, const

MANY = ROWS_A_TEST_MAX + 45
LISTS: tuple[list[str], ...] = (
    [],
    ["w000"],
    ["w007", "w007", "w007"],
    ["w299", "w300", "other"],
    [f"w{number:03}" for number in range(0, 1_000, 3)],
    [f"w{number % 400:03}" for number in range(1_000)],
)


def negated(part: Expr) -> Call:
    return call("not", part)


def any_of(*parts: Expr) -> Call:
    return call("or", *parts)


def all_of(*parts: Expr) -> Call:
    return call("and", *parts)


def row_test(held: Held, kind: ColumnKind, ask: Ask = Ask.T_CLASS) -> RowTest:
    """The only test of this kind of column that asks so."""
    (found,) = [test for test in held.index.tests if (test.column_kind, test.kind) == (kind, ask)]
    return found


# Coarse rows


@pytest.mark.parametrize("wanted", [True, False])
def test_more_thresholds_than_rows(wanted: bool) -> None:
    conditions = [call("ge", AGE, const(3 * number)) for number in range(MANY)]
    held = Held(rules_of(part if wanted else negated(part) for part in reversed(conditions)))
    assert row_test(held, ColumnKind.C_INTEGER).row_count <= ROWS_A_TEST_MAX
    assert held.index.residuals
    held.check_all({"age": age} for age in (-1, 0, 1, *range(2, 3 * MANY, 97), 3 * MANY - 3, 3 * MANY, 10**12))


def test_more_doubles_than_rows() -> None:
    orders = itertools.cycle(("lt", "le", "gt", "ge", "eq", "ne"))
    held = Held(rules_of(call(next(orders), TOTAL, const(number / 7)) for number in range(MANY)))
    assert row_test(held, ColumnKind.C_REAL).row_count <= ROWS_A_TEST_MAX
    assert held.index.residuals
    held.check_all(
        {"total": total} for total in (float("nan"), float("inf"), -0.0, *(n / 7 for n in range(0, MANY, 31)))
    )


def test_more_strings_than_rows() -> None:
    held = Held(rules_of(negated(equal(TIER, f"w{number:03}")) for number in range(MANY)))
    assert not held.index.anchors, "what nearly everybody fulfils names no cluster"
    assert row_test(held, ColumnKind.C_STRING).row_count <= ROWS_A_TEST_MAX
    assert held.index.residuals
    held.check_all([{"tier": tier} for tier in ("w000", "w001", "w300", "w299", "other", "")])
    held.check_all([{}])


@pytest.mark.parametrize("attr", [TAGS, SIZES])
def test_more_elements_that_must_not_be_there_than_rows(attr: Expr) -> None:
    named = [const(f"w{number:03}") if attr is TAGS else const(number) for number in range(MANY)]
    held = Held(rules_of(negated(call("in", one, attr)) for one in named))
    kind = ColumnKind.C_HOLDS_STRING if attr is TAGS else ColumnKind.C_HOLDS_INTEGER
    assert row_test(held, kind, Ask.T_NONE).row_count <= ROWS_A_TEST_MAX + 1
    assert 0 < held.index.residuals < len(held.index.entries)
    for words in LISTS:
        numbers = [int(word[1:]) for word in words if word != "other"]
        held.check_all([{"tags": words, "sizes": numbers}])
    held.check_all([{}])


def test_more_elements_that_must_be_there_than_rows() -> None:
    # Each asks for a city as well, which names the clusters; so elements are for rows.
    held = Held(rules_of(all_of(equal(CITY, "Oslo"), *tagged(f"w{number:03}", "w000")) for number in range(1, MANY)))
    assert held.index.anchors
    tests = [test for test in held.index.tests if test.kind is Ask.T_ANY]
    assert tests
    assert all(test.row_count <= ROWS_A_TEST_MAX + 1 for test in tests)
    held.check_all({"city": city, "tags": words} for words in LISTS for city in ("Oslo", "Bergen"))


def test_rows_of_an_index_have_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rulecore.index.ROWS_MAX", 12)
    attrs = (AGE, TOTAL)
    orders = itertools.cycle(("lt", "ge", "ne"))
    conditions = [call(next(orders), attrs[n % 2], const(float(n) if n % 2 else n)) for n in range(200)]
    held = Held(rules_of([*conditions, *(negated(one) for one in tagged(*(f"w{n:03}" for n in range(50))))]))
    assert held.index.tests
    assert all(test.row_count <= 5 for test in held.index.tests)
    held.check_all({"age": n, "total": n + 0.5, "tags": [f"w{n:03}"]} for n in range(0, 210, 19))


def test_more_elements_are_refused_than_a_decision_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rulecore.index.LIMITS", msgspec.structs.replace(LIMITS, elements_max=40))
    write_bundle(rules_of(tagged(*(f"w{n:03}" for n in range(40)))))
    with pytest.raises(LimitError, match="ask for more than 40 elements of lists, segments and patterns"):
        write_bundle(rules_of(tagged(*(f"w{n:03}" for n in range(41)))))


def test_a_map_of_few_stretches_of_many_classes_is_searched() -> None:
    few = [equal(CITY, "w100"), negated(equal(CITY, "w200")), call("ge", AGE, const(150)), *tagged("w250")]
    few += [negated(one) for one in tagged("w251")]
    many = [equal(CITY, f"w{n:03}") for n in range(300)] + [call("ge", AGE, const(n)) for n in range(300)]
    many += tagged(*(f"w{n:03}" for n in range(300)))
    lists = [few, many]
    numbered = itertools.count()
    held = Held(bundle_of([[rule(next(numbered), when) for when in conditions] for conditions in lists]))
    assert len(held.index.tests) == 4
    assert all(test.runs > 0 for test in held.index.tests)
    for city in ("w000", "w099", "w100", "w101", "w199", "w200", "w201", "w299", "w3", ""):
        held.check_all([{"city": city, "age": age, "tags": [city, "w250"]} for age in (-1, 149, 150, 151, 1_000)])
        held.check_all([{"city": city, "tags": [city, tag]} for tag in ("w249", "w251", "w252")])
    held.check_all([{}, {"tags": []}])


def test_a_map_of_few_clusters_among_many_classes_is_searched() -> None:
    cities = [equal(CITY, f"w{number:03}") for number in (0, 57, 58, 299)]
    rare = call("in", CITY, const(tuple(f"w{number:03}" for number in range(300))))
    held = Held(rules_of([*cities * 80, rare]))
    assert [anchor[2] > 0 for anchor in held.index.anchors] == [True]
    held.check_all({"city": city} for city in ("w000", "w001", "w056", "w057", "w058", "w059", "w298", "w299", "x", ""))


# Tests that are not worth rows


def test_a_rare_test_is_left_to_the_residual() -> None:
    cities = [equal(CITY, f"w{number:03}") for number in range(600)]
    held = Held(rules_of([*(all_of(one, MEMBER) for one in cities[:2]), *cities[2:]]))
    assert ColumnKind.C_BOOL not in {test.column_kind for test in held.index.tests}
    assert held.index.residuals == 2
    held.check_all(
        {"city": f"w{number:03}", "member": member} for number in (0, 1, 2, 599, 600) for member in (True, False, None)
    )


@pytest.mark.parametrize(("uses", "rows"), [(1, False), (3, False), (40, True)])
def test_an_expression_that_many_rules_share_has_rows(uses: int, rows: bool) -> None:
    shared = call("lt", CITY, PATH)
    ages = [call("ge", AGE, const(number)) for number in range(100)]
    held = Held(
        rules_of([*(all_of(one, shared) for one in ages[:uses]), *(all_of(one, MEMBER) for one in ages[uses:])])
    )
    assert (ColumnKind.C_TRUTH in {test.column_kind for test in held.index.tests}) == rows
    assert held.index.residuals == (0 if rows else uses)
    for path in ("/shop", "/shop/hats", "/", "", None):
        held.check_all(
            {"path": path, "city": "/shop", "age": age, "member": member}
            for age in (0, 50, 200)
            for member in (True, False)
        )


# Lists


@pytest.mark.parametrize(("asked", "tests", "residual"), [(1, 1, False), (2, 2, False), (3, 2, True), (5, 2, True)])
def test_several_tests_of_one_list(asked: int, tests: int, residual: bool) -> None:
    words = [[f"w{(number * step) % 40:03}" for step in (1, 3, 7, 11, 13)[:asked]] for number in range(1, 120)]
    held = Held(rules_of(all_of(*tagged(*some), MEMBER) for some in words))
    assert [test.kind for test in held.index.tests if test.column_kind == ColumnKind.C_HOLDS_STRING] == [
        Ask.T_ANY
    ] * tests
    assert bool(held.index.residuals) == residual
    for some in words[::17]:
        for given in (some, some[:-1], some[1:], some * 5, []):
            held.check_all([{"tags": given, "member": True}])
    held.check_all([{"tags": [f"w{n:03}" for n in range(1_000)], "member": True}, {"member": True}])


def test_elements_that_must_and_elements_that_must_not_be_there() -> None:
    pairs = list(itertools.permutations(range(12), 2))
    held = Held(rules_of(all_of(*tagged(f"w{a}"), negated(*tagged(f"w{b}"))) for a, b in pairs))
    assert {test.kind for test in held.index.tests} == {Ask.T_ANY, Ask.T_NONE}
    assert held.index.residuals == 0
    for size in (0, 1, 2, 3, 11, 12):
        held.check_all(
            {"tags": [f"w{n}" for n in some]} for some in itertools.islice(itertools.combinations(range(12), size), 8)
        )
    held.check_all([{}])


def test_a_cluster_of_an_element_is_looked_at_once_however_often_it_is_given() -> None:
    conditions = tagged(*(f"w{number % 100:03}" for number in range(CLUSTERED_MIN + 50)))
    held = Held(rules_of(conditions))
    assert held.index.anchors
    held.check_all({"tags": words} for words in LISTS)


def test_segments_of_different_purposes_are_columns_of_their_own() -> None:
    # Of `bundle_of`'s: those whose number is 0 or 1 more than a multiple of 4 need no consent, 2 and 3 each another.
    names = [InSegment(f"s{number:03}") for number in range(60)]
    held = Held(rules_of(all_of(one, negated(other)) for one, other in itertools.product(names[:20], names[20:])))
    assert len(held.index.anchors) == 3
    assert sum(test.kind is Ask.T_NONE for test in held.index.tests) == 3
    for consent in ([], ["analytics"], ["personalization"], ["analytics", "personalization"]):
        for given in (
            ["s000", "s001"],
            ["s002", "s020"],
            ["s003"],
            ["s019", *(f"s{n:03}" for n in range(20, 60))],
            [],
            None,
        ):
            held.check({"consent": consent, "segments": given})
    held.check({"consent": ["personalization"], "visitor_id": "v"})


# Disjunctions


def spread(size: int) -> list[Expr]:
    """As many leaves, no two on one column."""
    leaves: list[Expr] = [
        equal(CITY, "a"),
        call("ge", AGE, const(9)),
        MEMBER,
        equal(TIER, "b"),
        call("lt", TOTAL, const(0.5)),
    ]
    leaves += [*tagged("c"), InSegment("s000"), InSegment("s002"), equal(PATH, "d"), call("in", const(4), SIZES)]
    return leaves[:size]


HITS: tuple[dict[str, object], ...] = (
    {"city": "a"},
    {"age": 9},
    {"member": True},
    {"tier": "b"},
    {"total": 0.25},
    {"tags": ["c"]},
    {"segments": ["s000"]},
    {"segments": ["s002"]},
    {"path": "d"},
    {"sizes": [4]},
)
MISS: dict[str, object] = {"city": "", "age": 8, "member": False, "tier": "", "total": 1.0, "path": "", "segments": []}


@pytest.mark.parametrize("size", [2, PRODUCTS_MAX, PRODUCTS_MAX + 1])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_disjunction_of_several_columns_is_entries_up_to_a_number(size: int, wanted: bool) -> None:
    """Wanted as it is, or as the negation of a conjunction."""
    parts = spread(size)
    when = any_of(*parts) if wanted else negated(all_of(*(negated(part) for part in parts)))
    held = Held(rules_of([when]))
    assert len(held.index.entries) == (size if size <= PRODUCTS_MAX else 1)
    assert held.index.residuals == (0 if size <= PRODUCTS_MAX else 1)
    held.check_all([{}, MISS, *HITS, *({**MISS, **hit} for hit in HITS)], every_rule=True)


@pytest.mark.parametrize(("left", "right", "entries"), [(2, 4, 8), (3, 3, 3), (8, 2, 8)])
def test_disjunctions_are_multiplied_out_up_to_a_number(left: int, right: int, entries: int) -> None:
    others: list[Expr] = [
        call("ge", TOTAL, const(5.0)),
        equal(PATH, "e"),
        InSegment("s003"),
        call("in", const(5), SIZES),
    ]
    held = Held(rules_of([all_of(any_of(*spread(left)), any_of(*others[:right]))]))
    assert len(held.index.entries) == entries
    assert bool(held.index.residuals) == (left * right > PRODUCTS_MAX)
    second: tuple[dict[str, object], ...] = ({"total": 5.0}, {"path": "e"}, {"segments": ["s003"]}, {"sizes": [5]}, {})
    held.check_all({**MISS, **one, **other} for one in HITS for other in second)


def one_column() -> Iterable[tuple[Expr, int]]:
    """Disjunctions of leaves on one column, and how many entries they come to."""
    yield any_of(*(equal(CITY, f"w{number:03}") for number in range(20))), 1
    yield any_of(call("lt", AGE, const(3)), call("gt", AGE, const(7)), equal(AGE, 5)), 1
    yield any_of(call("lt", AGE, const(3)), call("ge", AGE, const(3))), 1
    yield any_of(*tagged(*(f"w{number:03}" for number in range(20)))), 1
    yield any_of(MEMBER, negated(MEMBER)), 1
    yield any_of(Has("age"), negated(Has("age"))), 1
    yield any_of(negated(equal(CITY, "w001")), negated(equal(CITY, "w002"))), 1
    yield any_of(*(negated(one) for one in tagged("w001", "w002"))), 2
    yield any_of(all_of(equal(CITY, "w001"), MEMBER), equal(CITY, "w002"), equal(CITY, "w003")), 2


@pytest.mark.parametrize(("when", "entries"), list(one_column()))
def test_a_disjunction_on_one_column_is_one_set_of_its_classes(when: Expr, entries: int) -> None:
    held = Held(rules_of([when]))
    assert (len(held.index.entries), held.index.residuals) == (entries, 0)
    contexts: list[dict[str, object]] = [{"age": age} for age in (2, 3, 4, 5, 6, 7, 8)]
    contexts += [
        {"city": city, "member": member} for city in ("w000", "w001", "w002", "w003", "x") for member in (True, False)
    ]
    contexts += [{"tags": some} for some in ([], ["w001"], ["w002"], ["w001", "w002"], ["x"])]
    held.check_all([{}, *contexts])


# Always and never


def never() -> Iterable[Expr]:
    yield all_of(call("lt", AGE, const(3)), call("gt", AGE, const(5)))
    yield all_of(equal(CITY, "a"), equal(CITY, "b"))
    yield all_of(equal(CITY, "a"), negated(Has("city")))
    yield all_of(MEMBER, negated(MEMBER))
    yield call("gt", AGE, const(2**63 - 1))
    yield call("eq", TOTAL, const(float("nan")))
    yield any_of(all_of(MEMBER, negated(MEMBER)), call("gt", AGE, const(2**63 - 1)))
    yield Const(Type.BOOL, False)
    yield all_of(any_of(equal(AGE, 1), equal(AGE, 2)), any_of(equal(AGE, 3), equal(CITY, "a")), equal(AGE, 4))


@pytest.mark.parametrize("when", list(never()))
def test_a_rule_that_can_never_hold_has_no_entry(when: Expr) -> None:
    held = Held(rules_of([when]))
    assert held.index.entries == []
    held.check_all(
        [{}, {"age": 4, "city": "a", "member": True, "total": float("nan")}, {"age": 2**63 - 1}], every_rule=True
    )


def test_what_always_holds_asks_for_nothing() -> None:
    held = Held(rules_of([equal(AGE, 3), None, Const(Type.BOOL, True), equal(AGE, 4)]))
    assert len(held.index.entries) == 4
    assert held.index.residuals == 0
    held.check_all([{}, {"age": 3}, {"age": 4}], every_rule=True)


# What a rule asks beside its condition


@pytest.mark.parametrize("count", [20, CLUSTERED_MIN + 60])
def test_windows_and_consent_are_rows_too(count: int) -> None:
    edges = (None, *INSTANTS)
    windows = [(a, b) for a in edges for b in edges]
    asked = ((), ("analytics",), ("personalization",), ("analytics", "personalization"))
    rules = [
        rule(n, equal(CITY, f"w{n % 50}") if n % 3 else None, starts=starts, ends=ends, purposes=asked[n % 4])
        for n, (starts, ends) in zip(range(count), itertools.cycle(windows))
    ]
    held = Held(bundle_of([rules]))
    assert {ColumnKind.C_INTEGER, ColumnKind.C_TRUTH} <= {test.column_kind for test in held.index.tests}
    assert len(held.index.entries) < count, "windows that are never open"
    assert held.index.residuals == 0
    for now, consent in itertools.product(sorted({at + step for at in INSTANTS for step in (-1, 0)}), asked):
        held.check({"consent": list(consent), "city": "w5"}, now, every_rule=count < 100)


def test_a_window_beside_a_condition_on_now() -> None:
    now = Attr("now", Type.TIMESTAMP)
    conditions = [call(op, now, Const(Type.TIMESTAMP, NOW)) for op in ("lt", "ge", "eq")]
    bundle = bundle_of([[rule(n, one, starts=NOW - 1, ends=NOW + 1) for n, one in enumerate(conditions)]])
    held = Held(msgspec.structs.replace(bundle, attributes=(Attribute("now", Type.TIMESTAMP, (), Source.PROVIDED),)))
    for moment in (NOW - 2, NOW - 1, NOW, NOW + 1):
        held.check({}, moment, every_rule=True)


def test_a_window_is_kept_to_where_conditions_may_not_ask_for_the_time() -> None:
    now = Attribute("now", Type.TIMESTAMP, ("analytics",), Source.PROVIDED)
    bundle = bundle_of(
        [[rule(0, call("gt", Attr("now", Type.TIMESTAMP), Const(Type.TIMESTAMP, 0))), rule(1, None, ends=NOW)]]
    )
    held = Held(msgspec.structs.replace(bundle, attributes=(now,)))
    for consent, moment in itertools.product(([], ["analytics"]), (NOW - 1, NOW)):
        held.check({"consent": consent}, moment, every_rule=True)
