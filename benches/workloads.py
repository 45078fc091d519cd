"""Workloads beside the retailer's of `benches.generator`: the two ends of cardinality, and the cases that hurt most.

Each has a bundle of one placement, contexts that satisfy one of its rules, any of them, and contexts that satisfy
none. The worst cases are chosen against an index of bitmaps: rows that exclude little, conditions that are no
conjunctions, values that take long to read. The same arguments give the same workload, on any machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from benches.generator import DEVICES, PLACEMENT, Facts, Scenario, make_placement, visitor_id
from rulecore.model import PERSONALIZATION, Attr, Attribute, Bundle, Call, Const, Expr, Source, Type

LONG_BYTES: Final = 16 << 10
LIST_ITEMS: Final = 1_000
ATTRIBUTES: Final = 200


class Workload(msgspec.Struct, frozen=True):
    """Rules, and what they are asked."""

    name: str
    bundle: Bundle
    natural: list[Facts]
    unmatched: list[Facts]


class Condition(msgspec.Struct, frozen=True):
    """What one rule asks, said twice: as an expression, and as a change to facts that makes them satisfy it.

    `holds` is a third way, for workloads whose unmatched contexts are found by trying.
    """

    when: Expr
    satisfy: Callable[[Facts], None]
    holds: Callable[[Facts], bool] | None = None


Draw = Callable[[random.Random], Facts]


def retailer(rules: int, contexts: int) -> Workload:
    """The generator's own: one of twelve attributes is selective in each rule."""
    scenario = Scenario(rules)
    return Workload("retailer", scenario.bundle, scenario.natural(PLACEMENT, contexts), scenario.unmatched(contexts))


def low_cardinality(rules: int, contexts: int) -> Workload:
    """Two attributes with six values between them, so that a rule that is not among the first six never wins."""
    draw = random.Random(f"low/{rules}")
    conditions = []
    for _ in range(rules):
        device, member = draw.choice(DEVICES), draw.random() < 0.5
        flag = Attr("member", Type.BOOL)
        when = _all(_compare("device", "eq", device), flag if member else Call("not", (flag,), Type.BOOL))
        conditions.append(Condition(when, partial(_update, device=device, member=member)))

    def facts(_draw: random.Random) -> Facts:
        return {"device": "television", "member": _draw.random() < 0.5}

    attributes = {"device": Type.STRING, "member": Type.BOOL}
    return _workload("low cardinality", attributes, conditions, facts, contexts)


def high_cardinality(rules: int, contexts: int) -> Workload:
    """A rule an account, each named once."""
    draw = random.Random(f"high/{rules}")
    conditions = []
    for number in range(rules):
        account, device = f"account-{number:06}", draw.choice(DEVICES)
        when = _all(_compare("account_id", "eq", account), _compare("device", "eq", device))
        conditions.append(Condition(when, partial(_update, account_id=account, device=device)))

    def facts(_draw: random.Random) -> Facts:
        return {"account_id": f"account-{_draw.randrange(500_000, 900_000)}", "device": _draw.choice(DEVICES)}

    attributes = {"account_id": Type.STRING, "device": Type.STRING}
    return _workload("high cardinality", attributes, conditions, facts, contexts)


def nothing_selective(rules: int, contexts: int) -> Workload:
    """Twelve thresholds a rule, each passed by half of the visitors: every row of an index holds half of the rules."""
    names = [f"score_{number:02}" for number in range(12)]
    draw = random.Random(f"nothing selective/{rules}")
    conditions = []
    for _ in range(rules):
        least = {name: draw.randint(30, 70) / 100 for name in names}
        when = _all(*(_compare(name, "ge", value) for name, value in least.items()))
        conditions.append(Condition(when, partial(_take, least), partial(_reaches, least)))

    def facts(_draw: random.Random) -> Facts:
        return {name: _draw.random() for name in names}

    return _workload("no selective predicate", dict.fromkeys(names, Type.DOUBLE), conditions, facts, contexts)


