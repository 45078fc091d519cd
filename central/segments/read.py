"""Opens the Parquet files that a snapshot is built from, and gives the visitors of their rows as pseudonyms.

Rows come in batches, and whatever is wrong is said with file, column and row. Nothing after this module sees a visitor
id. What else is in the rows belongs to `central.segments.members` and `central.segments.values`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from central.segments.errors import InputError
from central.segments.rows import data, from_data
from central.segments.visitors import PARQUET_ERRORS, PSEUDONYM, VisitorsFile, is_visitors_file, open_parquet
from rulecore.keys import PSEUDONYM_BYTES, MembershipKeys
from rulecore.limits import LIMITS

VISITOR_ID: Final = "visitor_id"

_BATCH_ROWS: Final = 1 << 17
_HEX_DIGITS: Final = 2 * PSEUDONYM_BYTES


class Source:
    """One Parquet file. Opening it checks that it is one and says who its rows are about, reading it checks the rows.

    `visitors_file` is what it says of itself if it is the visitors file of a snapshot.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError, OSError."""
        self.path = path
        with path.open("rb"):
            pass  # Python says better than pyarrow why a file can't be opened
        try:
            self._file = open_parquet(path)
        except PARQUET_ERRORS as error:
            raise InputError(f"not a Parquet file: {error}", path) from None
        self.visitors_file = VisitorsFile(path) if is_visitors_file(self._file) else None
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        if VISITOR_ID in self.schema.names and PSEUDONYM in self.schema.names:
            raise InputError(f"has both {VISITOR_ID} and {PSEUDONYM}: which of them is meant?", path)
        self.identity = self.column(VISITOR_ID, PSEUDONYM)
        kind = decoded(self.schema.field(self.identity).type)
        if self.identity == VISITOR_ID and not is_text(kind):
            raise InputError(f"its type is {kind}, not string", path, VISITOR_ID)
        if self.identity == PSEUDONYM and not (is_text(kind) or _is_binary(kind)):
            raise InputError(
                f"its type is {kind}, not {PSEUDONYM_BYTES} bytes or a string of hex digits", path, PSEUDONYM
            )
        if not self.rows and self.visitors_file is None:  # which tells segments and columns without one
            raise InputError("has no rows", path)

    def column(self, *names: str) -> str:
        """The one of these columns that the file has, once. Raises InputError."""
        for name in names:
            count = self.schema.names.count(name)
            if count > 1:
                raise InputError(f"more than one column named {name}", self.path)
            if count:
                return name
        found = ", ".join(self.schema.names) or "none"
        raise InputError(f"no column named {' or '.join(names)}; its columns are: {found}", self.path)

    def values_of(self, column: str) -> int:
        """How many values the first leaf of a column has over all rows: with lists, how many items."""
        leaf = next(
            i for i in range(len(self._file.schema)) if self._file.schema.column(i).path.split(".")[0] == column
        )
        metadata = self._file.metadata
        return sum(metadata.row_group(group).column(leaf).num_values for group in range(metadata.num_row_groups))

    def batches(self, columns: Sequence[str], *, encoded: Sequence[str] = ()) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Each batch of these columns, with the number of rows before it; `encoded` ones come as dictionaries.

        Raises InputError.
        """
        before = 0
        try:
            file = open_parquet(self.path, encoded)
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
                yield before, batch
                before += batch.num_rows
        except (*PARQUET_ERRORS, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise  # not the file's fault
            raise InputError(f"can't be read after row {before:,}: {error}", self.path) from None

    def pseudonyms(self, batch: pa.RecordBatch, before: int, keys: MembershipKeys) -> bytes:
        """The pseudonyms of a batch, 16 bytes each. Raises InputError for an id or pseudonym that can't be one."""
        values = batch.column(self.identity)
        what = "a visitor id" if self.identity == VISITOR_ID else "a pseudonym"
        self.refuse(pc.is_null(values), f"null in place of {what}", self.identity, before)
        indices = None
        if pa.types.is_dictionary(values.type):
            if len(values.dictionary) <= len(values) and not values.dictionary.null_count:
                values, indices = values.dictionary, values.indices
            else:
                values = values.cast(values.type.value_type)
        made = self._pseudonyms(values, indices, before, keys)
        if indices is None:
            return made
        each = from_data(pa.binary(PSEUDONYM_BYTES), made)
        return bytes(each.take(indices).buffers()[1])

    def _pseudonyms(self, values: pa.Array, indices: pa.Array | None, before: int, keys: MembershipKeys) -> bytes:
        """Of each of `values`; `indices` say which of them each row has, if they are not the rows themselves."""

        def refuse(wrong: pa.BooleanArray, what: str) -> None:
            self.refuse(wrong if indices is None else wrong.take(indices), what, self.identity, before)

        if self.identity == VISITOR_ID:
            texts = self.valid(values, self.identity, before)
            sizes = pc.binary_length(texts)
            refuse(pc.equal(sizes, 0), "empty visitor id")
            too_long = f"a visitor id of more than {LIMITS.unit_bytes_max} bytes"
            refuse(pc.greater(sizes, LIMITS.unit_bytes_max), too_long)
            _, offsets, text = texts.buffers()
            width = 8 if pa.types.is_large_string(texts.type) else 4
            return keys.pseudonyms(offsets, b"" if text is None else text, texts.offset, len(texts), offset_bytes=width)
        if not is_text(values.type):
            refuse(pc.not_equal(pc.binary_length(values), PSEUDONYM_BYTES), f"a pseudonym has {PSEUDONYM_BYTES} bytes")
            return joined(values)
        sound = pc.match_substring_regex(values, f"^[0-9a-fA-F]{{{_HEX_DIGITS}}}$")
        refuse(pc.invert(sound), f"a pseudonym has {_HEX_DIGITS} hexadecimal digits")
        return binascii.unhexlify(joined(values.cast(pa.binary())))

    def texts(self, batch: pa.RecordBatch, column: str, before: int) -> pa.Array:
        """A column of a batch as valid UTF-8. Raises InputError."""
        return self.valid(batch.column(column), column, before)

    def valid(self, texts: pa.Array, column: str, before: int) -> pa.Array:
        """Texts of any type as a string or large string array, valid UTF-8. Raises InputError."""
        try:
            if not pa.types.is_string(texts.type) and not pa.types.is_large_string(texts.type):
                texts = texts.cast(pa.string())
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise InputError(f"{error} (in the batch from row {before + 1:,})", self.path, column) from None
        return texts

    def refuse(self, wrong: pa.BooleanArray, what: str, column: str, before: int) -> None:
        """Raise InputError at the first row of the batch that is wrong."""
        if pc.any(wrong).as_py():  # many times faster than looking for the first
            raise InputError(what, self.path, column, before + pc.index(wrong, True).as_py() + 1)


def decoded(kind: pa.DataType) -> pa.DataType:
    """The type of the values, whether they come as a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    kind = decoded(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_fixed_size_binary(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
    )


def joined(values: pa.Array) -> bytes:
    """Bytes without nulls, all of one size, one after the other."""
    if pa.types.is_fixed_size_binary(values.type):
        return bytes(data(values))
    values = values.cast(pa.large_binary())
    _, offsets, content = values.buffers()
    first, last = (memoryview(offsets).cast("q")[values.offset + i] for i in (0, len(values)))
    return bytes(memoryview(content)[first:last]) if content is not None else b""
