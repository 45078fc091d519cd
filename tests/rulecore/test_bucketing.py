"""Bucketing is what the language says it is, to the bit, and divides as it should.

`bucketing_vectors.json` was computed by the definition and is part of the contract: a line of it never changes. Who
reproduces bucketing elsewhere (SQL, JavaScript) can test against the same file.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import mmh3
import msgspec
import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from rulecore import BundleImage, Engine, write_bundle
from rulecore._hash import murmur3_32
from rulecore.model import (
    PERCENT_STEPS,
    Attribute,
    Bundle,
    Holdout,
    Layer,
    Placement,
    Rule,
    Source,
    Type,
    Variant,
)


class Vector(msgspec.Struct, frozen=True):
    """A unit's bucket among `total`, and the hash that it comes from."""

    salt: str
    purpose: str
    unit: int | str
    total: int
    hash: int
    share: int


VECTORS: Final = msgspec.json.decode(Path(__file__).with_name("bucketing_vectors.json").read_bytes(), type=list[Vector])
UNITS: Final = 1_000_000
PARTS: Final = 20
SURE: Final = 1e-6
"""The chance of a table as uneven as what is still accepted. Units are fixed, so a run differs in nothing."""

ID_AND_NUMBER: Final = (
    Attribute("number", Type.INT, (), Source.CONTEXT),
    Attribute("visitor_id", Type.STRING, (), Source.PROVIDED),
)
EQUAL: Final = tuple((f"v{part}", 1) for part in range(PARTS))


def engine(*placements: Placement, layers: tuple[Layer, ...] = (), holdouts: tuple[Holdout, ...] = ()) -> Engine:
    ordered = tuple(sorted(placements, key=lambda placement: placement.name))
    return Engine(BundleImage(write_bundle(Bundle("shop", "UTC", ID_AND_NUMBER, (), holdouts, layers, ordered))))


def placement(name: str, variants: tuple[str, ...], **rule: object) -> Placement:
    """A placement with one rule, named after it, and the default `out`; a holdout is the placement's."""
    holdout = rule.pop("holdout", None)
    known: dict[str, object] = {"id": name, "when": None, "purposes": (), "unit": "visitor_id", "salt": name}
    made = Rule(**(known | rule))  # type: ignore[arg-type]
    return Placement(name, tuple(Variant(variant) for variant in (*variants, "out")), "out", (made,), holdout)  # type: ignore[arg-type]


def in_and_out(vector: Vector) -> tuple[Engine, dict[str, object]]:
    """An engine whose placement `is_in` takes just the vector's bucket in, and `is_out` just leaves it out."""
    unit = "number" if isinstance(vector.unit, int) else "visitor_id"
    context: dict[str, object] = {unit: vector.unit}
    share, rest = vector.share, vector.total - vector.share - 1
    fields: dict[str, object] = {"unit": unit, "salt": vector.salt, "serve": "in"}
    match vector.purpose:
        case "percent":
            made = [placement(f"is_{at}", ("in",), percent=share + (at == "in"), **fields) for at in ("in", "out")]
            return engine(*made), context
        case "layer":
            layers = (Layer("layer", vector.salt, unit),)
            ranges = {"is_in": (share, share + 1), "is_out": (share + 1, PERCENT_STEPS)}
            made = [placement(n, ("in",), layer="layer", layer_range=at, **fields) for n, at in ranges.items()]
            return engine(*made, layers=layers), context
        case "holdout":
            kept = {"is_in": ("below", share), "is_out": ("above", share + 1)}
            holdouts = tuple(Holdout(name, size, vector.salt, unit, ()) for name, size in kept.values())
            made = [placement(n, ("in",), holdout=name, **fields) for n, (name, _) in kept.items()]
            return engine(*made, holdouts=holdouts), context
    splits = {
        "is_in": (("out", share), ("in", 1), ("out2", rest)),
        "is_out": (("in", share), ("out", 1), ("in2", rest)),
    }
    names = ("in", "in2", "out2")
    made = [placement(n, names, **(fields | {"serve": None, "split": split})) for n, split in splits.items()]
    return engine(*made), context


def test_the_vectors_follow_the_definition() -> None:
    for vector in VECTORS:
        text = f"{vector.salt}\0{vector.purpose}\0{vector.unit}".encode()
        assert vector.hash == mmh3.hash(text, 0, signed=False) == murmur3_32(text)
        assert vector.share == (vector.hash * vector.total) >> 32


