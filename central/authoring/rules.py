"""One rule: what it shows, when it holds, and which units it takes."""

from __future__ import annotations

import msgspec
from msgspec import UnsetType

from central.authoring import source
from central.authoring.attributes import Attributes
from central.authoring.dates import DateError, instant
from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.experiments import Experiments
from central.authoring.guards import Guards
from central.authoring.purposes import PERSONAL, purposes_of
from central.authoring.shares import thousandths
from rulecore.model import NO_VARIANT, Cap, Layer, Rule

_WEIGHTS_MAX = 1_000_000_000


class Rules:
    """Resolves the rules of a bundle. Their ids and those of their experiments are unique in it."""

    def __init__(
        self, zone: str, attributes: Attributes, experiments: Experiments, guards: Guards, problems: Problems
    ) -> None:
        self._zone = zone
        self._attributes = attributes
        self._experiments = experiments
        self._guards = guards
        self._problems = problems
        self._ids: dict[str, Position] = {}
        self._experiment_ids: dict[str, Position] = {}

    def resolve(self, rule: source.Rule, placement: str, variants: set[str]) -> Rule:
        """The rule with its defaults filled in; what is wrong with it is reported."""
        experiment = None if isinstance(rule.experiment, UnsetType) else rule.experiment
        self._unique(self._ids, rule.id, rule.at("id"), "rule")
        if experiment is not None:
            self._unique(self._experiment_ids, experiment.id, experiment.at("id"), "experiment")
        taken = self._experiments.take(experiment) if experiment else None
        layer, layer_range = taken or (None, None)
        serve, split = self._shown(rule, variants)
        percent = rule.percent
        starts, ends = self._dates(rule)
        return Rule(
            id=rule.id,
            when=self._guards.compile(rule),
            purposes=self._purposes(rule, layer),
            unit=self._unit(rule, layer),
            salt=self._salt(rule, experiment, placement),
            enabled=rule.enabled,
            starts=starts,
            ends=ends,
            percent=None if isinstance(percent, UnsetType) else thousandths(rule, percent, self._problems, "percent"),
            layer=layer.name if layer else None,
            layer_range=layer_range,
            experiment=experiment.id if experiment else None,
            serve=serve,
            split=split,
            sticky=rule.sticky is not msgspec.UNSET,
            cap=None if isinstance(rule.cap, UnsetType) else Cap(rule.cap.shows, rule.cap.per),
        )

    def _unique(self, ids: dict[str, Position], name: str, place: Position, kind: str) -> None:
        first = ids.setdefault(name, place)
        if first is not place:
            ids[name], later = sorted((first, place))
            message = f"the {kind} {name!r} is there already, at {ids[name].file}:{ids[name].line}"
            self._problems.error(later, message, expected=f"a name that no other {kind} of the bundle has")

    def _shown(self, rule: source.Rule, variants: set[str]) -> tuple[str | None, tuple[tuple[str, int], ...]]:
        """The variant to serve, or the split."""
        serves, splits = rule.written("serve"), rule.written("split")
        if serves and splits:
            self._problems.error(rule.key_at("split"), "the rule has both `serve` and `split`", expected="one of them")
        elif not serves and not splits:
            expected = "serve: VARIANT, or split: {VARIANT: WEIGHT, ...}"
            self._problems.error(rule.at("id"), "the rule shows nothing", expected=expected)
        if rule.sticky is not msgspec.UNSET and not splits:
            self._problems.error(
                rule.key_at("sticky"), "only a split can be sticky", expected="a split, or no `sticky`"
            )
        if not isinstance(rule.split, UnsetType):
            return None, self._split(rule, rule.split, variants)
        if isinstance(rule.serve, UnsetType):
            return None, ()
        self.known_variant(rule.serve, rule.at("serve"), variants)
        return rule.serve, ()

    def _split(self, rule: source.Rule, weights: dict[str, int], variants: set[str]) -> tuple[tuple[str, int], ...]:
        for name in weights:
            self.known_variant(name, rule.key_at("split", name), variants)
        total = sum(weights.values())
        whole = len(weights) == len(rule.names("split"))
        if whole and not total:
            self._problems.error(rule.at("split"), "the weights come to nothing", expected="at least one above 0")
        elif total > _WEIGHTS_MAX:
            expected = f"at most {_WEIGHTS_MAX:,}"
            self._problems.error(rule.at("split"), f"the weights come to {total:,}", expected=expected)
        if not rule.written("experiment") and not rule.written("salt"):
            message = "a split needs a salt of its own: renaming the rule must not move visitors to other variants"
            self._problems.error(rule.key_at("split"), message, expected="experiment: {id: NAME}, or salt: TEXT")
        return tuple(weights.items())

    def known_variant(self, name: str, place: Position, variants: set[str]) -> None:
        """Report a variant that the placement does not have."""
        if name not in variants and name != NO_VARIANT:
            expected = f"a variant of the placement: {', '.join([*sorted(variants), NO_VARIANT])}"
            self._problems.error(
                place, f"there is no variant {name!r}", expected=expected, nearest=nearest(name, variants)
            )

    def _dates(self, rule: source.Rule) -> tuple[int | None, int | None]:
        starts, ends = self._date(rule, "starts", rule.starts), self._date(rule, "ends", rule.ends)
        if starts is not None and ends is not None and starts >= ends:
            message = "the rule ends before it starts" if ends < starts else "the rule ends when it starts"
            self._problems.error(
                rule.at("ends"), message, expected="an end after the start; the end itself is no part of the time"
            )
        return starts, ends

    def _date(self, rule: source.Rule, field: str, text: str | UnsetType) -> int | None:
        if isinstance(text, UnsetType):
            return None
        try:
            return instant(text, self._zone)
        except DateError as error:
            self._problems.error(rule.at(field), error.message, expected=error.expected)
            return None

    def _unit(self, rule: source.Rule, layer: Layer | None) -> str:
        buckets = rule.written("percent") or rule.written("split") or layer is not None
        if rule.written("unit") and not buckets:
            message = "`unit` has no use: the rule has no percent, no split and no layer"
            self._problems.warning(rule.key_at("unit"), message)
        return self._attributes.unit(rule, rule.unit, layer.unit) if layer else self._attributes.unit(rule, rule.unit)

    def _salt(self, rule: source.Rule, experiment: source.Experiment | None, placement: str) -> str:
        if rule.written("salt") and not rule.written("percent") and not rule.written("split"):
            self._problems.warning(rule.key_at("salt"), "`salt` has no use: the rule has no percent and no split")
        return source.given(rule.salt, experiment.id if experiment else f"{placement}/{rule.id}")

    def _purposes(self, rule: source.Rule, layer: Layer | None) -> tuple[str, ...]:
        personal = layer is not None or any(rule.written(name) for name in ("percent", "split", "sticky", "cap"))
        return purposes_of(rule, rule.purpose, PERSONAL if personal else (), self._problems)
