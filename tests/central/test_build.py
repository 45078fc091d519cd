"""Snapshots built from Parquet hold what the files say, whatever their order and size; bad files say where."""

from __future__ import annotations

import errno
import math
import random
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typing_extensions import Buffer

from central.segments import InputError, build_snapshot
from rulecore._membership import Membership
from rulecore.errors import LimitError, UnitKeyCollisionError
from rulecore.keys import MembershipKeys
from rulecore.model import Scalar
from rulecore.snapshot import Value, write_snapshot

KEYS = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32))})


def members_file(path: Path, rows: list[tuple[str, str]], **options: object) -> Path:
    table = pa.table(
        {
            "visitor_id": pa.array([visitor for visitor, _ in rows], pa.string()),
            "segment": pa.array([segment for _, segment in rows], pa.string()),
        }
    )
    pq.write_table(table, path, **options)
    return path


def some_rows(count: int, visitors: int) -> list[tuple[str, str]]:
    numbers = random.Random(7)
    return [(f"visitor-{numbers.randrange(visitors)}", f"s{numbers.randrange(30)}") for _ in range(count)]


def as_members(rows: list[tuple[str, str]]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = {}
    for visitor, segment in rows:
        members.setdefault(visitor, set()).add(segment)
    return members


def test_a_build_from_files_has_the_bytes_of_one_from_memory(tmp_path: Path) -> None:
    rows = some_rows(5_000, 900)
    scores: dict[str, dict[str, Value]] = {
        "items": {f"visitor-{i}": tuple(f"item {j}" for j in range(i % 5)) for i in range(0, 2_000, 3) if i % 2},
        "score": {f"visitor-{i}": i % 7 / 4 for i in range(0, 2_000, 3)},
        "tier": {f"visitor-{i}": ["gold", "", "größer"][i % 3] for i in range(0, 2_000, 3) if i % 4},
        "loyal": {f"visitor-{i}": i % 2 == 0 for i in range(0, 2_000, 3)},
        "orders": {f"visitor-{i}": i * i - 50 for i in range(0, 2_000, 3)},
    }
    ids = [f"visitor-{i}" for i in range(0, 2_000, 3)]
    columns = tmp_path / "columns.parquet"
    pq.write_table(pa.table({"visitor_id": ids} | {n: [v.get(i) for i in ids] for n, v in scores.items()}), columns)
    out = tmp_path / "out.snapshot"
    stats = build_snapshot([members_file(tmp_path / "m.parquet", rows)], [columns], KEYS, 1, out)

    members = as_members(rows)
    assert out.read_bytes() == write_snapshot(members, KEYS, 1, scores)
    assert stats.member_rows == 5_000
    assert stats.column_rows == len(ids)
    assert stats.visitors == len(members.keys() | set(ids))
    assert stats.segments == {
        f"s{i}": sum(f"s{i}" in of for of in members.values()) for i in sorted(range(30), key=str)
    }
    assert stats.columns == {
        "items": "list(string)",
        "loyal": "bool",
        "orders": "int",
        "score": "double",
        "tier": "string",
    }
    assert stats.size_bytes == out.stat().st_size
    assert f"{Membership.open(out, KEYS).checksum:016x}" == stats.checksum


def test_the_order_of_rows_files_and_columns_changes_no_byte(tmp_path: Path) -> None:
    rows = some_rows(3_000, 500)
    ids = [f"visitor-{i}" for i in range(400)]
    pq.write_table(pa.table({"visitor_id": ids, "a": range(400), "b": ids}), tmp_path / "c1.parquet")
    pq.write_table(
        pa.table({"b": ids[::-1], "visitor_id": ids[::-1], "a": range(399, -1, -1)}), tmp_path / "c2.parquet"
    )
    first = members_file(tmp_path / "1.parquet", rows)
    build_snapshot([first], [tmp_path / "c1.parquet"], KEYS, 1, tmp_path / "one")
    random.Random(1).shuffle(rows)
    second = members_file(tmp_path / "2.parquet", rows[:1_000] * 2, row_group_size=100)
    third = members_file(tmp_path / "3.parquet", rows[1_000:])
    build_snapshot([third, second], [tmp_path / "c2.parquet"], KEYS, 1, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_nothing_is_left_beside_the_image_and_an_older_one_is_replaced(tmp_path: Path) -> None:
    source = members_file(tmp_path / "m.parquet", [("a", "vip")])
    out = tmp_path / "out.snapshot"
    out.write_bytes(b"older")
    held = out.open("rb")
    build_snapshot([source], [], KEYS, 1, out)
    with held:
        assert held.read() == b"older"
    assert {path.name for path in tmp_path.iterdir()} == {"m.parquet", "out.snapshot", "out.snapshot.visitors"}


def test_no_visitor_id_is_in_the_image(tmp_path: Path) -> None:
    source = members_file(tmp_path / "m.parquet", [("a-visitor-with-a-name", "vip")])
    build_snapshot([source], [], KEYS, 1, tmp_path / "out")
    assert b"a-visitor" not in (tmp_path / "out").read_bytes() + (tmp_path / "out.visitors").read_bytes()


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()])
def test_every_kind_of_text_column_is_read(kind: pa.DataType, tmp_path: Path) -> None:
    table = pa.table({"visitor_id": pa.array(["a", "b", "a"], kind), "segment": pa.array(["x", "x", "y"], kind)})
    pq.write_table(table, tmp_path / "m.parquet")
    build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == write_snapshot({"a": ["x", "y"], "b": ["x"]}, KEYS, 1)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (pa.int8(), [-1, None, 2], [-1, None, 2]),
        (pa.uint64(), [0, 2**63 - 1, None], [0, 2**63 - 1, None]),
        (pa.float32(), [0.5, -0.0, None], [0.5, 0.0, None]),
        (pa.float64(), [math.inf, -1e300, 0.1], [math.inf, -1e300, 0.1]),
        (pa.bool_(), [True, None, False], [True, None, False]),
        (pa.large_string(), ["", None, "ü"], ["", None, "ü"]),
        (pa.list_(pa.string()), [[], None, ["a", "", "ü"]], [[], None, ["a", "", "ü"]]),
        (pa.large_list(pa.large_string()), [["b"], None, ["a", "b"]], [["b"], None, ["a", "b"]]),
        (pa.list_(pa.string(), 2), [["b", "a"], None, ["a", "b"]], [["b", "a"], None, ["a", "b"]]),
    ],
)
def test_values_of_columns_become_bool_int_double_or_string(
    kind: pa.DataType, values: list[object], expected: list[object], tmp_path: Path
) -> None:
    pq.write_table(pa.table({"visitor_id": ["a", "b", "c"], "v": pa.array(values, kind)}), tmp_path / "c.parquet")
    source = members_file(tmp_path / "m.parquet", [("z", "x")])
    build_snapshot([source], [tmp_path / "c.parquet"], KEYS, 1, tmp_path / "out")
    membership = Membership.open(tmp_path / "out", KEYS)
    assert [membership.values(visitor).get("v") for visitor in "abc"] == expected
    assert membership.lookup("a") == []
    assert membership.values("z") == {}


