"""The visitors file beside a snapshot: the control plane's own record of who is in it, since an image can't be listed.

`site.snapshot.visitors` is Parquet with a row a visitor, in order of unit key: `pseudonym` (16 bytes), `segments` (ids
into the names), then each column under its own name, null for no value. Its key-value metadata has one JSON object
under `edgewise`: format, epoch, checksum of the image (16 hex digits), the segments' names, the columns' types. Pages
carry checksums of their own. It holds no visitor id, but it does list pseudonyms: its mode is 0600, and it goes to no
edge. Who is in it is for `central.segments.build` to say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from central.segments.errors import InputError
from rulecore.keys import EPOCH_MAX, PSEUDONYM_BYTES
from rulecore.model import Type
from rulecore.snapshot import check_names

PSEUDONYM: Final = "pseudonym"
SEGMENTS: Final = "segments"
SUFFIX: Final = ".visitors"
BATCH_ROWS: Final = 1 << 16
ARROW_TYPES: Final = {
    Type.BOOL: pa.bool_(),
    Type.INT: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.STRING: pa.string(),
    Type.LIST_STRING: pa.list_(pa.field("element", pa.string(), nullable=False)),
}
"""What the values of a column are in Arrow."""

_FORMAT: Final = 1
_CHECKSUM: Final = re.compile(r"[0-9a-fA-F]{16}")
_METADATA_KEY: Final = b"edgewise"
_READ_BYTES: Final = 1 << 20
_GROUP_ROWS: Final = 1 << 17
PARQUET_ERRORS: Final = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)
"""What pyarrow raises for files that it can not take."""


class _Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    epoch: int
    checksum: str
    segments: tuple[str, ...]
    columns: dict[str, str]


def visitors_path(snapshot: Path) -> Path:
    """Where the visitors file of a snapshot is."""
    return snapshot.with_name(snapshot.name + SUFFIX)


def visitors_schema(columns: Mapping[str, Type]) -> pa.Schema:
    """Of a batch of visitors with these columns."""
    return pa.schema(
        [
            pa.field(PSEUDONYM, pa.binary(PSEUDONYM_BYTES), nullable=False),
            pa.field(SEGMENTS, pa.list_(pa.field("element", pa.uint16(), nullable=False)), nullable=False),
            *(pa.field(name, ARROW_TYPES[kind]) for name, kind in columns.items()),
        ]
    )


class VisitorsFile:
    """A visitors file. Opening it checks what it says of itself, reading it checks its rows."""

    def __init__(self, path: Path) -> None:
        """Raises InputError, OSError."""
        self.path = path
        with path.open("rb"):
            pass  # Python says better than pyarrow why a file can't be opened
        try:
            self._file = open_parquet(path)
        except PARQUET_ERRORS as error:
            raise InputError(f"not a visitors file: {error}", path) from None
        about = _read_metadata(self._file, path)
        self.epoch = about.epoch
        self.checksum = int(about.checksum, 16)
        """Of the image that the file belongs to."""
        self.segments = about.segments
        self.columns = {name: Type(kind) for name, kind in about.columns.items()}
        self.visitors: int = self._file.metadata.num_rows
        if not self._file.schema_arrow.equals(visitors_schema(self.columns)):
            raise InputError("its Parquet columns are not those that its metadata tell of", path)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """The visitors in order of unit key, in batches of `visitors_schema`. Raises InputError for damage."""
        before = 0
        try:
            for batch in self._file.iter_batches(rows):
                self._check(batch)
                yield batch
                before += batch.num_rows
        except (*PARQUET_ERRORS, OSError) as error:  # damage is an OSError to pyarrow
            raise InputError(f"can't be read after row {before:,}: {error}", self.path) from None

    def _check(self, batch: pa.RecordBatch) -> None:
        segments = batch.column(SEGMENTS).values
        if len(segments) and pc.max(segments).as_py() >= len(self.segments):
            raise InputError(f"a segment id beyond the {len(self.segments):,} names", self.path, SEGMENTS)


def _read_metadata(file: pq.ParquetFile, path: Path) -> _Metadata:
    data = (file.metadata.metadata or {}).get(_METADATA_KEY)
    if data is None:
        raise InputError(f"not a visitors file: it has no {_METADATA_KEY.decode()} metadata", path)
    try:
        found = msgspec.json.decode(data, type=_Metadata)
        if found.format != _FORMAT:
            raise ValueError(f"its format is {found.format}, this Edgewise reads {_FORMAT}")
        _check_metadata(found)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"its {_METADATA_KEY.decode()} metadata can't be taken: {error}", path) from None
    return found


def _check_metadata(about: _Metadata) -> None:
    """Raises ValueError for what no visitors file says of itself."""
    if not _CHECKSUM.fullmatch(about.checksum):
        raise ValueError("a checksum has 16 hexadecimal digits")
    if not 0 <= about.epoch <= EPOCH_MAX:
        raise ValueError(f"no epoch is {about.epoch}")
    check_names(about.segments, about.columns)
    if len(set(about.segments)) != len(about.segments):
        raise ValueError("two segments have one name")
    unknown = set(about.columns.values()) - set(ARROW_TYPES)
    if unknown:
        raise ValueError(f"columns have no type {min(unknown)}")


def open_parquet(path: Path, encoded: Sequence[str] = ()) -> pq.ParquetFile:
    """A Parquet file to be read a batch at a time; `encoded` columns come as dictionaries. Raises PARQUET_ERRORS."""
    return pq.ParquetFile(
        path,
        read_dictionary=list(encoded),
        pre_buffer=False,  # it would hold the whole file in memory
        buffer_size=_READ_BYTES,
        page_checksum_verification=True,
    )


def is_visitors_file(file: pq.ParquetFile) -> bool:
    """Whether a Parquet file says that it is one."""
    return _METADATA_KEY in (file.metadata.metadata or {})


class VisitorsWriter:
    """Writes a visitors file, a new one of mode 0600, which is whole once `finish` has returned.

    The same visitors give the same bytes, in whatever batches they come.
    """

    def __init__(self, path: Path, epoch: int, segments: Sequence[str], columns: Mapping[str, Type]) -> None:
        """Raises FileExistsError, OSError."""
        types = {name: str(kind) for name, kind in columns.items()}
        self._about = _Metadata(_FORMAT, epoch, "", tuple(segments), types)
        self._schema = visitors_schema(columns)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        lists = [SEGMENTS, *(name for name, kind in columns.items() if kind is Type.LIST_STRING)]
        leaves = [f"{name}.list.element" for name in lists] + [name for name in columns if name not in lists]
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression={PSEUDONYM: "none"} | dict.fromkeys(leaves, "zstd"),
            compression_level=dict.fromkeys(leaves, 1),
            use_dictionary=leaves,
            write_statistics=False,
            write_page_checksum=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._writer.is_open = False  # what is left of it is not worth writing, and it would try when collected
            self._file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add visitors, of `visitors_schema`, that follow those written so far in order of unit key."""
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= _GROUP_ROWS:
            self._write_groups(_GROUP_ROWS)

    def finish(self, checksum: int) -> None:
        """Write what is left and that all of it belongs to the image with this checksum; sync and close the file."""
        self._write_groups(1)
        about = msgspec.structs.replace(self._about, checksum=f"{checksum:016x}")
        self._writer.add_key_value_metadata({_METADATA_KEY: msgspec.json.encode(about)})
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _write_groups(self, rows_min: int) -> None:
        """Write groups of always as many rows, so that the bytes don't tell how they came, while enough are pending."""
        table = pa.Table.from_batches(self._pending, self._schema)
        at = 0
        while table.num_rows - at >= rows_min:
            group = table.slice(at, _GROUP_ROWS).combine_chunks()
            self._writer.write_table(group, row_group_size=_GROUP_ROWS)
            at += group.num_rows
        self._pending = table.slice(at).to_batches()
        self._pending_rows = table.num_rows - at
