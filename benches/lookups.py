"""Snapshot lookups, alone and as part of a decision, beside a Python dict that holds the same."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from benches.generator import NAMED_SEGMENTS, NOW, Facts, Scenario, visitor_id
from benches.report import Ratio, Section
from benches.timing import Case, measure
from central.segments.build import build_snapshot
from rulecore import BundleImage, Engine, Membership, MembershipKeys, write_bundle

EPOCH: Final = 1
KEYS: Final = MembershipKeys(bytes(range(16)), {EPOCH: bytes(range(16, 32))})
SEGMENTS_EACH: Final = 3
ASKED: Final = 4_096
"""Visitors asked for in turn: enough that not all that they need stays in the processor's nearest caches."""

HIT: Final = "lookup, known visitor"
MISS: Final = "lookup, unknown visitor"
DICT: Final = "Python dict of tuples"
STATED: Final = "decide, segments in the context"
LOOKED_UP: Final = "decide, segments looked up"


def measure_lookups(visitors: int, seconds: float) -> Section:
    """A snapshot of so many visitors in three segments each; each case for so many seconds."""
    draw = random.Random(1)
    members = {visitor_id(number): tuple(draw.sample(NAMED_SEGMENTS, SEGMENTS_EACH)) for number in range(visitors)}
    known = draw.sample(list(members), min(ASKED, visitors))
    unknown = [f"{name}-nobody" for name in known]
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        image = _build(members, Path(folder))
        bytes_each = image.stat().st_size / visitors
        membership = Membership.open(str(image), KEYS)
        names: dict[str, object] = {"lookup": membership.lookup, "get": members.get}
        cases = [
            Case(DICT, "get(item)", known, names),
            Case(HIT, "lookup(item)", known, names),
            Case(MISS, "lookup(item)", unknown, names),
            *_decisions(membership, members, known),
        ]
        found = measure(cases, seconds)
    ratios = [Ratio("bytes of the image a visitor", bytes_each)]
    title = f"Snapshot of {visitors:,} visitors, {SEGMENTS_EACH} segments each; {len(known):,} of them in turn"
    return Section(title, found, ratios, floor=DICT)


def _decisions(membership: Membership, members: dict[str, tuple[str, ...]], known: list[str]) -> list[Case]:
    scenario = Scenario(200)
    placement = scenario.bundle.placements[0].name
    engine = Engine(BundleImage(write_bundle(scenario.bundle)), membership)
    stated: list[Facts] = []
    looked_up: list[Facts] = []
    for name, context in zip(known, scenario.unmatched(len(known)), strict=True):
        looked_up.append({key: value for key, value in context.items() if key != "segments"} | {"visitor_id": name})
        stated.append(context | {"visitor_id": name, "segments": list(members[name])})
    statement = f"decide({placement!r}, item, {NOW})"
    return [
        Case(STATED, statement, stated, {"decide": engine.decide}),
        Case(LOOKED_UP, statement, looked_up, {"decide": engine.decide}),
    ]


def _build(members: dict[str, tuple[str, ...]], folder: Path) -> Path:
    rows, image = folder / "members.parquet", folder / "members.snapshot"
    names = [name for name in members for _ in range(SEGMENTS_EACH)]
    segments = [segment for segments in members.values() for segment in segments]
    pq.write_table(pa.table({"visitor_id": names, "segment": segments}), rows)
    build_snapshot([rows], [], KEYS, EPOCH, image)
    return image