@pytest.mark.parametrize("purpose", ["percent", "layer", "split", "holdout"])
def test_the_engine_puts_units_into_the_buckets_of_the_vectors(purpose: str) -> None:
    for vector in (vector for vector in VECTORS if vector.purpose == purpose):
        made, context = in_and_out(vector)
        assert [decision.variant for decision in made.decide_all(context, 0)] == ["in", "out"], vector


@pytest.fixture(scope="module")
def divided() -> dict[str, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """Where a million units fall, by each kind of bucket and for two salts: a part of twenty, in (0) or out (20)."""
    variants = tuple(variant for variant, _ in EQUAL)
    layers = (Layer("layer", "one", "visitor_id"),)
    holdouts = (Holdout("holdout", PERCENT_STEPS // 4, "one", "visitor_id", ()),)
    made = engine(
        placement("split_one", variants, split=EQUAL, salt="one"),
        placement("split_two", variants, split=EQUAL, salt="two"),
        placement("percent_one", variants, percent=PERCENT_STEPS // 2, serve="v0", salt="one"),
        placement("percent_two", variants, percent=PERCENT_STEPS // 3, serve="v0", salt="two"),
        placement("layer_one", variants, layer="layer", layer_range=(0, PERCENT_STEPS // 5), serve="v0"),
        placement("holdout_one", variants, holdout="holdout", serve="v0"),
        layers=layers,
        holdouts=holdouts,
    )
    number = {variant: part for part, variant in enumerate((*variants, "out"))}
    names = made.bundle.placements
    rows = bytearray()
    for unit in range(UNITS):
        rows += bytes([number[d.variant] for d in made.decide_all({"visitor_id": f"visitor-{unit}"}, 0)])
    table = np.frombuffer(rows, np.uint8).reshape(UNITS, len(names))
    return {name: table[:, column] for column, name in enumerate(names)}


@pytest.mark.parametrize(
    ("name", "share_in"), [("percent_one", 1 / 2), ("percent_two", 1 / 3), ("layer_one", 1 / 5), ("holdout_one", 3 / 4)]
)
def test_a_share_of_units_is_as_large_as_it_says(
    divided: dict[str, np.ndarray[tuple[int], np.dtype[np.uint8]]], name: str, share_in: float
) -> None:
    inside = int((divided[name] == 0).sum())
    assert chisquare([inside, UNITS - inside], [UNITS * share_in, UNITS * (1 - share_in)]).pvalue > SURE


@pytest.mark.parametrize("name", ["split_one", "split_two"])
def test_a_split_divides_a_million_units_evenly(
    divided: dict[str, np.ndarray[tuple[int], np.dtype[np.uint8]]], name: str
) -> None:
    assert chisquare(np.bincount(divided[name], minlength=PARTS)).pvalue > SURE


def test_salts_and_purposes_divide_independently(
    divided: dict[str, np.ndarray[tuple[int], np.dtype[np.uint8]]],
) -> None:
    for (first, left), (second, right) in itertools.combinations(divided.items(), 2):
        joint = np.bincount(left.astype(np.int64) * (PARTS + 1) + right, minlength=(PARTS + 1) ** 2)
        table = joint.reshape(PARTS + 1, PARTS + 1)
        table = table[table.any(axis=1)][:, table.any(axis=0)]
        assert chi2_contingency(table).pvalue > SURE, (first, second)


def test_shares_are_even_to_a_tenth_of_a_percent() -> None:
    bins = np.zeros(1000, np.int64)
    for unit in range(UNITS):
        bins[(murmur3_32(b"salt\0percent\0visitor-%d" % unit) * 1000) >> 32] += 1
    assert chisquare(bins).pvalue > SURE


def test_raising_percent_never_removes_a_unit_nor_changes_its_variant() -> None:
    steps = [0, 1, 500, 10_000, 25_000, 33_333, 50_000, 75_000, 99_999, PERCENT_STEPS]
    split = tuple((f"v{part}", 1) for part in range(3))
    variants = tuple(variant for variant, _ in split)
    made = engine(
        *(placement(f"p{at:02}", variants, percent=step, split=split, salt="same") for at, step in enumerate(steps))
    )
    for unit in range(20_000):
        seen = [decision.variant for decision in made.decide_all({"visitor_id": f"visitor-{unit}"}, 0)]
        entered = seen.count("out")
        assert seen[0] == "out"
        assert seen[entered:] == [seen[-1]] * (len(steps) - entered)
        assert seen[-1] != "out"
