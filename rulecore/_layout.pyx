"""The bundle image's records and codes, for the compiled reader (by cimport) and the writer (as Python enums)."""

cdef size_t record_size(int section) noexcept nogil:
    """Bytes of one record of a section; 1 for sections of plain bytes."""
    if section == META:
        return sizeof(MetaRecord)
    if section == PURPOSES or section == PATTERNS:
        return sizeof(Span)
    if section == ATTRIBUTES:
        return sizeof(AttributeRecord)
    if section == SEGMENTS:
        return sizeof(SegmentRecord)
    if section == CONDITIONS:
        return sizeof(ConditionRecord)
    if section == HOLDOUTS:
        return sizeof(HoldoutRecord)
    if section == LAYERS:
        return sizeof(LayerRecord)
    if section == ITEMS:
        return sizeof(Operand)
    if section == NODES:
        return sizeof(NodeRecord)
    if section == PREDICATES:
        return sizeof(PredicateRecord)
    if section == FORMULAS:
        return sizeof(FormulaRecord)
    if section == PLACEMENTS:
        return sizeof(PlacementRecord)
    if section == VARIANTS:
        return sizeof(VariantRecord)
    if section == RULES:
        return sizeof(RuleRecord)
    if section == SPLITS:
        return sizeof(SplitRecord)
    if section == COLUMNS:
        return sizeof(ColumnRecord)
    if section == DICTIONARIES:
        return sizeof(DictionaryRecord)
    if section == CONSTANTS:
        return sizeof(Span)
    if section == INDEXES:
        return sizeof(IndexRecord)
    if section == ANCHORS:
        return sizeof(AnchorRecord)
    if section == TESTS:
        return sizeof(TestRecord)
    if section == ENTRIES:
        return sizeof(EntryRecord)
    if section == CUTS or section == BUCKETS or section == ROWS:
        return 8
    if section == MAPS:
        return 4
    return 1


def record_sizes():
    """Bytes of one record, by section."""
    return {section: record_size(section) for section in range(SECTION_COUNT)}
