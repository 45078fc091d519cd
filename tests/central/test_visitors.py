"""A visitors file gives back what was written, belongs to one snapshot, and says what is wrong with it."""

from __future__ import annotations

import itertools
import random
import stat
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central.segments import InputError, build_snapshot
from central.segments.chain import visitors_of
from central.segments.visitors import VisitorsFile, VisitorsWriter, visitors_path, visitors_schema
from rulecore import Membership, SnapshotImage
from rulecore.keys import MembershipKeys
from rulecore.model import Type
from rulecore.snapshot import write_snapshot

KEYS = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32)), 2: bytes(range(32, 48))})
COLUMNS = {"loyal": Type.BOOL, "orders": Type.INT, "score": Type.DOUBLE, "tier": Type.STRING, "items": Type.LIST_STRING}
NAMES = ("new", "vip")


def some_visitors(count: int) -> pa.RecordBatch:
    numbers = random.Random(3)
    return pa.RecordBatch.from_pydict(
        {
            "pseudonym": [numbers.randbytes(16) for _ in range(count)],
            "segments": [sorted(numbers.sample(range(2), numbers.randrange(3))) for _ in range(count)],
            "loyal": [numbers.choice([True, False, None]) for _ in range(count)],
            "orders": [numbers.choice([-1, 2**40, None]) for _ in range(count)],
            "score": [numbers.choice([0.5, None]) for _ in range(count)],
            "items": [numbers.choice([["a", "ü"], [], None]) for _ in range(count)],
            "tier": [numbers.choice(["gold", "größer", None]) for _ in range(count)],
        },
        schema=visitors_schema(COLUMNS),
    )


def write(path: Path, *batches: pa.RecordBatch, checksum: int = 0xAB) -> Path:
    with VisitorsWriter(path, 7, NAMES, COLUMNS) as writer:
        for batch in batches:
            writer.write(batch)
        writer.finish(checksum)
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    visitors = some_visitors(1_000)
    file = VisitorsFile(write(tmp_path / "v", visitors))
    assert (file.epoch, file.checksum, file.segments, file.columns, file.visitors) == (7, 0xAB, NAMES, COLUMNS, 1_000)
    batches = list(file.batches(300))
    assert [batch.num_rows for batch in batches] == [300, 300, 300, 100]
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches([visitors]))


def test_a_file_of_nobody_can_be_written_and_read(tmp_path: Path) -> None:
    file = VisitorsFile(write(tmp_path / "v"))
    assert file.visitors == 0
    assert list(file.batches()) == []


def test_the_batches_that_visitors_come_in_change_no_byte(tmp_path: Path) -> None:
    visitors = pa.concat_batches([some_visitors(10_000)] * 30)
    whole = write(tmp_path / "whole", visitors).read_bytes()
    cuts = [0, 5, 5, 130_000, 140_001, 299_999, 300_000]
    parts = [visitors.slice(start, end - start) for start, end in itertools.pairwise(cuts)]
    assert write(tmp_path / "parts", *parts).read_bytes() == whole


def test_only_its_owner_may_read_it_and_no_file_is_written_over(tmp_path: Path) -> None:
    path = write(tmp_path / "v", some_visitors(3))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write(path)


def test_the_file_of_another_snapshot_is_refused_by_name(tmp_path: Path) -> None:
    snapshot = tmp_path / "site.snapshot"
    image = SnapshotImage(write_snapshot({"a": ["vip"]}, KEYS, 1))
    write(visitors_path(snapshot), checksum=image.checksum)
    assert visitors_of(snapshot, image.checksum).checksum == image.checksum
    visitors_path(snapshot).unlink()
    write(visitors_path(snapshot), checksum=0xAB)
    with pytest.raises(InputError, match=r"site.snapshot.visitors: belongs to an image with checksum 0{14}ab; that of"):
        visitors_of(snapshot, image.checksum)
    with pytest.raises(FileNotFoundError):
        visitors_of(tmp_path / "other", image.checksum)


def some_files(folder: Path) -> tuple[Path, Path]:
    numbers = random.Random(5)
    pairs = [(f"v{numbers.randrange(2_000)}", f"s{numbers.randrange(20)}") for _ in range(9_000)]
    ids = [f"v{i}" for i in range(0, 3_000, 4)]
    members = pa.table({"visitor_id": [visitor for visitor, _ in pairs], "segment": [name for _, name in pairs]})
    columns = pa.table({"visitor_id": ids, "tier": [["gold", None, "tin"][i % 3] for i in range(750)], "n": range(750)})
    pq.write_table(members, folder / "m.parquet")
    pq.write_table(columns, folder / "c.parquet")
    return folder / "m.parquet", folder / "c.parquet"


def test_a_build_lists_every_visitor_in_order_of_unit_key(tmp_path: Path) -> None:
    members, columns = some_files(tmp_path)
    snapshot = tmp_path / "site.snapshot"
    build_snapshot([members], [columns], KEYS, 1, snapshot)
    image = SnapshotImage.open(snapshot)
    file = visitors_of(snapshot, image.checksum)
    assert (file.epoch, file.segments, file.visitors) == (1, image.segments, image.visitors)
    rows = pa.Table.from_batches(file.batches()).to_pylist()
    keys = struct.unpack(f"<{len(rows)}Q", KEYS.unit_keys(1, b"".join(row["pseudonym"] for row in rows)))
    assert list(keys) == sorted(set(keys))
    id_of = {KEYS.pseudonym(f"v{i}"): f"v{i}" for i in range(3_000)}
    membership = Membership.open(snapshot, KEYS)
    for row in rows:
        visitor = id_of[row["pseudonym"]]
        assert membership.lookup(visitor) == [file.segments[segment] for segment in row["segments"]]
        assert membership.values(visitor) == {n: row[n] for n in ("tier", "n") if row[n] is not None}