def disjunctions(rules: int, contexts: int) -> Workload:
    """Five disjunctions a rule, each between two attributes, each true of a fifth of the visitors."""
    texts = [f"place_{number}" for number in range(5)]
    scores = [f"score_{number}" for number in range(5)]
    draw = random.Random(f"disjunctions/{rules}")
    conditions = []
    for _ in range(rules):
        pairs = list(zip(draw.sample(texts, 5), draw.sample(scores, 5), strict=True))
        wanted = {text: f"town-{draw.randrange(20):02}" for text in texts}
        least = {score: draw.randint(80, 90) / 100 for score in scores}
        when = _all(
            *(
                Call("or", (_compare(text, "eq", wanted[text]), _compare(score, "ge", least[score])), Type.BOOL)
                for text, score in pairs
            )
        )
        conditions.append(
            Condition(when, partial(_either, pairs, wanted, least), partial(_any_of_each, pairs, wanted, least))
        )

    def facts(_draw: random.Random) -> Facts:
        towns: Facts = {text: f"town-{_draw.randrange(20):02}" for text in texts}
        return towns | {score: _draw.random() for score in scores}

    attributes = dict.fromkeys(texts, Type.STRING) | dict.fromkeys(scores, Type.DOUBLE)
    return _workload("all disjunctions", attributes, conditions, facts, contexts)


def patterns(rules: int, contexts: int) -> Workload:
    """A regular expression a rule, all different, all on one attribute."""
    conditions = []
    for number in range(rules):
        pattern = f"^/(shop|sale)/{number:05}/[a-z-]+(/reviews)?$"
        path = f"/sale/{number:05}/warm-hats/reviews"
        conditions.append(Condition(_call("matches", "path", pattern), partial(_update, path=path)))

    def facts(_draw: random.Random) -> Facts:
        return {"path": f"/shop/{_draw.randrange(rules):05}/warm-hats/Reviews"}

    return _workload("all regular expressions", {"path": Type.STRING}, conditions, facts, contexts)


def many_attributes(rules: int, contexts: int) -> Workload:
    """Two hundred attributes in every context, of which each rule asks four."""
    names = [f"fact_{number:03}" for number in range(ATTRIBUTES)]
    draw = random.Random(f"many attributes/{rules}")
    conditions = []
    for _ in range(rules):
        wanted = {name: f"value-{draw.randrange(10)}" for name in draw.sample(names, 4)}
        when = _all(*(_compare(name, "eq", value) for name, value in wanted.items()))
        conditions.append(Condition(when, partial(_take, wanted), partial(_equals, wanted)))

    def facts(_draw: random.Random) -> Facts:
        return {name: f"value-{_draw.randrange(10)}" for name in names}

    attributes = dict.fromkeys(names, Type.STRING)
    return _workload(f"{ATTRIBUTES} attributes", attributes, conditions, facts, contexts)


def long_compared(rules: int, contexts: int) -> Workload:
    """Values of 16 kB compared with constants that differ from them at the very end."""
    same = "a" * (LONG_BYTES - 8)
    conditions = []
    for number in range(rules):
        # A constant in sixteen is long: all of them would be an image of 32 MB.
        wanted = f"{same}{number // 16:08}" if number % 16 == 0 else f"{number:08}"
        conditions.append(Condition(_compare("text", "eq", wanted), partial(_update, text=wanted)))

    def facts(_draw: random.Random) -> Facts:
        return {"text": f"{same}{_draw.randrange(90_000_000, 99_999_999)}"}

    return _workload("long strings compared", {"text": Type.STRING}, conditions, facts, contexts)


