"""A bundle and a membership are linked by name, and a pair that does not belong together is refused by name."""

from __future__ import annotations

import re
from typing import Final

import pytest

from rulecore import BundleImage, Engine, LinkError, Membership, MembershipKeys, write_bundle
from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Const,
    Expr,
    InSegment,
    Segment,
    Source,
    Type,
)
from rulecore.snapshot import Value, write_snapshot
from tests.deltas import delta_on
from tests.rulecore.linked import KINDS, bundle, equals, from_column, holding

KEYS: Final = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32))})
MEMBERS: Final = {
    "of-all": ["analysts", "beginners", "champions", "vip", "zealots"],
    "of-one": ["vip"],
    "of-others": ["beginners", "zealots"],
    "of-none": [],
}
COLUMNS: Final[dict[str, dict[str, Value]]] = {
    "interests": {"of-all": ("hats", "shoes"), "of-others": (), "of-one": ("größer",)},
    "orders": {"of-all": 7, "of-none": -3},
    "score": {"of-all": 0.25},
    "staff": {"of-all": True, "of-one": False},
    "tier": {"of-all": "gold", "of-one": "größer"},
}
IMAGE: Final = write_snapshot(MEMBERS, KEYS, 1, COLUMNS)
SNAPSHOT: Final = Membership(IMAGE, KEYS)


def link(made: Bundle, membership: Membership | None = SNAPSHOT) -> Engine:
    return Engine(BundleImage(write_bundle(made)), membership)


def negated(condition: Expr) -> Expr:
    return Call("not", (condition,), Type.BOOL)


def test_a_segment_is_found_by_its_name_whatever_its_number_is_on_either_side() -> None:
    asked = ("champions", "vip", "zealots")  # 0, 1, 2 in the bundle, 2, 3, 4 in the snapshot
    engine = link(bundle({name: InSegment(name) for name in asked}, dict.fromkeys(asked, ())))
    for visitor, segments in MEMBERS.items():
        assert holding(engine, {"visitor_id": visitor}) == {*asked} & {*segments}
    assert holding(engine, {"visitor_id": "unknown"}) == set()


def test_a_visitor_who_is_in_no_segment_is_known_not_to_be() -> None:
    engine = link(bundle({"out": negated(InSegment("vip"))}, {"vip": ()}))
    said = {visitor: holding(engine, {"visitor_id": visitor}) for visitor in (*MEMBERS, "unknown")}
    assert said == {"of-all": set(), "of-one": set(), "of-others": {"out"}, "of-none": {"out"}, "unknown": {"out"}}
    assert holding(engine, {}) == set(), "without a visitor nobody knows"


def test_columns_of_every_type_fill_the_attributes_declared_so() -> None:
    conditions = {
        f"{name}-{visitor}": equals(name, values[visitor]) for name, values in COLUMNS.items() for visitor in values
    }
    engine = link(bundle(conditions, None, tuple(from_column(name) for name in COLUMNS)))
    for visitor in (*MEMBERS, "unknown"):
        expected = {f"{name}-{visitor}" for name, values in COLUMNS.items() if visitor in values}
        assert holding(engine, {"visitor_id": visitor}) == expected


def test_an_attribute_need_not_be_called_like_its_column_and_goes_by_the_declared_one() -> None:
    crossed = (
        Attribute("of_orders", Type.INT, (), Source.SNAPSHOT, "orders"),
        Attribute("of_tier", Type.STRING, (), Source.SNAPSHOT, "tier"),
        Attribute("orders", Type.STRING, (), Source.SNAPSHOT, "tier"),
    )
    condition = Call("eq", (Attr("orders", Type.STRING), Const(Type.STRING, "gold")), Type.BOOL)
    engine = link(bundle({"crossed": condition, "seven": equals("orders", 7)}, None, crossed))
    assert holding(engine, {"visitor_id": "of-all"}) == {"crossed", "seven"}


def test_what_the_caller_states_goes_before_the_snapshot() -> None:
    engine = link(
        bundle({"gold": equals("tier", "gold"), "vip": InSegment("vip")}, {"vip": ()}, (from_column("tier"),))
    )
    assert holding(engine, {"visitor_id": "of-all"}) == {"gold", "vip"}
    assert holding(engine, {"visitor_id": "of-all", "of_tier": "tin", "segments": []}) == set()
    assert holding(engine, {"visitor_id": "of-none", "of_tier": "gold", "segments": ["vip"]}) == {"gold", "vip"}


def test_a_pair_whose_snapshot_lacks_segments_is_refused_with_all_their_names() -> None:
    asked = ("analysts", "lapsed", "vip", "admirers")
    made = bundle({name: InSegment(name) for name in asked}, dict.fromkeys(asked, ()))
    with pytest.raises(LinkError, match="the snapshot lacks the segments admirers, lapsed") as caught:
        link(made)
    assert caught.value.missing == ("admirers", "lapsed")
    assert link(made, None).membership is None, "alone, the bundle is sound"


def test_a_pair_whose_snapshot_lacks_columns_is_refused_with_all_their_names() -> None:
    made = bundle({}, None, tuple(from_column(name, Type.INT) for name in ("visits", "orders", "clicks")))
    with pytest.raises(LinkError, match="the snapshot lacks the columns clicks, visits") as caught:
        link(made)
    assert caught.value.missing == ("clicks", "visits")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("kind", KINDS.values())