def test_a_snapshot_can_be_built_again_from_it_for_another_epoch(tmp_path: Path) -> None:
    members, columns = some_files(tmp_path)
    build_snapshot([members], [columns], KEYS, 1, tmp_path / "one")
    build_snapshot([members], [columns], KEYS, 2, tmp_path / "two")
    build_snapshot([tmp_path / "one.visitors"], [], KEYS, 2, tmp_path / "again")
    for suffix in ("", ".visitors"):
        assert (tmp_path / f"again{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    build_snapshot([tmp_path / "one.visitors"], [columns], KEYS, 2, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "two").read_bytes()
    build_snapshot([members], [tmp_path / "one.visitors"], KEYS, 2, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_order_of_its_columns_changes_no_byte_of_what_is_built(tmp_path: Path) -> None:
    batch = some_visitors(100)
    for name, columns in (("one", COLUMNS), ("two", dict(sorted(COLUMNS.items())))):
        with VisitorsWriter(tmp_path / f"{name}.parquet", 7, NAMES, columns) as writer:
            writer.write(batch.select(["pseudonym", "segments", *columns]))
            writer.finish(0)
        build_snapshot([tmp_path / f"{name}.parquet"], [], KEYS, 1, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_snapshot_of_nobody_can_be_built_again(tmp_path: Path) -> None:
    write(tmp_path / "v", some_visitors(0))
    stats = build_snapshot([tmp_path / "v"], [], KEYS, 1, tmp_path / "out")
    assert (stats.visitors, stats.segments) == (0, dict.fromkeys(NAMES, 0))
    assert stats.columns == {name: str(kind) for name, kind in COLUMNS.items()}
    assert Membership.open(tmp_path / "out", KEYS).lookup("anybody") is None
    assert visitors_of(tmp_path / "out", SnapshotImage.open(tmp_path / "out").checksum).visitors == 0


def test_a_segment_without_members_keeps_its_name_when_built_again(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"pseudonym": [bytes(16)], "segments": [[1]]}, schema=visitors_schema({}))
    with VisitorsWriter(tmp_path / "v", 1, ["gone", "kept"], {}) as writer:
        writer.write(batch)
        writer.finish(0)
    assert build_snapshot([tmp_path / "v"], [], KEYS, 1, tmp_path / "out").segments == {"gone": 0, "kept": 1}


def test_a_file_with_an_id_without_a_name_builds_nothing(tmp_path: Path) -> None:
    table = pa.table({"pseudonym": [bytes(16)], "segments": [[0]]}, schema=visitors_schema({}))
    with pytest.raises(InputError, match="column segments, row 1: a segment id beyond the names"):
        build_snapshot([rewritten(tmp_path / "v", SOUND, table)], [], KEYS, 1, tmp_path / "out")


def rewritten(path: Path, metadata: str | None, table: pa.Table | None = None) -> Path:
    table = pa.Table.from_batches([], visitors_schema({})) if table is None else table
    pq.write_table(table.replace_schema_metadata({"edgewise": metadata} if metadata is not None else None), path)
    return path


SOUND = '{"format": 1, "epoch": 1, "checksum": "0000000000000000", "segments": [], "columns": {}}'


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "not a visitors file: it has no edgewise metadata"),
        ("{}", "missing required field `format`"),
        (SOUND.replace('"format": 1', '"format": 2'), "its format is 2, this Edgewise reads 1"),
        (SOUND.replace("0000000000000000", "00"), "a checksum has 16 hexadecimal digits"),
        (SOUND.replace("0000000000000000", "xyz"), "its edgewise metadata can't be taken"),
        (SOUND.replace("0000000000000000", "00 00 00 00 00 00 00 00"), "a checksum has 16 hexadecimal digits"),
        (SOUND.replace('"epoch": 1', '"epoch": -1'), "no epoch is -1"),
        (SOUND.replace('"epoch": 1', '"epoch": 4294967296'), "no epoch is 4294967296"),
        (SOUND.replace("[]", '["a", "B"]'), "segment name 'B' does not match"),
        (SOUND.replace("[]", '["a", "a"]'), "two segments have one name"),
        (SOUND.replace("{}", '{"../a": "int"}'), "column name '../a' does not match"),
        (SOUND.replace("{}", '{"a": "semver"}'), "columns have no type semver"),
        (SOUND.replace("{}", '{"a": "int"}'), "its Parquet columns are not those that its metadata tell of"),
    ],
)
def test_what_is_no_visitors_file_is_refused(metadata: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        VisitorsFile(rewritten(tmp_path / "v", metadata))
    assert message in str(raised.value)
    assert str(tmp_path / "v") in str(raised.value)


def test_damage_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "v", some_visitors(1_000))
    damaged = bytearray(path.read_bytes())
    damaged[5_000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"v: can't be read after row 0: .*CRC"):
        list(VisitorsFile(path).batches())
    path.write_bytes(damaged[:-100])
    with pytest.raises(InputError, match="not a visitors file"):
        VisitorsFile(path)


def test_an_id_without_a_name_is_refused(tmp_path: Path) -> None:
    table = pa.table({"pseudonym": [bytes(16)], "segments": [[0]]}, schema=visitors_schema({}))
    file = VisitorsFile(rewritten(tmp_path / "v", SOUND, table))
    with pytest.raises(InputError, match="column segments: a segment id beyond the 0 names"):
        list(file.batches())
