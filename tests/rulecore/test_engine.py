"""The engine as its callers hold it: what it answers, what it refuses, and that it can be shared."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable

import msgspec
import pytest

from rulecore import (
    BundleImage,
    ContextError,
    Decision,
    Engine,
    LinkError,
    Membership,
    MembershipKeys,
    PlacementError,
    write_bundle,
)
from rulecore.explanation import FormulaTrace, Outcome, PredicateTrace, Truth
from rulecore.model import Attr, Attribute, Bundle, Call, Const, Placement, Rule, Segment, Source, Type, Variant
from rulecore.snapshot import write_snapshot
from tests.samples import CONTEXTS, sample_bundle

NOW = 1_795_000_000_000_000
IMAGE = write_bundle(sample_bundle())


@pytest.fixture
def engine() -> Engine:
    return Engine(BundleImage(IMAGE))


def test_a_decision_says_what_and_why(engine: Engine) -> None:
    decision = engine.decide("hero", {"city": "New York"}, NOW)
    assert decision.placement == "hero"
    assert decision.variant == "hat"
    assert decision.reason == "TARGETING_MATCH"
    assert decision.rule == "rule-02"
    assert decision.payload == b'{"headline":"Hats"}'
    assert decision.block == b"<p>A hat</p>"
    assert decision.block_path == "hero/hat.html"
    assert (decision.experiment, decision.holdout, decision.held_out) == (None, None, None)
    assert decision.release == engine.release


def test_a_static_placement_a_disabled_one_and_a_failed_one_serve_their_default(engine: Engine) -> None:
    assert [engine.decide("banner", {}, NOW).reason, engine.decide("closed", {}, NOW).reason] == ["STATIC", "DISABLED"]
    failed = engine.default("hero")
    assert (failed.variant, failed.reason, failed.payload, failed.rule) == ("none", "ERROR", None, None)


def test_digests_follow_content_and_not_names(engine: Engine) -> None:
    banner, closed, hero = (engine.default(name).payload_digest for name in ("banner", "closed", "hero"))
    assert banner == closed != hero


def test_all_placements_come_from_one_context_in_order_of_name(engine: Engine) -> None:
    for context in CONTEXTS:
        body = msgspec.json.encode(context)
        one_by_one = [repr(engine.decide(name, context, NOW)) for name in engine.bundle.placements]
        assert [repr(decision) for decision in engine.decide_all(context, NOW)] == one_by_one
        assert [repr(decision) for decision in engine.decide_all(body, NOW)] == one_by_one
        assert [repr(engine.decide_json(name, body, NOW)) for name in engine.bundle.placements] == one_by_one
    assert [decision.placement for decision in engine.decide_all({}, NOW, ["hero", "banner"])] == ["hero", "banner"]


def test_now_in_the_context_goes_before_the_argument(engine: Engine) -> None:
    context: dict[str, object] = {"visitor_id": "v", "consent": ["personalization"], "now": "1970-01-01T00:30:00Z"}
    asked = engine.explain("hero", context, NOW)
    early = next(rule for rule in asked.rules if rule.rule == "rule-70")
    late = next(rule for rule in engine.explain("hero", context | {"now": None}, NOW).rules if rule.rule == "rule-70")
    assert early.outcome is not Outcome.ENDED
    assert late.outcome in (Outcome.ENDED, Outcome.NOT_REACHED)


@pytest.mark.parametrize("now", [-(2**80), -62_135_596_800_000_001, 253_402_300_800_000_000, 2**63])
def test_now_lies_in_the_years_1_to_9999(engine: Engine, now: int) -> None:
    with pytest.raises(ValueError, match="not in the years 1 to 9999"):
        engine.decide("hero", {}, now)


def test_now_is_no_float_for_seconds_would_mean_1970(engine: Engine) -> None:
    with pytest.raises(TypeError, match="now is an int, microseconds since 1970, not float"):
        engine.decide("hero", {}, 1_795_000_000.0)  # type: ignore[arg-type]  # the point of the test


def test_a_context_may_be_of_a_class_derived_from_dict(engine: Engine) -> None:
    plain = engine.decide("hero", {"member": True}, NOW)
    assert engine.decide("hero", OrderedDict(member=True), NOW).rule == plain.rule


@pytest.mark.parametrize("context", CONTEXTS)
def test_an_explanation_is_of_the_same_decision(engine: Engine, context: dict[str, object]) -> None:
    for placement in engine.bundle.placements:
        decision, explanation = engine.decide(placement, context, NOW), engine.explain(placement, context, NOW)
        assert explanation.variant == decision.variant
        assert explanation.reason == decision.reason
        assert explanation.rule == decision.rule
        assert explanation.held_out == decision.held_out
        winner = decision.held_out[0] if decision.held_out else decision.rule
        assert [rule.rule for rule in explanation.rules if rule.outcome is Outcome.WON] == ([winner] if winner else [])


def test_an_explanation_names_the_attribute_that_a_predicate_lacked(engine: Engine) -> None:
    traces: list[tuple[dict[str, object], PredicateTrace]] = [
        ({"age": 7}, PredicateTrace("age >= 18", Truth.FALSE, "age is 7")),
        ({"age": None}, PredicateTrace("age >= 18", Truth.ERROR, "age is absent")),
    ]
    for context, predicate in traces:
        rule = engine.explain("hero", context, NOW).rules[4]
        assert rule.condition == FormulaTrace("is", holds=False, predicate=predicate)


def test_an_unknown_placement_is_refused_by_name(engine: Engine) -> None:
    for ask in (
        lambda: engine.decide("heroo", {}, NOW),
        lambda: engine.decide_json("heroo", b"{}", NOW),
        lambda: engine.decide_all({}, NOW, ["hero", "heroo"]),
        lambda: engine.explain("heroo", {}, NOW),
        lambda: engine.default("heroo"),
    ):
        with pytest.raises(PlacementError, match="no placement named 'heroo'"):
            ask()


def test_a_value_of_a_wrong_type_is_refused_by_the_attributes_name(engine: Engine) -> None:
    with pytest.raises(ContextError) as caught:
        engine.decide("hero", {"age": "seven"}, NOW)
    assert caught.value.attribute == "age"
    with pytest.raises(ContextError) as caught:
        engine.decide_json("hero", b'{"age": "seven"}', NOW)
    assert (caught.value.attribute, caught.value.offset) == ("age", 8)


def test_a_context_is_a_dict_or_bytes(engine: Engine) -> None:
    with pytest.raises(TypeError):
        engine.decide_all("{}", NOW)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError):
        engine.decide("hero", b"{}", NOW)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        engine.decide_json("hero", {}, NOW)  # type: ignore[arg-type]


def test_an_engine_and_its_decisions_cannot_be_changed(engine: Engine) -> None:
    decision = engine.decide("hero", {}, NOW)
    for target, name in ((engine, "bundle"), (engine, "other"), (decision, "variant"), (decision, "other")):
        with pytest.raises(AttributeError):
            setattr(target, name, None)
    with pytest.raises(TypeError):
        Decision()
    with pytest.raises(TypeError, match="decisions come from an Engine"):
        repr(Decision.__new__(Decision))


def test_a_decision_outlives_its_engine_and_its_image() -> None:
    decision = Engine(BundleImage(write_bundle(sample_bundle()))).decide("hero", {"member": True}, NOW)
    assert decision.payload == b'{"headline":"Hats"}'


def test_threads_share_an_engine(engine: Engine) -> None:
    expected = [[repr(decision) for decision in engine.decide_all(context, NOW)] for context in CONTEXTS]
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(300):
            for context, answer in zip(CONTEXTS, expected, strict=True):
                got = [repr(decision) for decision in engine.decide_all(context, NOW)]
                if got != answer:
                    wrong.append((context, got))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_a_snapshot_a_column_is_what_the_caller_states() -> None:
    attribute = Attribute("tier", Type.STRING, (), Source.SNAPSHOT, "tier")
    rule = Rule("r", None, (), "tier", "s", split=(("v", 1),))
    bundle = Bundle("b", "UTC", (attribute,), (), (), (), (Placement("p", (Variant("v"), Variant("w")), "w", (rule,)),))
    engine = Engine(BundleImage(write_bundle(bundle)))
    assert engine.decide("p", {"tier": "gold"}, NOW).variant == "v"
    assert engine.decide("p", {}, NOW).variant == "w"


def columns_of(*types: Type) -> Bundle:
    """A bundle in which attributes of these types come from one column, and split each a rule."""
    names = [f"tier-{number}" for number in range(len(types))]
    attributes = tuple(
        Attribute(name, kind, (), Source.SNAPSHOT, "tier") for name, kind in zip(names, types, strict=True)
    )
    variants = (Variant("v"), Variant("w"))
    placements = tuple(
        Placement(name, variants, "w", (Rule(name, None, (), name, "s", split=(("v", 1),)),)) for name in names
    )
    return Bundle("b", "UTC", attributes, (), (), (), placements)


def test_one_column_may_fill_several_attributes_and_each_must_be_of_its_type() -> None:
    keys = MembershipKeys(bytes(16), {1: bytes(16)})
    membership = Membership(write_snapshot({"v1": set()}, keys, 1, {"tier": {"v1": "gold"}}), keys)
    engine = Engine(BundleImage(write_bundle(columns_of(Type.STRING, Type.STRING))), membership)
    assert engine.membership is membership
    assert [decision.variant for decision in engine.decide_all({"visitor_id": "v1"}, NOW)] == ["v", "v"]
    with pytest.raises(LinkError, match="column tier is string, the attribute tier-0 int"):
        Engine(BundleImage(write_bundle(columns_of(Type.INT, Type.STRING))), membership)


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, context: [decision.variant for decision in engine.decide_all(context, NOW)],
        lambda engine, context: [trace.condition.holds for trace in engine.explain("p000", context, NOW).rules],
        lambda engine, context: engine.matching_segments(context, NOW),
    ],
)
def test_a_dict_that_a_finalizer_changes_meanwhile_is_still_the_one_that_was_read(
    ask: Callable[[Engine, dict[str, object]], list[object]],
) -> None:
    text = "x" * 5_000
    conditions = [
        Call("contains", (Attr("city", Type.STRING), Const(Type.STRING, text[n:])), Type.BOOL) for n in range(200)
    ]
    rules = [Rule(f"r{n}", when, (), "visitor_id", "s", serve="v") for n, when in enumerate(conditions)]
    variants = (Variant("v"), Variant("w"))
    placements = [Placement("p000", variants, "w", tuple(rules))]
    placements += [
        Placement(f"p{n:03}", variants, "w", (Rule(f"q{n}", when, (), "visitor_id", "s", serve="v"),))
        for n, when in enumerate(conditions)
        if n > 0
    ]
    segments = tuple(Segment(f"s{n:03}", (), when) for n, when in enumerate(conditions))
    city = Attribute("city", Type.STRING, (), Source.CONTEXT)
    engine = Engine(BundleImage(write_bundle(Bundle("b", "UTC", (city,), segments, (), (), tuple(placements)))))
    expected = ask(engine, {"city": text})
    context: dict[str, object] = {"city": "".join(["x"] * 5_000)}
    kept: list[str] = []

    class Changes:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            context["city"] = ""
            kept.extend("y" * (5_000 - n) for n in range(100))

    gc.collect()
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        Changes()
        gc.set_threshold(5)
        gc.enable()
        assert ask(engine, context) == expected
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()
    gc.collect()
    assert kept
