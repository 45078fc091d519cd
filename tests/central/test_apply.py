"""A folded snapshot answers what the snapshot with its deltas did."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from central.segments.apply import apply
from central.segments.chain import Chain
from central.segments.diff import diff
from central.segments.progress import Progress
from central.segments.visitors import VisitorsWriter, visitors_path
from rulecore import DeltaImage, Membership
from rulecore.model import Type
from tests.central.sites import KEYS, Visitor, write_site
from tests.deltas import delta_on

COLUMNS = {"orders": Type.INT, "tier": Type.STRING}


def quiet() -> Progress:
    return Progress(io.StringIO())


def test_it_answers_as_the_chain(tmp_path: Path) -> None:
    state: dict[str, Visitor] = {
        f"v{i}": ({f"s{j}" for j in range(1, 6) if i % j == 0}, {"orders": i, "tier": "gold"}) for i in range(60)
    }
    base = write_site(tmp_path / "0.snapshot", state, COLUMNS)
    deltas: list[Path] = []
    for step in range(1, 4):
        state = {visitor: of_visitor for i, (visitor, of_visitor) in enumerate(state.items()) if i % 9 != step}
        state |= {f"v{i}": ({f"a{step}", "s2"}, {"tier": f"step {step}"}) for i in range(0, 60, 5 * step)}
        state[f"new{step}"] = ((), {})
        new = write_site(tmp_path / "new", state, COLUMNS)
        diff(Chain(base, deltas), Chain(new), KEYS, tmp_path / f"{step}.delta", quiet())
        deltas.append(tmp_path / f"{step}.delta")
    stats = apply(Chain(base, deltas), KEYS, tmp_path / "folded", quiet())
    folded, chained = Membership.open(tmp_path / "folded", KEYS), Membership.open(base, KEYS, deltas)
    assert stats.visitors == len(state)
    assert folded.segments == tuple(sorted(chained.segments))
    for visitor in [*(f"v{i}" for i in range(60)), "new1", "new2", "new3"]:
        found = folded.lookup(visitor)
        if found is not None:
            assert set(found) == set(chained.lookup(visitor) or ()) == set(state[visitor][0])
        else:
            assert chained.lookup(visitor) is None
        assert folded.values(visitor) == chained.values(visitor)
    assert stat.S_IMODE(visitors_path(tmp_path / "folded").stat().st_mode) == 0o600
    assert diff(Chain(tmp_path / "folded"), Chain(new), KEYS, tmp_path / "none", quiet()).delta.entries == 0


def test_a_snapshot_whose_visitors_are_all_erased_is_folded_into_one_of_nobody(tmp_path: Path) -> None:
    base = write_site(tmp_path / "0.snapshot", {"v": ({"vip"}, {"orders": 1})}, {"orders": Type.INT})
    other = write_site(tmp_path / "new", {"w": ({"vip"}, {"orders": 2})}, {"orders": Type.INT})
    diff(Chain(base), Chain(other), KEYS, tmp_path / "1.delta", quiet())
    nobody = delta_on([base.read_bytes(), (tmp_path / "1.delta").read_bytes()], {"w": None}, KEYS)
    (tmp_path / "2.delta").write_bytes(nobody)
    image = DeltaImage(nobody)
    with VisitorsWriter(visitors_path(tmp_path / "2.delta"), 1, ["vip"], {"orders": Type.INT}) as writer:
        writer.finish(image.checksum)
    stats = apply(Chain(base, [tmp_path / "1.delta", tmp_path / "2.delta"]), KEYS, tmp_path / "folded", quiet())
    assert (stats.visitors, stats.segments, stats.columns) == (0, {"vip": 0}, {"orders": "int"})
