"""Conditions mean what they mean to Google's implementation of CEL (`cel-expr-python`, which is cel-cpp).

The oracle is held against it on generated conditions and contexts, then the engine, by a bundle with two rules a
condition: one that it must match and one that its negation must.

Where our subset differs from CEL on purpose, and so is not compared here:

- `has(name)` takes any attribute; CEL's macro takes a field selection. Here it is `'name' in ctx`.
- Null is the same as absent; in CEL it is a value.
- An int and a double compare exactly. cel-cpp rounds the int to a double first, so they differ past 2^53; CEL's
  checker refuses the comparison unless one side is dynamic.
- Durations reach ten thousand years either way in arithmetic, and 64 bits of microseconds in a context; cel-cpp's
  arithmetic ends at 64 bits of nanoseconds, so a difference of timestamps does at 292 years.
- A time zone is an IANA name or `+hh:mm`; cel-cpp takes "" for UTC, does without sign or digit, and goes past 23:59.
- Times are cut off below the microsecond, where CEL keeps nanoseconds; a second 60 is refused.
- `sets.intersects`, `sets.contains`, `semver`, `cidr` are extensions: they have oracles of their own below. An IPv4
  address written as IPv6 (`::ffff:10.0.0.1`) and an address with a zone are none, as in Kubernetes' library.
- `segments`, purposes and consent have no counterpart.

Texts of a context with a NUL in them are left out too: `cel-expr-python` ends them there.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import math
import operator
import re
from typing import Final

import semver
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from hypothesis import given
from hypothesis import strategies as st

from rulecore import BundleImage, ContextError, Engine, write_bundle
from rulecore.model import Attr, Attribute, Bundle, Call, Const, Expr, Placement, Rule, Source, Type, Variant
from tests.cel_text import cel_text, type_of
from tests.oracle import Facts, Oracle
from tests.oracle_values import ERROR, ErrorValue, Truth, Value
from tests.strategies import conditions, only_used
from tests.strategies_conditions import EXTENSIONS
from tests.strategies_contexts import contexts, duration_text, instant_text, moments
from tests.strategies_values import ADDRESSES, INTS, NETWORKS, VERSIONS, WORDS

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


def cut_off(context: dict[str, object]) -> bool:
    """Whether a text has a NUL, where the Python binding would end it."""
    texts = [text for value in context.values() for text in (value if isinstance(value, list) else [value])]
    return any(isinstance(text, str) and "\0" in text for text in texts)


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
        expected, given_google = oracle.truth(condition, facts), google_context(oracle, facts)
        if not oracle.apart and not cut_off(given_google):
            assert google(condition, given_google) is expected


@given(st.data())
def test_the_engine_agrees_with_cel(data: st.DataObject) -> None:
    condition, known = data.draw(conditions(without=EXTENSIONS))
    oracle = Watched(bundle_of(condition, known))
    engine = Engine(BundleImage(write_bundle(oracle.bundle)))
    for _ in range(5):
        context, now = data.draw(contexts(oracle.bundle)), data.draw(moments(oracle.bundle))
        try:
            facts = oracle.facts(context, now)
        except ContextError:
            continue
        oracle.apart = False
        expected, given_google = oracle.truth(condition, facts), google_context(oracle, facts)
        seen = engine_truth(engine, context, now)
        assert seen is expected
        if not oracle.apart and not cut_off(given_google):
            assert seen is google(condition, given_google)


def engine_truth(engine: Engine, context: dict[str, object], now: int) -> Truth:
    """What the engine makes of the condition of `bundle_of`."""
    no, yes = (decision.variant == "b" for decision in engine.decide_all(context, now, ["no", "yes"]))
    assert not (yes and no)
    return ERROR if yes is no else yes


VERSION_TEXTS: Final = st.sampled_from(VERSIONS) | st.from_regex(
    r"(0|[1-9][0-9]{0,20})(\.[0-9]{1,2}){2}(-[0-9a-z-]{1,3}(\.[0-9a-z-]{0,3})?)?(\+[0-9a-z.]{1,4})?", fullmatch=True
)
COMPARE: Final = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


@given(st.sampled_from(sorted(COMPARE)), st.lists(st.tuples(VERSION_TEXTS, VERSION_TEXTS), min_size=1, max_size=8))
def test_versions_compare_as_the_semver_package_has_it(op: str, pairs: list[tuple[str, str]]) -> None:
    versions = tuple(Call("semver", (Attr(name, Type.STRING),), Type.SEMVER) for name in ("left", "right"))
    engine = extension_engine(Call(op, versions, Type.BOOL), Type.STRING)
    for left, right in pairs:
        parsed = semver.Version.is_valid(left) and semver.Version.is_valid(right)
        expected = COMPARE[op](semver.Version.parse(left), semver.Version.parse(right)) if parsed else ERROR
        assert engine_truth(engine, {"left": left, "right": right}, 0) is expected


@given(st.sampled_from(NETWORKS), st.lists(st.ip_addresses().map(str) | st.sampled_from(ADDRESSES), max_size=20))
def test_networks_hold_what_the_ipaddress_module_says(network: str, addresses: list[str]) -> None:
    test = Call("contains_ip", (Const(Type.STRING, network), Attr("left", Type.STRING)), Type.BOOL)
    engine = extension_engine(test, Type.STRING)
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            address = None
        refused = isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped)
        expected = ERROR if address is None or refused else address in ipaddress.ip_network(network)
        assert engine_truth(engine, {"left": text}, 0) is expected


@given(st.lists(st.sampled_from(WORDS), max_size=5), st.lists(st.sampled_from(WORDS), max_size=5))
def test_lists_meet_and_contain_each_other_as_sets(left: list[str], right: list[str]) -> None:
    both = (Attr("left", Type.LIST_STRING), Attr("right", Type.LIST_STRING))
    for op, expected in (("intersects", bool({*left} & {*right})), ("contains_all", {*left} >= {*right})):
        engine = extension_engine(Call(op, both, Type.BOOL), Type.LIST_STRING)
        assert engine_truth(engine, {"left": left, "right": right}, 0) is expected


def extension_engine(condition: Expr, kind: Type) -> Engine:
    """An engine for a condition on the attributes `left` and `right`, both of one type."""
    known = [Attribute(name, kind, (), Source.CONTEXT) for name in ("left", "right")]
    known.append(Attribute("visitor_id", Type.STRING, (), Source.PROVIDED))
    return Engine(BundleImage(write_bundle(bundle_of(condition, known))))


@given(st.sampled_from(sorted(COMPARE)), st.data())
def test_ints_and_doubles_compare_exactly(op: str, data: st.DataObject) -> None:
    known = [Attribute("whole", Type.INT, (), Source.CONTEXT), Attribute("real", Type.DOUBLE, (), Source.CONTEXT)]
    known.append(Attribute("visitor_id", Type.STRING, (), Source.PROVIDED))
    whole = data.draw(st.sampled_from(INTS) | st.integers(-(2**63), 2**63 - 1))
    real = data.draw(st.sampled_from((float(whole), math.nextafter(whole, math.inf), math.nextafter(whole, -math.inf))))
    ints: tuple[Expr, Expr] = (Attr("whole", Type.INT), Const(Type.INT, whole))
    doubles: tuple[Expr, Expr] = (Attr("real", Type.DOUBLE), Const(Type.DOUBLE, real))
    for left, right in itertools.product(ints, doubles):
        for sides, expected in (((left, right), COMPARE[op](whole, real)), ((right, left), COMPARE[op](real, whole))):
            engine = Engine(BundleImage(write_bundle(bundle_of(Call(op, sides, Type.BOOL), known))))
            assert engine_truth(engine, {"whole": whole, "real": real}, 0) is expected