def test_nan_is_a_value_of_a_column(tmp_path: Path) -> None:
    table = pa.table({"visitor_id": ["a", "b", "c"], "v": pa.array([math.nan, 1.0, math.nan])})
    pq.write_table(table, tmp_path / "c.parquet")
    source = members_file(tmp_path / "m.parquet", [("a", "x")])
    build_snapshot([source], [tmp_path / "c.parquet"], KEYS, 1, tmp_path / "out")
    expected = write_snapshot({"a": ["x"]}, KEYS, 1, {"v": {"a": math.nan, "b": 1.0, "c": math.nan}})
    assert (tmp_path / "out").read_bytes() == expected


MEMBERS = {"visitor_id": pa.array(["a", "b"]), "segment": pa.array(["vip", "vip"])}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"visitor_id": ["a"]}, "m.parquet: no column named segment or segments; its columns are: visitor_id"),
        (
            {"id": ["a"], "segment": ["vip"]},
            "m.parquet: no column named visitor_id or pseudonym; its columns are: id, segment",
        ),
        (MEMBERS | {"visitor_id": [1, 2]}, "m.parquet, column visitor_id: its type is int64, not string"),
        (MEMBERS | {"segment": [True, False]}, "m.parquet, column segment: its type is bool, not string"),
        (MEMBERS | {"visitor_id": ["a", None]}, "column visitor_id, row 2: null in place of a visitor id"),
        (MEMBERS | {"visitor_id": ["a", ""]}, "column visitor_id, row 2: empty visitor id"),
        (MEMBERS | {"visitor_id": ["a", "x" * 257]}, "column visitor_id, row 2: a visitor id of more than 256 bytes"),
        (MEMBERS | {"segment": [None, "vip"]}, "column segment, row 1: null in place of a segment"),
        (MEMBERS | {"segment": ["vip", "V I P"]}, "column segment, row 2: 'V I P' is no name of a segment"),
        ({"visitor_id": pa.array([], pa.string()), "segment": pa.array([], pa.string())}, "m.parquet: has no rows"),
    ],
)
def test_bad_members_name_file_column_and_row(table: dict[str, object], message: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    with pytest.raises(InputError) as raised:
        build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "m.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"visitor_id": ["a"]}, "c.parquet: has no column beside visitor_id"),
        ({"tier": ["gold"]}, "c.parquet: no column named visitor_id or pseudonym; its columns are: tier"),
        (
            {"visitor_id": ["a"], "at": pa.array([0], pa.timestamp("us"))},
            "column at: its type is timestamp[us], not bool",
        ),
        ({"visitor_id": ["a"], "l": [[1]]}, "column l: its type is list<element: int64>, not bool"),
        ({"visitor_id": ["a", "b"], "l": [[], ["x", None]]}, "column l, row 2: null in a list"),
        ({"visitor_id": ["a", "b"], "l": [[], ["x"] * 1_001]}, "column l, row 2: a list of more than 1,000 strings"),
        ({"visitor_id": ["a", "b"], "l": [[], ["x" * 32_768]]}, "l, row 2: a list of more than 32,768 bytes"),
        ({"visitor_id": ["a"], "1st": [1]}, "column 1st: no name of a column"),
        ({"visitor_id": ["a", "b", "a"], "n": [1, 2, 3]}, "column visitor_id, row 3: the same visitor as in row 1"),
        ({"visitor_id": ["a", None], "n": [1, 2]}, "column visitor_id, row 2: null in place of a visitor id"),
        ({"visitor_id": ["a"], "n": pa.array([2**63], pa.uint64())}, "column n, row 1: a number beyond 64 bits"),
        ({"visitor_id": ["a", "b"], "t": ["", "x" * 32_769]}, "column t, row 2: a text of more than 32,768 bytes"),
        ({"visitor_id": ["a"]} | {f"n{i}": [1] for i in range(65)}, "has 65 columns; a snapshot has at most 64"),
        ({"visitor_id": pa.array([], pa.string()), "n": pa.array([], pa.int64())}, "c.parquet: has no rows"),
    ],
)
def test_bad_columns_name_file_column_and_row(table: dict[str, object], message: str, tmp_path: Path) -> None:
    source = members_file(tmp_path / "m.parquet", [("a", "vip")])
    pq.write_table(pa.table(table), tmp_path / "c.parquet")
    with pytest.raises(InputError) as raised:
        build_snapshot([source], [tmp_path / "c.parquet"], KEYS, 1, tmp_path / "out")
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "c.parquet"))


