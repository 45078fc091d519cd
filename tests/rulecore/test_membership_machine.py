"""A snapshot and any chain of deltas answer as one dict would, whatever happened to visitors and to the chain.

What a chain does by itself, on a base that is made up, is tried in `test_delta`; how an engine is linked with a
membership in `test_linking`. This goes from visitor ids to answers, through the bytes of images, as a node does.
"""

from __future__ import annotations

import io
from typing import Final

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rulecore import BundleImage, DeltaImage, Engine, Membership, MembershipKeys, SnapshotImage, write_bundle
from rulecore.delta import merge_deltas, write_delta
from rulecore.model import Expr, InSegment
from rulecore.snapshot import Value, write_snapshot
from tests.deltas import delta_on
from tests.rulecore.linked import bundle, equals, from_column, holding

KEYS: Final = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32)), 2: bytes(16)})
SURE: Final = 24
"""Bits of a fingerprint by which no stranger here is taken for a member."""

VISITORS: Final = [f"visitor-{number}" for number in range(14)]
SEGMENTS: Final = ["analysts", "beginners", "champions", "lapsed", "vip", "zealots"]
VALUES: Final[dict[str, list[Value]]] = {
    "interests": [(), ("",), ("hats", "shoes"), ("größer",), tuple(map(str, range(40)))],
    "orders": [0, 7, -(2**63), 2**63 - 1],
    "score": [0.0, 0.25, -1.5, float("inf")],
    "staff": [False, True],
    "tier": ["", "gold", "größer", "x" * 300],
}


class Row(msgspec.Struct, frozen=True):
    """What a visitor has."""

    segments: frozenset[str]
    values: dict[str, Value]


visitors = st.sampled_from(VISITORS)
sets = st.frozensets(st.sampled_from(SEGMENTS))
values = st.fixed_dictionaries({}, optional={name: st.sampled_from(some) for name, some in VALUES.items()})


