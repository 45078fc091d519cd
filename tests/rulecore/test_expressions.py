"""How conditions are told apart; what one expression may cost, in terms, in memory and in steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from rulecore import BundleImage, Engine, LimitError, write_bundle
from rulecore._layout import Compare, PredicateKind
from rulecore.expressions import Conditions
from rulecore.lower import lower
from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Const,
    Expr,
    InSegment,
    Placement,
    Quantifier,
    Rule,
    Segment,
    Source,
    Type,
    Var,
    Variant,
)
from rulecore.pool import Pool
from tests.samples import CONDITIONS, sample_bundle

ROOT: Final = Path(__file__).parent.parent.parent
CITY: Final = Attr("city", Type.STRING)
MEMBER: Final = Attr("member", Type.BOOL)
TAGS: Final = Attr("tags", Type.LIST_STRING)
OUTER, INNER = Var("t", 0, Type.STRING), Var("u", 1, Type.STRING)
NOT_IN_IT: Final = Const(Type.STRING, "y")
LONG: Final = "x" * 30_000
ATTRIBUTES: Final = tuple(Attribute(attr.name, attr.type, (), Source.CONTEXT) for attr in (CITY, MEMBER, TAGS))
LOWERED_IN_LOOPS: Final = """
from tests.rulecore.test_expressions import LONG, OUTER, CITY, TAGS, call, engine, in_two_loops
from rulecore.model import Call, Type
lowered = engine(in_two_loops(call("eq", Call("lower_ascii", (CITY,), Type.STRING), OUTER)))
context = {"city": LONG, "tags": ["x"] * 100}

def peak_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