def test_a_column_of_another_type_is_refused_by_name(column: str, kind: Type) -> None:
    made = bundle({}, None, (from_column(column, kind),))
    if KINDS[column] is kind:
        link(made)
        return
    wrong = f"column {column} is {KINDS[column]}, the attribute of_{column} {kind}"
    with pytest.raises(LinkError, match=re.escape(wrong)) as caught:
        link(made)
    assert caught.value.missing == (column,)


def test_a_segment_with_a_condition_is_not_asked_of_the_snapshot() -> None:
    phones = Segment("phones", (), InSegment("vip"))
    engine = link(bundle({"phones": InSegment("phones")}, {"vip": ()}, (), phones))
    assert holding(engine, {"visitor_id": "of-one"}) == {"phones"}


@pytest.mark.parametrize(
    ("consent", "seen"),
    [
        ((), {"zealots"}),
        (("personalization",), {"vip", "zealots"}),
        (("analytics",), {"analysts", "zealots"}),
        (("analytics", "personalization"), {"analysts", "champions", "vip", "zealots"}),
    ],
)
def test_a_segment_is_seen_where_all_its_purposes_are_consented_to(consent: tuple[str, ...], seen: set[str]) -> None:
    purposes = {
        "analysts": ("analytics",),
        "champions": ("analytics", "personalization"),
        "vip": ("personalization",),
        "zealots": (),
    }
    conditions = {name: InSegment(name) for name in purposes}
    engine = link(
        bundle({**conditions, **{f"not-{name}": negated(when) for name, when in conditions.items()}}, purposes)
    )
    assert holding(engine, {"visitor_id": "of-all", "consent": list(consent)}) == seen
    out = {f"not-{name}" for name in seen}
    assert holding(engine, {"visitor_id": "of-none", "consent": list(consent)}) == out, "nor is the negation told"


def test_a_column_is_seen_where_its_attribute_is_consented_to() -> None:
    attributes = (from_column("orders", purposes=("analytics",)), from_column("tier"))
    engine = link(bundle({"seven": equals("orders", 7), "gold": equals("tier", "gold")}, None, attributes))
    assert holding(engine, {"visitor_id": "of-all"}) == {"gold"}
    assert holding(engine, {"visitor_id": "of-all", "consent": ["analytics"]}) == {"gold", "seven"}


def changed(*deltas: bytes) -> Membership:
    return Membership(IMAGE, KEYS, deltas)


NEW: Final[dict[str, dict[str, Value]]] = {"tier": {"new": "gold"}, "interests": {"new": ("hats", "new")}}
MOVED: Final = delta_on([IMAGE], {"of-all": ["vip"], "of-none": ["lapsed", "vip"], "of-one": None}, KEYS)
MOVED_ON: Final = delta_on([IMAGE, MOVED], {"new": ["admirers", "lapsed"]}, KEYS, NEW)


def test_a_delta_that_appends_a_segment_satisfies_the_bundle_that_needs_it() -> None:
    asked = ("lapsed", "vip")
    made = bundle({name: InSegment(name) for name in asked}, dict.fromkeys(asked, ()))
    with pytest.raises(LinkError) as caught:
        link(made)
    assert caught.value.missing == ("lapsed",)
    engine = link(made, changed(MOVED))
    said = {visitor: holding(engine, {"visitor_id": visitor}) for visitor in (*MEMBERS, "new", "unknown")}
    assert said == {
        "of-all": {"vip"},
        "of-one": set(),
        "of-others": set(),
        "of-none": {"lapsed", "vip"},
        "new": set(),
        "unknown": set(),
    }


def test_every_delta_of_a_chain_may_append_segments() -> None:
    asked = ("admirers", "lapsed", "zealots")
    made = bundle({name: InSegment(name) for name in asked}, dict.fromkeys(asked, ()))
    with pytest.raises(LinkError) as caught:
        link(made, changed(MOVED))
    assert caught.value.missing == ("admirers",)
    engine = link(made, changed(MOVED, MOVED_ON))
    said = {visitor: holding(engine, {"visitor_id": visitor}) for visitor in ("of-none", "of-others", "new")}
    assert said == {"of-none": {"lapsed"}, "of-others": {"zealots"}, "new": {"admirers", "lapsed"}}


def test_columns_come_from_the_delta_that_has_the_visitor() -> None:
    conditions = {
        "gold": equals("tier", "gold"),
        "new": equals("interests", ("hats", "new")),
        "seven": equals("orders", 7),
    }
    engine = link(bundle(conditions, None, tuple(map(from_column, COLUMNS))), changed(MOVED, MOVED_ON))
    said = {visitor: holding(engine, {"visitor_id": visitor}) for visitor in ("of-all", "of-one", "new")}
    assert said == {"of-all": set(), "of-one": set(), "new": {"gold", "new"}}, "an entry of a delta is all there is"


def test_consent_masks_what_a_delta_says_as_well() -> None:
    engine = link(bundle({"lapsed": InSegment("lapsed")}, {"lapsed": ("personalization",)}), changed(MOVED))
    assert holding(engine, {"visitor_id": "of-none"}) == set()
    assert holding(engine, {"visitor_id": "of-none", "consent": ["personalization"]}) == {"lapsed"}


def test_the_release_names_the_whole_chain() -> None:
    made = bundle({})
    releases = {
        link(made, membership).release for membership in (None, SNAPSHOT, changed(MOVED), changed(MOVED, MOVED_ON))
    }
    assert len(releases) == 4
