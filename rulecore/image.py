"""The bundle image writer: a checked bundle in, bytes out, the same bytes for the same bundle.

How conditions become records is in `rulecore.lower` and `rulecore.expressions`; what the records are in
`rulecore.layout`. The reader, `rulecore._bundle`, believes nothing of what is written here.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from rulecore import layout
from rulecore._hash import xxh64
from rulecore._layout import Section, TermsFlag
from rulecore.columns import Asked, Columns
from rulecore.conjunctions import IndexedRule
from rulecore.errors import LimitError
from rulecore.expressions import TYPES, Conditions
from rulecore.index import Indexes
from rulecore.limits import LIMITS
from rulecore.lower import Consent, Leaf, both, lower
from rulecore.model import (
    PERSONALIZATION,
    Attribute,
    Bundle,
    Expr,
    Placement,
    Rule,
    Segment,
    Source,
    Type,
    Variant,
    shows_attribute,
    sticky_attribute,
)
from rulecore.pool import Pool, Span
from rulecore.zones import zone_block

SOURCES: Final = {source: code for code, source in enumerate(Source)}
"""Source codes, in the order of `Source`."""

INTRINSIC: Final = (
    Attribute("consent", Type.LIST_STRING, (), Source.PROVIDED),
    Attribute("now", Type.TIMESTAMP, (), Source.PROVIDED),
    Attribute("segments", Type.LIST_STRING, (), Source.PROVIDED),
    Attribute("timezone", Type.STRING, (), Source.PROVIDED),
    Attribute("visitor_id", Type.STRING, (PERSONALIZATION,), Source.PROVIDED),
)
"""What every decision needs a slot for, whether or not a condition names it."""

_FIRST_INSTANT: Final = -(1 << 63)
_LAST_INSTANT: Final = (1 << 63) - 1
_FIXED_OFFSET: Final = re.compile(r"[+-]\d\d:\d\d")

_Split = tuple[tuple[int, int], ...]
_TermsKey = tuple[Hashable, ...]


def write_bundle(bundle: Bundle) -> bytes:
    """The image of a checked bundle.

    Raises LimitError when it is larger than `rulecore.limits` allows, PatternError for a malformed pattern.
    """
    # Nothing that is made here has cycles, and a collection on the way would walk the whole bundle in vain.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _Writer(bundle).write()
    finally:
        if collects:
            gc.enable()


class _Writer:
    """The sections of one image while they grow."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        named = {attribute.name: attribute for attribute in (*INTRINSIC, *bundle.attributes)}
        self.attributes = [named[name] for name in sorted(named)]
        self.slots = {attribute.name: slot for slot, attribute in enumerate(self.attributes)}
        self.segments = {segment.name: segment for segment in bundle.segments}
        self.precomputed = [segment for segment in bundle.segments if segment.when is None]
        self.purposes = self._all_purposes()
        self.pool = Pool(self._names(), self._lines())
        self.conditions = Conditions(
            self.segments,
            self.slots,
            {segment.name: ordinal for ordinal, segment in enumerate(self.precomputed)},
            self.bits,
            self.pool.span,
        )
        self.holdouts = {holdout.name: at for at, holdout in enumerate(bundle.holdouts)}
        self.layers = {layer.name: at for at, layer in enumerate(bundle.layers)}
        self.blocks = bytearray()
        self.block_spans: dict[bytes, Span] = {}
        self.variants: list[bytes] = []
        self.terms: list[bytes] = []
        self.terms_of: dict[_TermsKey, int] = {}
        self.rules: list[bytes] = []
        self.splits: list[bytes] = []
        self.condition_formulas: list[int] = []
        self.rule_formulas: list[list[int]] = []
        """By placement, the formula of each rule, or NONE: what an index is planned from."""

    def write(self) -> bytes:
        _check_limits(self.bundle, len(self.attributes), len(self.purposes), len(self.precomputed))
        placements = [self._placement(placement) for placement in self.bundle.placements]
        conditions = [
            self._condition(segment, segment.when) for segment in self.bundle.segments if segment.when is not None
        ]
        indexes = self._indexes().sections(self.pool.span, [segment.name for segment in self.precomputed])
        zones, zones_version = self._zones()
        sections: dict[Section, list[bytes]] = {
            Section.META: [self._meta(zones_version)],
            Section.PURPOSES: [layout.SPAN.pack(*self.pool.span(purpose)) for purpose in self.purposes],
            Section.ATTRIBUTES: [self._attribute(attribute) for attribute in self.attributes],
            Section.SEGMENTS: [
                layout.SEGMENT.pack(*self.pool.span(segment.name), self.bits(segment.purposes))
                for segment in self.precomputed
            ],
            Section.CONDITIONS: conditions,
            Section.HOLDOUTS: [
                layout.HOLDOUT.pack(
                    *self.pool.span(holdout.name),
                    *self._prefix(holdout.salt, "holdout"),
                    self.bits(holdout.purposes),
                    holdout.share,
                    self.slots[holdout.unit],
                )
                for holdout in self.bundle.holdouts
            ],
            Section.LAYERS: [
                layout.LAYER.pack(
                    *self.pool.span(layer.name), *self._prefix(layer.salt, "layer"), self.slots[layer.unit], 0
                )
                for layer in self.bundle.layers
            ],
            **self.conditions.sections(),
            Section.ZONES: [zones],
            Section.PLACEMENTS: placements,
            Section.VARIANTS: self.variants,
            Section.TERMS: self.terms,
            Section.RULES: self.rules,
            Section.SPLITS: self.splits,
            **indexes,
        }
        sections[Section.POOL] = [bytes(self.pool.content)]
        sections[Section.BLOCKS] = [bytes(self.blocks)]
        return _assemble(sections)

    def bits(self, purposes: Iterable[str]) -> int:
        """The mask of these purposes."""
        return sum(1 << self.purposes.index(purpose) for purpose in purposes)

    def _all_purposes(self) -> list[str]:
        bundle = self.bundle
        asked = [
            *(attribute.purposes for attribute in self.attributes),
            *(segment.purposes for segment in bundle.segments),
            *(holdout.purposes for holdout in bundle.holdouts),
            *(rule.purposes for placement in bundle.placements for rule in placement.rules),
        ]
        return sorted({purpose for purposes in asked for purpose in purposes})

    def _names(self) -> Iterator[str]:
        bundle = self.bundle
        yield bundle.name
        yield from self.purposes
        for named in (bundle.segments, bundle.holdouts, bundle.layers):
            yield from (one.name for one in named)
        for placement in bundle.placements:
            yield placement.name
            yield from (variant.name for variant in placement.variants)
            yield from (rule.id for rule in placement.rules)
            yield from (rule.experiment for rule in placement.rules if rule.experiment is not None)

    def _lines(self) -> Iterator[str]:
        yield self.bundle.timezone
        for attribute in self.attributes:
            yield attribute.name
            yield attribute.source_name
        for placement in self.bundle.placements:
            yield from (variant.block.path for variant in placement.variants if variant.block is not None)

    def _prefix(self, salt: str, purpose: str) -> Span:
        if len(salt.encode()) > LIMITS.salt_bytes_max:
            raise LimitError(f"the salt {salt[:40]!r}... is longer than {LIMITS.salt_bytes_max} bytes")
        return self.pool.span(f"{salt}\0{purpose}\0")

    def _meta(self, zones_version: str) -> bytes:
        return layout.META.pack(
            *self.pool.span(self.bundle.name),
            *self.pool.span(self.bundle.timezone),
            *self.pool.span(zones_version),
            *(self.slots[name] for name in ("now", "timezone", "visitor_id", "segments", "consent")),
            self.pool.names_end,
            self.pool.lines_end,
            0,
        )

    def _attribute(self, attribute: Attribute) -> bytes:
        for name in (attribute.name, attribute.source_name):
            if len(name.encode()) > LIMITS.string_bytes_max:
                raise LimitError(f"the name {name[:40]!r}... is longer than {LIMITS.string_bytes_max:,} bytes")
        return layout.ATTRIBUTE.pack(
            *self.pool.span(attribute.name),
            *self.pool.span(attribute.source_name),
            self.bits(attribute.purposes),
            TYPES[attribute.type],
            SOURCES[attribute.source],
            0,
            0,
        )

    def _condition(self, segment: Segment, when: Expr) -> bytes:
        condition = lower(when, self.segments)
        consent = [Leaf(Consent(segment.purposes), True)] if segment.purposes else []
        formula = self.conditions.formula(both(*consent, condition))
        self.condition_formulas.append(formula)
        return layout.SPAN.pack(*self.pool.span(segment.name))

    def _placement(self, placement: Placement) -> bytes:
        first_variant, first_rule = len(self.variants), len(self.rules)
        variants = {variant.name: at for at, variant in enumerate(placement.variants)}
        self.variants += [self._variant(variant) for variant in placement.variants]
        self.rule_formulas.append([])
        self.rules += [self._rule(rule, variants) for rule in placement.rules]
        return layout.PLACEMENT.pack(
            *self.pool.span(placement.name),
            first_variant,
            len(placement.variants),
            first_rule,
            len(placement.rules),
            variants[placement.default],
            layout.NONE if placement.holdout is None else self.holdouts[placement.holdout],
            placement.enabled,
            0,
        )

    def _variant(self, variant: Variant) -> bytes:
        payload = variant.payload or b""
        path, content = (variant.block.path, variant.block.content) if variant.block else ("", b"")
        digest = xxh64(b"\0".join([payload, path.encode(), content]))
        return layout.VARIANT.pack(
            *self.pool.span(variant.name),
            *self.pool.span(payload.decode()),
            *self.pool.span(path),
            *self._block(content),
            digest,
        )

    def _block(self, content: bytes) -> Span:
        if content not in self.block_spans:
            self.block_spans[content] = (len(self.blocks), len(content))
            self.blocks += content
            if len(self.blocks) > LIMITS.bundle_bytes_max:
                raise LimitError(f"the bundle is larger than {LIMITS.bundle_bytes_max:,} bytes")
        return self.block_spans[content]

    def _rule(self, rule: Rule, variants: dict[str, int]) -> bytes:
        serve = layout.NONE if rule.serve is None else variants[rule.serve]
        return layout.RULE.pack(*self.pool.span(rule.id), self._when(rule.when), serve, self._terms(rule, variants))

    def _terms(self, rule: Rule, variants: dict[str, int]) -> int:
        """The index of the rule's terms: those of an earlier rule if they are the same."""
        split = tuple((variants[variant], weight) for variant, weight in rule.split)
        key: _TermsKey = (
            rule.purposes,
            rule.unit,
            rule.salt if split or rule.percent is not None else "",
            rule.enabled,
            rule.starts,
            rule.ends,
            rule.percent,
            rule.layer,
            rule.layer_range,
            rule.experiment,
            split,
            rule.cap,
            rule.id if rule.sticky or rule.cap is not None else "",
            rule.sticky,
        )
        at = self.terms_of.get(key)
        if at is None:
            at = self.terms_of[key] = len(self.terms)
            self.terms.append(self._new_terms(rule, split))
        return at

    def _new_terms(self, rule: Rule, split: _Split) -> bytes:
        first_split = len(self.splits)
        self.splits += [layout.SPLIT.pack(variant, weight) for variant, weight in split]
        flags = TermsFlag.TERMS_ENABLED * rule.enabled
        if rule.cap is not None and rule.cap.per == "day":
            flags |= TermsFlag.TERMS_CAP_PER_DAY
        layer_first, layer_end = rule.layer_range or (0, 0)
        return layout.TERMS.pack(
            *self.pool.span(rule.experiment or ""),
            *((0, 0) if rule.percent is None else self._prefix(rule.salt, "percent")),
            *(self._prefix(rule.salt, "split") if split else (0, 0)),
            self.bits(rule.purposes),
            _FIRST_INSTANT if rule.starts is None else rule.starts,
            _LAST_INSTANT if rule.ends is None else rule.ends,
            layout.NONE if rule.percent is None else rule.percent,
            layout.NONE if rule.layer is None else self.layers[rule.layer],
            layer_first,
            layer_end,
            first_split,
            len(split),
            sum(weight for _, weight in split),
            max((variant + 1 for variant, _ in split), default=0),
            self.slots[rule.unit],
            layout.NONE if rule.cap is None else self.slots[shows_attribute(rule.id)],
            0 if rule.cap is None else rule.cap.shows,
            self.slots[sticky_attribute(rule.id)] if rule.sticky else layout.NONE,
            flags,
            0,
        )

    def _when(self, when: Expr | None) -> int:
        """The formula of the next rule, which is noted for the index."""
        at = self.conditions.condition(when)
        self.rule_formulas[-1].append(at)
        return at

    def _indexes(self) -> Indexes:
        """An index of each placement's rules, and one of all condition segments."""
        rules = [rule for placement in self.bundle.placements for rule in placement.rules]
        consents = {rule.purposes: self.conditions.predicate(Consent(rule.purposes)) for rule in rules if rule.purposes}
        columns = Columns(
            self.conditions.predicates,
            slots=self.slots,
            types=[attribute.type for attribute in self.attributes],
            segment_purposes=[self.bits(segment.purposes) for segment in self.precomputed],
            now_slot=self.slots["now"],
            patterns=[(scanner, number) for _, scanner, number in self.conditions.patterns],
            instants={instant for rule in rules for instant in (rule.starts, rule.ends) if instant is not None},
        )
        indexes = Indexes(columns, self.conditions.formulas)
        first = 0
        for placement, formulas in zip(self.bundle.placements, self.rule_formulas, strict=True):
            indexes.add(
                IndexedRule(number, formula, _also(columns, rule, consents))
                for number, (rule, formula) in enumerate(zip(placement.rules, formulas, strict=True), first)
                if rule.enabled
            )
            first += len(placement.rules)
        indexes.add(IndexedRule(number, formula) for number, formula in enumerate(self.condition_formulas))
        return indexes

    def _zones(self) -> tuple[bytes, str]:
        """The tables of the zones that conditions ask for, and the version of the time zone database."""
        used = self.conditions.zones
        if None in used:
            return zone_block(None)
        return zone_block({zone for zone in used if zone is not None and not _FIXED_OFFSET.fullmatch(zone)})