def long_searched(rules: int, contexts: int) -> Workload:
    """Values of 16 kB in which every rule looks for a word of its own."""
    words = [f"needle{number:05}" for number in range(rules)]
    conditions = [Condition(_call("contains", "text", word), partial(_append, word)) for word in words]

    def facts(_draw: random.Random) -> Facts:
        return {"text": " ".join(f"needle-{_draw.randrange(10_000):04}" for _ in range(LONG_BYTES // 12))}

    return _workload("long strings searched", {"text": Type.STRING}, conditions, facts, contexts)


def long_lists(rules: int, contexts: int) -> Workload:
    """Lists of a thousand items, in which every rule looks for one of its own or for any of three."""
    items = Attr("items", Type.LIST_STRING)
    conditions = []
    for number in range(rules):
        wanted = tuple(f"sku-{number:05}-{part}" for part in range(3))
        when = (
            Call("intersects", (items, Const(Type.LIST_STRING, wanted)), Type.BOOL)
            if number % 2
            else Call("in", (Const(Type.STRING, wanted[0]), items), Type.BOOL)
        )
        conditions.append(Condition(when, partial(_replace_last, wanted[0])))

    def facts(_draw: random.Random) -> Facts:
        return {"items": [f"sku-{_draw.randrange(100_000)}" for _ in range(LIST_ITEMS)]}

    return _workload(f"lists of {LIST_ITEMS:,}", {"items": Type.LIST_STRING}, conditions, facts, contexts)


CARDINALITIES: Final = (low_cardinality, high_cardinality)
WORST_CASES: Final = (
    nothing_selective,
    disjunctions,
    patterns,
    many_attributes,
    long_compared,
    long_searched,
    long_lists,
)


def _workload(
    name: str,
    attributes: dict[str, Type],
    conditions: list[Condition],
    facts: Draw,
    contexts: int,
) -> Workload:
    draw = random.Random(f"{name}/{len(conditions)}/{contexts}")
    every = {"visitor_id": Type.STRING} | attributes
    bundle = Bundle(
        name="bench",
        timezone="UTC",
        attributes=tuple(Attribute(name, every[name], (PERSONALIZATION,), Source.CONTEXT) for name in sorted(every)),
        segments=(),
        holdouts=(),
        layers=(),
        placements=(make_placement(PLACEMENT, [condition.when for condition in conditions]),),
    )
    natural = []
    for _ in range(contexts):
        context = _visitor(facts, draw)
        draw.choice(conditions).satisfy(context)
        natural.append(context)
    unmatched: list[Facts] = []
    while len(unmatched) < contexts:
        context = _visitor(facts, draw)
        if not any(condition.holds and condition.holds(context) for condition in conditions):
            unmatched.append(context)
    return Workload(name, bundle, natural, unmatched)


def _visitor(facts: Draw, draw: random.Random) -> Facts:
    return {"visitor_id": visitor_id(draw.randrange(1_000_000)), "consent": [PERSONALIZATION], **facts(draw)}


def _all(*tests: Expr) -> Expr:
    return Call("and", tests, Type.BOOL)


def _compare(name: str, operator: str, value: str | float) -> Expr:
    return Call(operator, _with_constant(name, value), Type.BOOL)


def _call(operator: str, name: str, text: str) -> Expr:
    return Call(operator, _with_constant(name, text), Type.BOOL)


def _with_constant(name: str, value: str | float) -> tuple[Expr, Expr]:
    of = Type.STRING if isinstance(value, str) else Type.DOUBLE
    return Attr(name, of), Const(of, value)


def _update(facts: Facts, **values: object) -> None:
    facts.update(values)


def _take(values: Mapping[str, object], facts: Facts) -> None:
    facts.update(values)


def _reaches(least: dict[str, float], facts: Facts) -> bool:
    return all(_number(facts, name) >= value for name, value in least.items())


def _equals(wanted: dict[str, str], facts: Facts) -> bool:
    return all(facts[name] == value for name, value in wanted.items())


def _either(pairs: list[tuple[str, str]], wanted: dict[str, str], least: dict[str, float], facts: Facts) -> None:
    for number, (text, score) in enumerate(pairs):
        facts.update({text: wanted[text]} if number % 2 else {score: least[score]})


def _any_of_each(pairs: list[tuple[str, str]], wanted: dict[str, str], least: dict[str, float], facts: Facts) -> bool:
    return all(facts[text] == wanted[text] or _number(facts, score) >= least[score] for text, score in pairs)


def _append(word: str, facts: Facts) -> None:
    facts["text"] = f"{facts['text']} {word}"


def _replace_last(item: str, facts: Facts) -> None:
    items = facts["items"]
    assert isinstance(items, list)
    items[-1] = item


def _number(facts: Facts, name: str) -> float:
    value = facts[name]
    assert isinstance(value, float)
    return value