class MembershipMachine(RuleBasedStateMachine):
    """`rows` is what is known now, `published` what images say: the changes between them are to be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Row] = {}
        self.published: dict[str, Row] = {}
        self.changed: set[str] = set()
        self.begun = 0
        self.chain: list[bytes] = []
        self.epoch = 1

    @initialize(rows=st.dictionaries(visitors, st.builds(Row, sets, values)))
    def begin(self, rows: dict[str, Row]) -> None:
        self.rows |= rows
        self.fold_into_a_new_base(rotate=False)

    def change(self, visitor: str, row: Row | None) -> None:
        self.rows.pop(visitor, None)
        if row is not None:
            self.rows[visitor] = row
        self.changed.add(visitor)

    @rule(visitor=visitors, segments=sets, of_columns=values)
    def put(self, visitor: str, segments: frozenset[str], of_columns: dict[str, Value]) -> None:
        self.change(visitor, Row(segments, of_columns))

    @rule(visitor=visitors)
    def erase(self, visitor: str) -> None:
        self.change(visitor, None)

    @rule(some=st.lists(visitors, min_size=1, max_size=4, unique=True))
    def begin_a_segment(self, some: list[str]) -> None:
        self.begun += 1
        for visitor in some:
            row = self.rows.get(visitor, Row(frozenset(), {}))
            self.change(visitor, Row(row.segments | {f"begun-{self.begun}"}, row.values))

    @rule()
    def cut_a_delta(self) -> None:
        columns = dict(SnapshotImage(self.chain[0]).columns)
        for visitor in self.changed:
            self.published.pop(visitor, None)
            if visitor in self.rows:
                row = self.rows[visitor]  # a delta has the columns of its base, no others
                kept = {name: value for name, value in row.values.items() if name in columns}
                self.published[visitor] = Row(row.segments, kept)
        changes = {visitor: self.rows[visitor].segments if visitor in self.rows else None for visitor in self.changed}
        self.chain.append(delta_on(self.chain, changes, KEYS, by_column(self.published)))
        self.changed.clear()
        self.reopen(shift=0)

    @precondition(lambda self: len(self.chain) > 1)
    @rule(first=st.integers(0, 5), count=st.integers(1, 5))
    def merge_deltas_that_follow_one_another(self, first: int, count: int) -> None:
        """The last ones if `first` is 0: it counts from the end."""
        end = max(len(self.chain) - first, 2)
        begin = max(end - count, 1)
        out = io.BytesIO()
        write_delta(out, merge_deltas(list(map(DeltaImage, self.chain[begin:end]))))
        self.chain[begin:end] = [out.getvalue()]
        self.reopen(shift=0)

    @rule(rotate=st.booleans())
    def fold_into_a_new_base(self, *, rotate: bool) -> None:
        self.epoch = 3 - self.epoch if rotate else self.epoch
        segments = {visitor: row.segments for visitor, row in self.rows.items()}
        self.chain = [write_snapshot(segments, KEYS, self.epoch, by_column(self.rows), SURE)]
        self.published = dict(self.rows)
        self.changed.clear()
        SnapshotImage(self.chain[0]).verify()
        self.reopen(shift=0)

    @rule(shift=st.integers(1, 7))
    def reopen(self, *, shift: int) -> None:
        """At an odd address as well."""
        base, *deltas = [memoryview(bytes(shift) + image)[shift:] for image in self.chain]
        self.membership = Membership(base, KEYS, deltas)

    @rule(visitor=visitors, segment=st.sampled_from(SEGMENTS))
    def decide(self, visitor: str, segment: str) -> None:
        """By a rule each for what this visitor, some other or nobody has."""
        names = {*self.membership.segments} & {segment, f"begun-{self.begun}"}
        conditions: dict[str, Expr] = {name: InSegment(name) for name in names}
        asked: dict[str, tuple[str, Value]] = {}
        for name, _ in self.membership.columns:
            row = self.published.get(visitor, Row(frozenset(), {}))
            asked[f"of-{name}"] = name, row.values.get(name, VALUES[name][-1])
        conditions |= {rule_name: equals(name, value) for rule_name, (name, value) in asked.items()}
        attributes = tuple(from_column(name) for name, _ in asked.values())
        made = bundle(conditions, dict.fromkeys(names, ()), attributes)
        engine = Engine(BundleImage(write_bundle(made)), self.membership)
        for each in (visitor, VISITORS[0], VISITORS[-1]):
            row = self.published.get(each, Row(frozenset(), {}))
            expected = names & row.segments
            expected |= {rule_name for rule_name, (name, value) in asked.items() if row.values.get(name) == value}
            assert holding(engine, {"visitor_id": each}) == expected

    @invariant()
    def everybody_is_answered_as_by_the_dict(self) -> None:
        order = {name: number for number, name in enumerate(self.membership.segments)}
        for visitor in VISITORS:
            row = self.published.get(visitor)
            if row is None:
                assert self.membership.lookup(visitor) is None
                assert self.membership.values(visitor) == {}
                continue
            assert self.membership.lookup(visitor) == sorted(row.segments, key=order.__getitem__)
            assert self.membership.values(visitor) == {name: listed(value) for name, value in row.values.items()}


def by_column(rows: dict[str, Row]) -> dict[str, dict[str, Value]]:
    """As images are written from: a column that nobody has a value in is left out."""
    columns: dict[str, dict[str, Value]] = {}
    for visitor, row in rows.items():
        for name, value in row.values.items():
            columns.setdefault(name, {})[visitor] = value
    return columns


def listed(value: Value) -> bool | int | float | str | list[str]:
    return list(value) if isinstance(value, tuple) else value


TestMembership = MembershipMachine.TestCase
TestMembership.settings = settings(
    max_examples=settings().max_examples, stateful_step_count=20, suppress_health_check=list(HealthCheck)
)