def _also(columns: Columns, rule: Rule, consents: dict[tuple[str, ...], int]) -> tuple[Asked, ...]:
    """What a rule asks beside its condition that a column can tell."""
    asked = (columns.asked(consents[rule.purposes], True),) if rule.purposes else ()
    window = columns.window(rule.starts, rule.ends)
    return (*asked, window) if window else asked


def _check_limits(bundle: Bundle, attributes: int, purposes: int, segments: int) -> None:
    rules = sum(len(placement.rules) for placement in bundle.placements)
    most_variants = max((len(placement.variants) for placement in bundle.placements), default=0)
    for what, count, most in (
        ("attributes", attributes, LIMITS.attributes_max),
        ("purposes", purposes, LIMITS.purposes_max),
        ("segments", segments, LIMITS.segments_max),
        ("placements", len(bundle.placements), LIMITS.placements_max),
        ("rules", rules, LIMITS.rules_max),
        ("variants in a placement", most_variants, LIMITS.variants_per_placement_max),
    ):
        if count > most:
            raise LimitError(f"the bundle has {count:,} {what}; at most {most:,} are allowed")


def _assemble(sections: dict[Section, list[bytes]]) -> bytes:
    """Header, table and sections, each aligned to 8 bytes."""
    table = bytearray()
    body = bytearray()
    start = layout.HEADER.size + layout.TABLE_ENTRY.size * len(sections)
    for section in sorted(sections):
        content = b"".join(sections[section])
        table += layout.TABLE_ENTRY.pack(start + len(body), len(content))
        body += content
        body += bytes(-len(body) % 8)
    covered = bytes(table + body)
    length = layout.HEADER.size + len(covered)
    if length > LIMITS.bundle_bytes_max:
        raise LimitError(f"the bundle is larger than {LIMITS.bundle_bytes_max:,} bytes")
    return layout.HEADER.pack(layout.MAGIC, layout.VERSION, layout.FEATURES, length, xxh64(covered)) + covered
