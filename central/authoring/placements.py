"""A placement: its variants with payload and block, its default, and its rules in order."""

from __future__ import annotations

import msgspec
import orjson

from central.authoring import source
from central.authoring.blocks import Blocks
from central.authoring.diagnostics import Problems
from central.authoring.experiments import Experiments
from central.authoring.rules import Rules
from rulecore.limits import LIMITS
from rulecore.model import NO_VARIANT, Placement, Rule, Variant


class Placements:
    """Resolves the placements of a bundle."""

    def __init__(self, rules: Rules, experiments: Experiments, blocks: Blocks, problems: Problems) -> None:
        self._rules = rules
        self._experiments = experiments
        self._blocks = blocks
        self._problems = problems

    def resolve(self, name: str, placement: source.Placement) -> Placement:
        """The placement; what is wrong with it is reported."""
        named = {*placement.names("variants")} - {NO_VARIANT}
        variants = [self._variant(key, variant) for key, variant in placement.variants.items()]
        self._rules.known_variant(placement.default, placement.at("default"), named)
        rules = tuple(self._rules.resolve(rule, name, named) for rule in placement.rules)
        if NO_VARIANT in shown_by(rules) | {placement.default}:
            variants.append(Variant(NO_VARIANT))
        return Placement(
            name,
            tuple(variants),
            placement.default,
            rules,
            self._experiments.holdout(placement),
            placement.enabled,
        )

    def _variant(self, name: str, variant: source.Variant) -> Variant:
        if name == NO_VARIANT:
            message = "the variant 'none' is reserved: it has no content, and always exists"
            self._problems.error(variant.head, message, expected="another name")
        payload = None
        if variant.payload is not msgspec.UNSET:
            payload = orjson.dumps(variant.payload, option=orjson.OPT_SORT_KEYS)
            if len(payload) > LIMITS.payload_bytes_max:
                expected = f"at most {LIMITS.payload_bytes_max:,} bytes"
                self._problems.error(
                    variant.at("payload"), f"the payload has {len(payload):,} bytes", expected=expected
                )
        block = None
        if not isinstance(variant.block, msgspec.UnsetType):
            block = self._blocks.block(variant.block, variant.at("block"))
        return Variant(name, payload, block)


def shown_by(rules: tuple[Rule, ...]) -> set[str]:
    """The variants that these rules can show."""
    served = {rule.serve for rule in rules if rule.serve is not None}
    return served | {variant for rule in rules for variant, weight in rule.split if weight}
