"""What is wrong with the files that segments are built from."""

from __future__ import annotations

from pathlib import Path

from rulecore.errors import EdgewiseError


class InputError(EdgewiseError):
    """A file that no snapshot can be built from: which one, and if they are known its column and row.

    Rows count from 1, over the whole file.
    """

    def __init__(self, what: str, file: Path, column: str | None = None, row: int | None = None) -> None:
        where = [str(file)]
        if column is not None:
            where.append(f"column {column}")
        if row is not None:
            where.append(f"row {row:,}")
        super().__init__(f"{', '.join(where)}: {what}")
        self.what = what
        self.file = file
        self.column = column
        self.row = row
