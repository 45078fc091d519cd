"""Segments from a purchase log: how recently, how often and for how much each customer bought.

Owns what the segments and loyalty tiers mean, and computes them with DuckDB. What becomes of the two Parquet files,
members (`visitor_id`, `segment`) and columns (`visitor_id`, `tier`, `orders`), belongs to the snapshot builder.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from central.segments.errors import InputError

SEGMENTS: Final = {
    "champions": "orders >= 5 AND days_since <= 90",
    "high_value": "money >= 300",
    "repeat_buyers": "orders >= 2",
    "one_time_buyers": "orders = 1",
    "lapsing": "orders >= 2 AND days_since BETWEEN 181 AND 365",
    "lapsed": "days_since > 365",
    "bargain_hunters": "money < 11 * items",
    "luxury_purchasers": "money >= 75 * orders",
}
"""What each segment means, in SQL over the columns of `_CUSTOMERS`."""

TIER: Final = "CASE WHEN money >= 500 THEN 'gold' WHEN money >= 100 THEN 'silver' ELSE 'bronze' END"
"""The loyalty tier, in SQL over the same columns."""

_NEEDED: Final = ("customer_id", "date", "quantity", "amount")

# Money is counted in cents, not in floats: a sum must not depend on the order in which rows are read.
_CUSTOMERS: Final = """
CREATE TEMPORARY TABLE customers AS
SELECT
    CAST(customer_id AS VARCHAR) AS visitor_id,
    date_diff('day', CAST(max(date) AS DATE), $as_of) AS days_since,
    count(*) AS orders,
    sum(CAST(quantity AS BIGINT)) AS items,
    sum(CAST(amount AS DECIMAL(18, 2))) AS money
FROM read_parquet($purchases)
WHERE customer_id IS NOT NULL
GROUP BY customer_id
"""


class Summary(msgspec.Struct, frozen=True):
    """What was computed: as of which day, for how many customers, and how many each segment has."""

    as_of: dt.date
    customers: int
    segments: dict[str, int]


def write_segments(purchases: Path, members: Path, columns: Path | None = None) -> Summary:
    """Compute the segments of `purchases` as of its last day; write `members` and, if asked for, `columns`.

    `purchases` is Parquet with `customer_id`, `date`, `quantity` and `amount`, a row a purchase; rows without a
    customer are nobody's. The same log gives the same files. Raises InputError, OSError.
    """
    try:
        with duckdb.connect() as database:
            as_of = _last_day(database, purchases)
            database.execute(_CUSTOMERS, {"purchases": str(purchases), "as_of": as_of})
            customers = database.table("customers")
            each = (
                customers.filter(meaning).project(f"visitor_id, '{name}' AS segment")
                for name, meaning in SEGMENTS.items()
            )
            everyone = functools.reduce(duckdb.DuckDBPyRelation.union, each)
            _write(everyone.order("visitor_id, segment"), members)
            if columns is not None:
                _write(customers.project(f"visitor_id, {TIER} AS tier, orders").order("visitor_id"), columns)
            counts = dict(everyone.aggregate("segment, count(*)").fetchall())
            return Summary(as_of, len(customers), {name: counts.get(name, 0) for name in SEGMENTS})
    except duckdb.Error as error:
        raise InputError(str(error), purchases) from error


def _last_day(database: duckdb.DuckDBPyConnection, purchases: Path) -> dt.date:
    """The day of the last purchase; on the way, whether the log is one."""
    table = database.read_parquet(str(purchases))
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise InputError(f"has no {', '.join(missing)}; its columns are {', '.join(table.columns)}", purchases)
    day_type = str(table.types[table.columns.index("date")])
    if day_type not in {"DATE", "TIMESTAMP"}:
        raise InputError(f"is {day_type}; it must be DATE or TIMESTAMP", purchases, "date")
    [(last_day,)] = table.aggregate("CAST(max(date) AS DATE)").fetchall()
    if not isinstance(last_day, dt.date):
        raise InputError("has no purchases", purchases)
    return last_day


def _write(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    """Write Parquet whole or not at all: a temporary file, synced, then renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        rows.write_parquet(str(partial), compression="zstd")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
