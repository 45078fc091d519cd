"""The bundle image's records and codes, for the compiled reader (by cimport) and the writer (as Python enums)."""

cdef size_t[SECTION_COUNT] RECORD_BYTES

RECORD_BYTES[<int> META] = sizeof(MetaRecord)
RECORD_BYTES[<int> POOL] = 1
RECORD_BYTES[<int> BLOCKS] = 1
RECORD_BYTES[<int> PURPOSES] = sizeof(Span)
RECORD_BYTES[<int> ATTRIBUTES] = sizeof(AttributeRecord)
RECORD_BYTES[<int> SEGMENTS] = sizeof(SegmentRecord)
RECORD_BYTES[<int> CONDITIONS] = sizeof(Span)
RECORD_BYTES[<int> HOLDOUTS] = sizeof(HoldoutRecord)
RECORD_BYTES[<int> LAYERS] = sizeof(LayerRecord)
RECORD_BYTES[<int> PATTERNS] = sizeof(PatternRecord)
RECORD_BYTES[<int> TEXT_ITEMS] = sizeof(Span)
RECORD_BYTES[<int> INTEGER_ITEMS] = sizeof(int64_t)
RECORD_BYTES[<int> CIDRS] = sizeof(CidrRecord)
RECORD_BYTES[<int> NODES] = sizeof(NodeRecord)
RECORD_BYTES[<int> PREDICATES] = sizeof(PredicateRecord)
RECORD_BYTES[<int> FORMULAS] = sizeof(FormulaRecord)
RECORD_BYTES[<int> ZONES] = 1
RECORD_BYTES[<int> AUTOMATA] = 1
RECORD_BYTES[<int> PLACEMENTS] = sizeof(PlacementRecord)
RECORD_BYTES[<int> VARIANTS] = sizeof(VariantRecord)
RECORD_BYTES[<int> TERMS] = sizeof(TermsRecord)
RECORD_BYTES[<int> RULES] = sizeof(RuleRecord)
RECORD_BYTES[<int> SPLITS] = sizeof(SplitRecord)
RECORD_BYTES[<int> COLUMNS] = sizeof(ColumnRecord)
RECORD_BYTES[<int> CUTS] = sizeof(Operand)
RECORD_BYTES[<int> DICTIONARIES] = sizeof(DictionaryRecord)
RECORD_BYTES[<int> CONSTANTS] = sizeof(Span)
RECORD_BYTES[<int> BUCKETS] = sizeof(uint64_t)
RECORD_BYTES[<int> INDEXES] = sizeof(IndexRecord)
RECORD_BYTES[<int> ANCHORS] = sizeof(AnchorRecord)
RECORD_BYTES[<int> TESTS] = sizeof(TestRecord)
RECORD_BYTES[<int> MAPS] = sizeof(uint32_t)
RECORD_BYTES[<int> ENTRIES] = sizeof(EntryRecord)
RECORD_BYTES[<int> ROWS] = sizeof(uint64_t)


cdef size_t record_size(int section) noexcept nogil:
    """Bytes of one record of a section; 1 for sections of plain bytes."""
    return RECORD_BYTES[section]


def record_sizes():
    """Bytes of one record, by section."""
    return {section: record_size(section) for section in range(SECTION_COUNT)}
