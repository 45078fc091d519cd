"""How few bytes a snapshot could have at best, from who is in it: what `central snapshot info` sets its size beside.

- *set ids*: which set each visitor has. The entropy of the sets by how many visitors have each: no code takes less.
- *fingerprints*: a test that lets at most one unknown visitor in 2^bits through takes so many bits a visitor.
- *set records*: what the sets are. Each by itself, as if segments were independent, less what the order of those would
  tell that equally many visitors have, and which may be numbered as one likes: a model, which data whose segments go
  together can beat.
- each column: as set ids.

Sources: Shannon, "A mathematical theory of communication" (1948); Carter, Floyd, Gill, Markowsky and Wegman, "Exact and
approximate membership testers" (1978).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import duckdb

from central.segments.errors import InputError
from central.segments.visitors import PSEUDONYM, SEGMENTS, VisitorsFile

_MEMORY_BYTES_MAX: Final = 2 << 30


def bound(file: VisitorsFile, fingerprint_bits: int, scratch: Path) -> dict[str, float]:
    """Bytes of each part; `scratch` is a folder for what does not fit into memory. Raises InputError."""
    try:
        with duckdb.connect(
            config={"memory_limit": f"{_MEMORY_BYTES_MAX}B", "temp_directory": str(scratch)}
        ) as database:
            database.execute("SET enable_progress_bar = false")
            database.read_parquet(str(file.path)).create_view("file")
            values = [f"value_{number}" for number in range(len(file.columns))]  # to SQL, Tier and tier are one name
            names = ", ".join([PSEUDONYM, SEGMENTS, *values])
            database.execute(f"CREATE TEMPORARY VIEW visitors AS SELECT * FROM file AS renamed({names})")
            sets = _weights(database, SEGMENTS)
            bits = {
                "set ids": _entropy(file.visitors, sets),
                "fingerprints": float(fingerprint_bits * file.visitors),
                "set records": _records(database, [alike for _, alike in sets]),
            }
            for name, value in zip(file.columns, values, strict=True):
                bits[f"column {name}"] = _entropy(file.visitors, _weights(database, value))
    except duckdb.Error as error:
        raise InputError(f"can't be counted: {error}", file.path) from error
    return {name: of_part / 8 for name, of_part in bits.items()}


def _weights(database: duckdb.DuckDBPyConnection, column: str) -> list[tuple[int, int]]:
    """How many visitors have a value, and how many values that is so for."""
    return database.execute(
        f"SELECT n, count(*) FROM (SELECT count(*) AS n FROM visitors GROUP BY {column}) GROUP BY n ORDER BY n"
    ).fetchall()


def _entropy(total: int, weights: Iterable[tuple[int, int]]) -> float:
    """Bits of a list of values of which only how often each comes is known."""
    return math.fsum(values * weight * math.log2(total / weight) for weight, values in weights)


def _records(database: duckdb.DuckDBPyConnection, alike: Iterable[int]) -> float:
    """Bits of the distinct sets: of a coin a segment and set, less what the order of so many alike each would tell."""
    database.execute(f"CREATE TEMPORARY TABLE sets AS SELECT DISTINCT {SEGMENTS} FROM visitors")
    [(sets,)] = database.execute("SELECT count(*) FROM sets").fetchall()
    order = math.fsum(math.lgamma(count + 1) for count in alike) / math.log(2)
    holders = database.execute(f"SELECT count(*) FROM (SELECT unnest({SEGMENTS}) AS s FROM sets) GROUP BY s").fetchall()
    bits = math.fsum(_entropy(sets, [(count, 1), (sets - count, 1)]) for (count,) in holders if count < sets)
    return max(0.0, bits - order)
