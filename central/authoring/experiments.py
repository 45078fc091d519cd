"""What rules share to bucket visitors: holdouts, layers, and the experiments that take ranges of a layer."""

from __future__ import annotations

import msgspec
from msgspec import UnsetType

from central.authoring import source
from central.authoring.attributes import Attributes
from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.purposes import PERSONAL, purposes_of
from central.authoring.shares import percent_text, thousandths
from rulecore.model import Holdout, Layer


class _Taken(msgspec.Struct, frozen=True, order=True):
    """A range of a layer, and the experiment that takes it."""

    first: int
    end: int
    place: Position
    experiment: str


class Experiments:
    """The holdouts and layers of a bundle, and which experiment takes which range."""

    def __init__(self, bundle: source.Bundle, attributes: Attributes, problems: Problems) -> None:
        self._problems = problems
        self._taken: dict[str, list[_Taken]] = {}
        self._names = {kind: set(bundle.names(kind)) for kind in ("holdouts", "layers")}
        self.holdouts = {
            name: Holdout(
                name,
                thousandths(one, one.percent, problems, "percent"),
                source.given(one.salt, name),
                attributes.unit(one, one.unit),
                purposes_of(one, one.purpose, PERSONAL, problems),
            )
            for name, one in bundle.holdouts.items()
        }
        self.layers = {
            name: Layer(name, source.given(one.salt, name), attributes.unit(one, one.unit))
            for name, one in bundle.layers.items()
        }

    def holdout(self, placement: source.Placement) -> str | None:
        """The placement's holdout, checked."""
        return None if isinstance(placement.holdout, UnsetType) else self._known("holdouts", placement, "holdout")

    def take(self, experiment: source.Experiment) -> tuple[Layer, tuple[int, int]] | None:
        """The layer and range of an experiment, noted as taken; None when it has none, or a problem was reported."""
        layer, wanted = experiment.layer, experiment.range
        for one, other in (("layer", "range"), ("range", "layer")):
            if experiment.written(one) and not experiment.written(other):
                message = f"the {one} goes with a {other}"
                expected = "range: [0, 40]" if other == "range" else "the layer in which the range is taken"
                self._problems.error(experiment.key_at(one), message, expected=expected)
        if not isinstance(layer, UnsetType):
            layer = self._known("layers", experiment, "layer")
        if isinstance(layer, UnsetType) or isinstance(wanted, UnsetType):
            return None
        first, end = (thousandths(experiment, wanted[i], self._problems, "range", i) for i in (0, 1))
        if first >= end:
            message = f"the range {percent_text(first)} to {percent_text(end)} is empty"
            self._problems.error(experiment.at("range"), message, expected="a smaller number, then a greater one")
            return None
        self._taken.setdefault(layer, []).append(_Taken(first, end, experiment.at("range"), experiment.id))
        return (self.layers[layer], (first, end)) if layer in self.layers else None

    def check_overlaps(self) -> None:
        """Report the ranges that run into another one of their layer."""
        for layer, taken in self._taken.items():
            furthest: _Taken | None = None
            for one in sorted(taken):
                if furthest is not None and one.first < furthest.end:
                    later, earlier = sorted((one, furthest), key=lambda each: each.place, reverse=True)
                    self._problems.error(
                        later.place,
                        f"the range overlaps that of {earlier.experiment!r} in the layer {layer!r}: "
                        f"{percent_text(earlier.first)} to {percent_text(earlier.end)}",
                        expected="ranges that share no percent",
                    )
                if furthest is None or one.end > furthest.end:
                    furthest = one

    def _known(self, kind: str, owner: source.Located, field: str) -> str:
        scalar = owner.scalar(field)
        name = scalar.text if scalar is not None else ""
        if name not in self._names[kind]:
            near = nearest(name, self._names[kind])
            self._problems.error(owner.at(field), f"there is no {field} {name!r}", nearest=near)
        return name