before = peak_kib()
assert lowered.decide("p", context, 0).variant == "no"
print(peak_kib() - before)
"""


def call(op: str, *args: Expr) -> Call:
    return Call(op, args, Type.BOOL)


def bundle(when: Expr, segments: tuple[Segment, ...] = ()) -> Bundle:
    rule = Rule("r", when, (), "visitor_id", "s", serve="yes")
    placement = Placement("p", (Variant("yes"), Variant("no")), "no", (rule,))
    return Bundle("b", "UTC", ATTRIBUTES, segments, (), (), (placement,))


def engine(when: Expr) -> Engine:
    return Engine(BundleImage(write_bundle(bundle(when))))


def in_two_loops(body: Expr) -> Expr:
    return Quantifier("exists", TAGS, OUTER, Quantifier("exists", TAGS, INNER, body))


@pytest.mark.parametrize("purposes", [(), ("analytics",)])
def test_segments_that_multiply_inside_a_quantifier_are_refused_before_they_fill_the_memory(
    purposes: tuple[str, ...],
) -> None:
    segments = [Segment("s0", purposes, MEMBER)]
    for number in range(1, 20):
        before = InSegment(f"s{number - 1}")
        segments.append(Segment(f"s{number}", purposes, call("or", before, before)))
    with pytest.raises(LimitError, match="more than 20,000 terms once its segments are written out"):
        write_bundle(bundle(Quantifier("exists", TAGS, OUTER, InSegment("s19")), tuple(segments)))


def test_an_expression_that_takes_too_many_steps_is_an_error_and_so_neither_true_nor_false() -> None:
    endless = in_two_loops(call("contains", CITY, NOT_IN_IT))
    context: dict[str, object] = {"city": LONG, "tags": ["a"] * 1_000, "member": True}
    for when, variant in (
        (endless, "no"),
        (call("not", endless), "no"),
        (call("or", endless, MEMBER), "yes"),
    ):
        assert engine(when).decide("p", context, 0).variant == variant
    assert engine(call("not", endless)).decide("p", context | {"tags": ["a"] * 100}, 0).variant == "yes"


def test_text_made_in_a_loop_is_given_back_at_its_next_turn() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOWERED_IN_LOOPS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 30_000, "KiB, where keeping all of it takes 300,000"


def test_text_made_on_both_sides_of_a_comparison_is_kept_until_it_is_compared() -> None:
    def small(expr: Expr) -> Call:
        return Call("lower_ascii", (expr,), Type.STRING)

    same = call("and", call("eq", small(OUTER), small(INNER)), call("eq", small(OUTER), small(CITY)))
    asked = engine(in_two_loops(same))
    for city, variant in (("Boston", "yes"), ("Austin", "no")):
        assert asked.decide("p", {"city": city, "tags": ["a", "BOSTON", "A" * 3_000]}, 0).variant == variant


def matches(subject: Expr, pattern: str) -> Call:
    return call("matches", subject, Const(Type.STRING, pattern))


def test_a_pattern_is_searched_for_anew_at_each_turn_of_a_quantifier() -> None:
    either = call("or", matches(OUTER, "^a+$"), matches(OUTER, "^b+$"))
    asked = engine(Quantifier("all", TAGS, OUTER, either))
    for given, variant in ((["aa", "b", "a"], "yes"), (["aa", "c"], "no"), (["ab"], "no"), (["b", "a"], "yes")):
        assert asked.decide("p", {"city": "Boston", "tags": given}, 0).variant == variant


def test_a_pattern_on_an_attribute_is_searched_for_anew_at_each_decision() -> None:
    asked = engine(call("and", matches(CITY, "^B"), call("not", matches(CITY, "x$"))))
    for city, variant in (("Boston", "yes"), ("Austin", "no"), ("Box", "no"), ("Berlin", "yes")):
        for _ in range(2):
            assert asked.decide("p", {"city": city}, 0).variant == variant


def test_the_same_pattern_on_an_attribute_and_on_what_is_made_of_it_are_two() -> None:
    lower = Call("lower_ascii", (CITY,), Type.STRING)
    asked = engine(call("and", matches(lower, "^boston$"), call("not", matches(CITY, "^boston$"))))
    for city, variant in (("BOSTON", "yes"), ("boston", "no"), ("Boston", "yes"), ("x", "no")):
        assert asked.decide("p", {"city": city}, 0).variant == variant


def conditions() -> Conditions:
    sample = sample_bundle()
    segments = {segment.name: segment for segment in sample.segments}
    slots = {attribute.name: slot for slot, attribute in enumerate(sample.attributes)}
    ordinals = {name: ordinal for ordinal, name in enumerate(segments)}
    return Conditions(segments, slots, ordinals, lambda purposes: len(list(purposes)), Pool((), ()).span)


@pytest.mark.parametrize("second", CONDITIONS)
def test_a_conjunction_taken_the_short_way_is_the_formula_that_lowering_gives(second: Expr) -> None:
    for first in CONDITIONS:
        for when in (call("and", first, second), call("and", first, call("and", second, call("not", first)))):
            short, long = conditions(), conditions()
            assert short.condition(when) == long.formula(lower(when, long.segments))
            assert short.formulas == long.formulas
            assert [facts.source for facts in short.predicates] == [facts.source for facts in long.predicates]
            assert short.sections() == long.sections()


def test_constants_that_are_equal_but_not_the_same_make_different_predicates() -> None:
    score, age = Attr("score", Type.DOUBLE), Attr("age", Type.INT)
    collected = conditions()
    for zero in (0.0, -0.0):
        below = Call("div", (Const(Type.DOUBLE, 1.0), Const(Type.DOUBLE, zero)), Type.DOUBLE)
        for when in (call("gt", score, below), call("gt", score, Const(Type.DOUBLE, zero))):
            collected.predicate(when)
            collected.predicate(when)
    for constant in (Const(Type.INT, 1), Const(Type.DOUBLE, 1.0), Const(Type.DOUBLE, float("nan"))):
        collected.predicate(call("ge", age, constant))
        collected.predicate(call("ge", age, constant))
    assert len(collected.predicates) == 7


def test_a_predicate_is_known_with_its_operand_before_it_is_packed() -> None:
    collected = conditions()
    for source in CONDITIONS:
        if not (isinstance(source, InSegment) and collected.segments[source.name].when is not None):
            collected.predicate(source)
    known = {facts.kind: (facts.compare, facts.operand) for facts in collected.predicates}
    assert known[PredicateKind.P_INTEGER] == (Compare.GE, 18)
    assert known[PredicateKind.P_REAL] == (Compare.GT, 0.5), "turned round: the attribute comes first"
    assert known[PredicateKind.P_STRING_IN] == (0, ("New York", "Zürich"))
    assert known[PredicateKind.P_INTEGER_IN] == (0, (1, 2, 3))
    assert known[PredicateKind.P_HOLDS_STRING] == (0, "winter")
    assert known[PredicateKind.P_HOLDS_INTEGER] == (0, 42)
    assert known[PredicateKind.P_HAS] == known[PredicateKind.P_BOOL] == (0, 0)
