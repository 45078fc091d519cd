"""The bundle image as the writer packs it: one `struct` format a record, field for field as in `_layout.pxd`."""

from __future__ import annotations

import struct
from typing import Final

from rulecore._layout import Section

MAGIC: Final = b"EWBUNDLE"
VERSION: Final = 1
FEATURES: Final = 0
NONE: Final = 0xFFFF_FFFF

HEADER: Final = struct.Struct("<8sIIQQ")
TABLE_ENTRY: Final = struct.Struct("<QQ")

META: Final = struct.Struct("<2I2I2I8I")
SPAN: Final = struct.Struct("<2I")
ATTRIBUTE: Final = struct.Struct("<2I2IQBBHI")
SEGMENT: Final = struct.Struct("<2IQ")
HOLDOUT: Final = struct.Struct("<2I2IQII")
LAYER: Final = struct.Struct("<2I2III")
CIDR: Final = struct.Struct("<18s")
PATTERN: Final = struct.Struct("<2I2I")
NODE: Final = struct.Struct("<BBHI8s")
PREDICATE: Final = struct.Struct("<2IBBHI8s")
FORMULA: Final = struct.Struct("<BBHI")
PLACEMENT: Final = struct.Struct("<2I8I")
VARIANT: Final = struct.Struct("<2I2I2I2IQ")
TERMS: Final = struct.Struct("<2I2I2IQqq14I")
RULE: Final = struct.Struct("<2I3I")
SPLIT: Final = struct.Struct("<2I")
COLUMN: Final = struct.Struct("<4IQ")
DICTIONARY: Final = struct.Struct("<6I")
INDEX: Final = struct.Struct("<8I")
ANCHOR: Final = struct.Struct("<6I")
TEST: Final = struct.Struct("<6I")
ENTRY: Final = struct.Struct("<2I")

INTEGER: Final = struct.Struct("<q")
REAL: Final = struct.Struct("<d")
BITS: Final = struct.Struct("<Q")

RECORD_BYTES: Final = {
    Section.META: META.size,
    Section.POOL: 1,
    Section.BLOCKS: 1,
    Section.PURPOSES: SPAN.size,
    Section.ATTRIBUTES: ATTRIBUTE.size,
    Section.SEGMENTS: SEGMENT.size,
    Section.CONDITIONS: SPAN.size,
    Section.HOLDOUTS: HOLDOUT.size,
    Section.LAYERS: LAYER.size,
    Section.PATTERNS: PATTERN.size,
    Section.TEXT_ITEMS: SPAN.size,
    Section.INTEGER_ITEMS: INTEGER.size,
    Section.CIDRS: CIDR.size,
    Section.NODES: NODE.size,
    Section.PREDICATES: PREDICATE.size,
    Section.FORMULAS: FORMULA.size,
    Section.ZONES: 1,
    Section.AUTOMATA: 1,
    Section.PLACEMENTS: PLACEMENT.size,
    Section.VARIANTS: VARIANT.size,
    Section.TERMS: TERMS.size,
    Section.RULES: RULE.size,
    Section.SPLITS: SPLIT.size,
    Section.COLUMNS: COLUMN.size,
    Section.CUTS: 8,
    Section.DICTIONARIES: DICTIONARY.size,
    Section.CONSTANTS: SPAN.size,
    Section.BUCKETS: 8,
    Section.INDEXES: INDEX.size,
    Section.ANCHORS: ANCHOR.size,
    Section.TESTS: TEST.size,
    Section.MAPS: 4,
    Section.ENTRIES: ENTRY.size,
    Section.ROWS: 8,
}
