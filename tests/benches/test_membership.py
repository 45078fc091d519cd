"""All that is measured of snapshots, with so few visitors that the figures say nothing."""

from __future__ import annotations

from benches.membership import MembershipEffort, measure_membership
from benches.membership_lookups import LookupEffort
from benches.membership_promises import keep_membership
from benches.tables import render_section

EFFORT = MembershipEffort(
    visitors=(500, 1_000),
    delta_entries=100,
    decided=200,
    contexts=8,
    seconds=0.001,
    lookups=LookupEffort(asked=200, memory_bytes=1 << 16, rounds=1, opens=1, seconds=0.001),
)


def test_every_promise_of_snapshots_is_measured() -> None:
    sections = list(measure_membership(EFFORT))
    promises = list(keep_membership(sections))
    assert [promise.name for promise in promises if promise.measured is None] == []
    assert next(promise for promise in promises if promise.name.startswith("wrong")).measured == 0
    assert all(render_section(section) for section in sections)