def test_a_row_is_counted_over_the_whole_file(tmp_path: Path) -> None:
    rows = [(f"v{i}", "vip") for i in range(70_000)] + [("late", "Bad")]
    source = members_file(tmp_path / "m.parquet", rows, row_group_size=999)
    with pytest.raises(InputError, match="column segment, row 70,001: 'Bad' is no name"):
        build_snapshot([source], [], KEYS, 1, tmp_path / "out")


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 0, 1)), pa.py_buffer(b"\xff")])
    pq.write_table(pa.table({"visitor_id": bad, "segment": ["vip"]}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match=r"column visitor_id: Invalid UTF8 sequence .* \(in the batch from row 1\)"):
        build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")


def test_what_is_no_parquet_file_or_a_cut_off_one_is_refused(tmp_path: Path) -> None:
    good = members_file(tmp_path / "m.parquet", some_rows(100, 10)).read_bytes()
    (tmp_path / "text.parquet").write_bytes(b"visitor_id,segment\na,vip\n")
    (tmp_path / "cut.parquet").write_bytes(good[: len(good) // 2])
    for name in ("text.parquet", "cut.parquet"):
        with pytest.raises(InputError, match="not a Parquet file"):
            build_snapshot([tmp_path / name], [], KEYS, 1, tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        build_snapshot([tmp_path / "absent.parquet"], [], KEYS, 1, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "absent" / "out")


def test_an_epoch_without_a_key_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no membership key of epoch 9"):
        build_snapshot([tmp_path / "absent"], [], KEYS, 9, tmp_path / "out")


def test_a_row_a_visitor_with_a_list_gives_the_bytes_of_a_row_a_membership(tmp_path: Path) -> None:
    members = {visitor: sorted(of) for visitor, of in as_members(some_rows(2_000, 300)).items()} | {"nowhere": []}
    texts = pa.list_(pa.string())
    for number, kind in enumerate(
        [texts, pa.large_list(pa.large_string()), pa.list_(pa.dictionary(pa.int8(), pa.string()))]
    ):
        lists = pa.array([of[::-1] + of[:1] for of in members.values()], texts)
        pq.write_table(pa.table({"visitor_id": list(members), "segments": lists.cast(kind)}), tmp_path / f"{number}")
        build_snapshot([tmp_path / f"{number}"], [], KEYS, 1, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == write_snapshot(members, KEYS, 1)


def test_lists_of_one_size_are_read(tmp_path: Path) -> None:
    lists = pa.array([["x", "y"], ["y", "x"]], pa.list_(pa.string(), 2))
    pq.write_table(pa.table({"visitor_id": ["a", "b"], "segments": lists}), tmp_path / "m.parquet")
    build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == write_snapshot({"a": ["x", "y"], "b": ["x", "y"]}, KEYS, 1)


def test_a_segment_that_only_a_dictionary_names_has_no_members_and_is_none(tmp_path: Path) -> None:
    segments = pa.DictionaryArray.from_arrays(pa.array([3, 1]), pa.array(["No Name", "y", "z", "x"]))
    pq.write_table(pa.table({"visitor_id": ["a", "b"], "segment": segments}), tmp_path / "m.parquet")
    build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == write_snapshot({"a": ["x"], "b": ["y"]}, KEYS, 1)


def test_ids_that_come_as_a_dictionary_are_told_apart(tmp_path: Path) -> None:
    members = {f"v{i}": [f"s{i % 7}", "all"] for i in range(50)}
    pairs = [(visitor, segment) for visitor, of in members.items() for segment in of] * 3
    ids = pa.array([visitor for visitor, _ in pairs]).dictionary_encode()
    pq.write_table(pa.table({"visitor_id": ids, "segment": [segment for _, segment in pairs]}), tmp_path / "m.parquet")
    build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == write_snapshot(members, KEYS, 1)


@pytest.mark.parametrize("kind", [pa.binary(16), pa.binary(), pa.large_binary(), pa.string(), pa.large_string()])
def test_visitors_may_come_by_pseudonym(kind: pa.DataType, tmp_path: Path) -> None:
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    made = [KEYS.pseudonym(visitor) for visitor in "abc"]
    pseudonyms = pa.array([of.hex() if texts else of for of in made], kind)
    pq.write_table(pa.table({"pseudonym": pseudonyms, "segment": ["x", "y", "x"]}), tmp_path / "m.parquet")
    pq.write_table(pa.table({"pseudonym": pseudonyms, "n": [1, 2, None]}), tmp_path / "c.parquet")
    build_snapshot([tmp_path / "m.parquet"], [tmp_path / "c.parquet"], KEYS, 1, tmp_path / "out")
    expected = write_snapshot({"a": ["x"], "b": ["y"], "c": ["x"]}, KEYS, 1, {"n": {"a": 1, "b": 2}})
    assert (tmp_path / "out").read_bytes() == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"pseudonym": [b"short"], "segment": ["x"]}, "column pseudonym, row 1: a pseudonym has 16 bytes"),
        ({"pseudonym": ["00" * 16, "0 " * 16], "segment": ["x", "x"]}, "row 2: a pseudonym has 32 hexadecimal digits"),
        ({"pseudonym": [None, "00" * 16], "segment": ["x", "x"]}, "row 1: null in place of a pseudonym"),
        ({"pseudonym": [1], "segment": ["x"]}, "its type is int64, not 16 bytes or a string of hex digits"),
        ({"pseudonym": [b""], "visitor_id": ["a"], "segment": ["x"]}, "has both visitor_id and pseudonym"),
        ({"visitor_id": ["a"], "segment": ["x"], "segments": [["x"]]}, "has both segment and segments"),
        ({"visitor_id": ["a"], "segments": ["x"]}, "column segments: its type is string, not a list of strings"),
        ({"visitor_id": ["a"], "segments": [[1]]}, "its type is list<element: int64>, not a list of strings"),
        ({"visitor_id": ["a", "b"], "segments": [["x"], None]}, "row 2: null in place of a list of segments"),
        ({"visitor_id": ["a", "b", "c"], "segments": [["x"], [], ["x", None]]}, "row 3: null in place of a segment"),
        (
            {"visitor_id": ["a", "b", "c"], "segments": [["x"], [], ["x", "V P"]]},
            "row 3: 'V P' is no name of a segment",
        ),
        ({"visitor_id": ["a"], "segments": [["x"] * 65_536]}, "row 1: a list of more than 65,535 segments"),
    ],
)
def test_bad_pseudonyms_and_lists_name_file_column_and_row(
    table: dict[str, object], message: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    with pytest.raises(InputError) as raised:
        build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "m.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def test_a_visitor_in_more_segments_than_allowed_is_refused(tmp_path: Path) -> None:
    lists = pa.array([[f"s{i}" for i in range(4_097)]])
    pq.write_table(pa.table({"visitor_id": ["a"], "segments": lists}), tmp_path / "m.parquet")
    with pytest.raises(LimitError, match="is in more than 4096 segments"):
        build_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")


def test_columns_may_come_in_many_files_a_visitor_once_over_all(tmp_path: Path) -> None:
    source = members_file(tmp_path / "m.parquet", [("a", "x")])
    for name, ids in (("1", ["a", "b"]), ("2", ["c", "d"]), ("3", ["e", "b"])):
        pq.write_table(pa.table({"visitor_id": ids, "t": ids}), tmp_path / name)
    build_snapshot([source], [tmp_path / "2", tmp_path / "1"], KEYS, 1, tmp_path / "out")
    values: dict[str, Scalar] = {visitor: visitor for visitor in "abcd"}
    assert (tmp_path / "out").read_bytes() == write_snapshot({"a": ["x"]}, KEYS, 1, {"t": values})
    with pytest.raises(InputError, match=r"3, column visitor_id, row 2: the same visitor as in row 2 of .*1"):
        build_snapshot([source], [tmp_path / "1", tmp_path / "3"], KEYS, 1, tmp_path / "out")
    pq.write_table(pa.table({"visitor_id": ["c"], "t": [1]}), tmp_path / "4")
    with pytest.raises(InputError, match=r"4: its columns are t \(int\), but those of .*1 are t \(string\)"):
        build_snapshot([source], [tmp_path / "1", tmp_path / "4"], KEYS, 1, tmp_path / "out")


def test_partitions_and_threads_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = members_file(tmp_path / "m.parquet", some_rows(20_000, 4_000), row_group_size=3_000)
    ids = [f"visitor-{i}" for i in range(0, 6_000, 2)]
    texts = [f"text {i % 401}" for i in range(3_000)]
    pq.write_table(pa.table({"visitor_id": ids, "t": texts, "n": range(3_000)}), tmp_path / "c.parquet")
    made = []
    for threads, partition_bytes in ((1, 16 << 20), (2, 16 << 20), (1, 5_000), (4, 5_000)):
        monkeypatch.setattr("central.segments.parallel.THREADS", threads)
        monkeypatch.setattr("central.segments.build.PARTITION_BYTES", partition_bytes)
        build_snapshot([source], [tmp_path / "c.parquet"], KEYS, 1, tmp_path / "out")
        made.append((tmp_path / "out").read_bytes() + (tmp_path / "out.visitors").read_bytes())
    assert made == [made[0]] * 4


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = members_file(tmp_path / "m.parquet", [("a", "vip")])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("central.segments.spool.os.pwrite", full)
    with pytest.raises(OSError, match="the disk is full; nothing was built") as raised:
        build_snapshot([source], [], KEYS, 1, tmp_path / "out")
    assert raised.value.filename == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["m.parquet"]


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    source = members_file(tmp_path / "m.parquet", some_rows(1_000, 900), write_page_checksum=True)
    damaged = bytearray(source.read_bytes())
    damaged[100] ^= 1
    source.write_bytes(damaged)
    with pytest.raises(InputError, match=r"m.parquet: can't be read after row 0: .*CRC"):
        build_snapshot([source], [], KEYS, 1, tmp_path / "out")


class CollidingKeys(MembershipKeys):
    """Keys of four bits, so that some visitors have one key."""

    def unit_keys(self, epoch: int, pseudonyms: Buffer) -> bytes:
        keys = super().unit_keys(epoch, pseudonyms)
        return struct.pack(f"<{len(keys) // 8}Q", *(key & 0xF for (key,) in struct.iter_unpack("<Q", keys)))


def test_two_visitors_with_one_unit_key_are_reported_by_their_rows(tmp_path: Path) -> None:
    keys = CollidingKeys(bytes(16), {1: bytes(16)})
    source = members_file(tmp_path / "m.parquet", [(f"v{i}", "vip") for i in range(17)])
    with pytest.raises(UnitKeyCollisionError, match="build with the key of another epoch") as raised:
        build_snapshot([source], [], keys, 1, tmp_path / "out")
    assert str(raised.value).count(f"{source} row ") >= 2
    assert not (tmp_path / "out").exists()


def test_more_segments_than_a_snapshot_holds_are_refused(tmp_path: Path) -> None:
    rows = [("v", f"s{i}") for i in range(65_536)]
    with pytest.raises(LimitError, match="more than 65,535 segments"):
        build_snapshot([members_file(tmp_path / "m.parquet", rows)], [], KEYS, 1, tmp_path / "out")


@pytest.mark.soak
def test_ten_million_rows_take_bounded_memory_and_print_nothing(tmp_path: Path) -> None:
    schema = pa.schema([("visitor_id", pa.string()), ("segment", pa.string())])
    with pq.ParquetWriter(tmp_path / "m.parquet", schema) as writer:
        for part in range(20):
            rows = range(part * 500_000, (part + 1) * 500_000)
            ids = pa.array([f"6f9619ff-8b86-d011-b42d-{row * 7_919 % 4_000_037:012}" for row in rows])
            segments = pa.array([f"segment_{row * row % 500}" for row in rows])
            writer.write_table(pa.table([ids, segments], schema=schema))
    (tmp_path / "membership.json").write_bytes(KEYS.to_json())
    script = (
        "import resource, sys; from pathlib import Path; from central.segments import build_snapshot;"
        "from rulecore.keys import MembershipKeys; folder = Path(sys.argv[1]);"
        "keys = MembershipKeys.from_json((folder / 'membership.json').read_bytes());"
        "stats = build_snapshot([folder / 'm.parquet'], [], keys, 1, folder / 'out');"
        "print(stats.visitors, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    visitors, kilobytes = map(int, run.stdout.split())
    assert visitors == 4_000_037
    assert kilobytes < 2 << 20
