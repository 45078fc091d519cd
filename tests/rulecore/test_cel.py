"""Conditions mean what they mean to Google's implementation of CEL (`cel-expr-python`, which is cel-cpp).

The oracle is held against it on generated conditions and contexts, then the engine, by a bundle with two rules a
condition: one that it must match and one that its negation must.

Where our subset differs from CEL on purpose, and so is not compared here:

- `has(name)` takes any attribute; CEL's macro takes a field selection. Here it is `'name' in ctx`.
- Null is the same as absent; in CEL it is a value.
- An int and a double compare exactly. cel-cpp rounds the int to a double first, so they differ past 2^53; CEL's
  checker refuses the comparison unless one side is dynamic.
- Durations have the range of 64 bits of microseconds, a difference of timestamps likewise; cel-cpp's are 64 bits of
  nanoseconds in arithmetic and ten thousand years as constants.
- A time zone is an IANA name or `+hh:mm`; cel-cpp takes "" for UTC, does without sign or digit, and goes past 23:59.
- Times are cut off below the microsecond, where CEL keeps nanoseconds; a second 60 is refused.
- `sets.intersects`, `sets.contains`, `semver`, `cidr` are extensions: they have oracles of their own below.
- `segments`, purposes and consent have no counterpart.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from hypothesis import given
from hypothesis import strategies as st

from rulecore.errors import ContextError
from rulecore.model import Attribute, Bundle, Call, Expr, Placement, Rule, Type, Variant
from tests.cel_text import cel_text, type_of
from tests.oracle import Facts, Oracle
from tests.oracle_values import ERROR, ErrorValue, Truth, Value
from tests.strategies import conditions, only_used
from tests.strategies_conditions import EXTENSIONS
from tests.strategies_contexts import contexts, duration_text, instant_text, moments

ENV: Final = cel.NewEnv(
    variables={"ctx": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}, extensions=[ext_strings.ExtStrings()]
)
GOOGLE_DURATION_MAX: Final = (2**63 - 1) // 1000
GOOGLE_INT_AS_DOUBLE_MAX: Final = 2**53
GOOGLE_OWN_ZONES: Final = re.compile(r"([+-]?\d{1,2}:\d{2})?", re.ASCII)


def bundle_of(condition: Expr, known: list[Attribute]) -> Bundle:
    """A bundle whose placement `yes` matches where a condition is true, and `no` where its negation is."""
    whens = {"yes": condition, "no": Call("not", (condition,), Type.BOOL)}
    placements = [
        Placement(name, (Variant("a"), Variant("b")), "a", (Rule(name, when, (), "visitor_id", "", serve="b"),))
        for name, when in whens.items()
    ]
    return only_used(Bundle("cel", "UTC", tuple(known), (), (), (), tuple(placements)))


class Watched(Oracle):
    """The oracle, noting when an evaluation goes where cel-cpp differs."""

    apart = False

    def evaluate(self, expr: Expr, facts: Facts, items: tuple[Value, ...] = ()) -> Value | ErrorValue:
        """The value of an expression."""
        value = super().evaluate(expr, facts, items)
        if type_of(expr) is Type.DURATION and isinstance(value, int):
            self.apart |= abs(value) > GOOGLE_DURATION_MAX
        return value

    def call(self, expr: Call, facts: Facts, items: tuple[Value, ...]) -> Value | ErrorValue:
        """The value of an operator."""
        value = super().call(expr, facts, items)
        if expr.op.startswith("get_") and len(expr.args) == 2:
            zone = self.evaluate(expr.args[1], facts, items)
            self.apart |= value is ERROR and isinstance(zone, str) and bool(GOOGLE_OWN_ZONES.fullmatch(zone))
        if {type_of(arg) for arg in expr.args} == {Type.INT, Type.DOUBLE}:
            args = [self.evaluate(arg, facts, items) for arg in expr.args]
            self.apart |= any(isinstance(arg, int) and abs(arg) > GOOGLE_INT_AS_DOUBLE_MAX for arg in args)
        return value


def google_context(oracle: Oracle, facts: Facts) -> dict[str, object]:
    """The attributes that a condition can use, as cel-cpp takes them."""
    given: dict[str, object] = {}
    for attribute in oracle.bundle.attributes:
        value = oracle.value(attribute.name, facts)
        match attribute.type, value:
            case _, ErrorValue():
                continue
            case Type.TIMESTAMP, int():
                given[attribute.name] = instant_text(value)
            case Type.DURATION, int():
                given[attribute.name] = duration_text(value)
            case _, tuple():
                given[attribute.name] = list(value)
            case _:
                given[attribute.name] = value
    return given


@functools.lru_cache(maxsize=64)
def compiled(text: str) -> cel.Expression:
    """A condition compiled by cel-cpp."""
    return ENV.compile(text)


def google(condition: Expr, context: dict[str, object]) -> Truth:
    """What cel-cpp makes of a condition."""
    result = compiled(cel_text(condition)).eval(data={"ctx": context})
    if result.type() == cel.Type.ERROR:
        return ERROR
    value = result.value()
    assert isinstance(value, bool)
    return value


@given(st.data())
def test_the_oracle_agrees_with_cel(data: st.DataObject) -> None:
    condition, known = data.draw(conditions(without=EXTENSIONS))
    oracle = Watched(bundle_of(condition, known))
    for _ in range(5):
        context, now = data.draw(contexts(oracle.bundle)), data.draw(moments(oracle.bundle))
        try:
            facts = oracle.facts(context, now)
        except ContextError:
            continue
        oracle.apart = False
        expected = oracle.truth(condition, facts)
        if not oracle.apart:
            assert google(condition, google_context(oracle, facts)) is expected
