"""Verifies delta images, whole, without the GIL and without an object a row.

Checksums are compared first; then, because memory safety must not rest on a checksum that anybody can make to fit,
every offset, order and range is. Who reads a verified delta follows what it finds there without checking it again.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from rulecore._delta_layout cimport (
    CHECKSUMMED_FROM, COLUMN_NAMES, COLUMNS_ROOM, DeltaColumn, DeltaView, FIRST_COLUMN, HEADER_BYTES, KEYS,
    KNOWN_FEATURES, MEMBERS, SEGMENT_NAMES, SET_STARTS, SETS, VERSION,
)
from rulecore._hash cimport xxh64
from rulecore._machine cimport load16, load32, load64
from rulecore._section_checks cimport (
    check_section, damaged, Fault, fault_of, FEATURE, NEWER, SECTION_ENTRY_BYTES, SOUND, sound, verify_names,
)
from rulecore._values cimport values_open, values_verify

from rulecore.limits import LIMITS

cdef const uint8_t* MAGIC = b"EWDELT\r\n"
cdef uint64_t SIZE_MAX = LIMITS.delta_bytes_max
cdef uint32_t ENTRIES_MAX = LIMITS.delta_entries_max
cdef uint32_t SEGMENTS_MAX = LIMITS.segments_max
cdef uint64_t SEGMENTS_PER_VISITOR_MAX = LIMITS.segments_per_visitor_max
cdef uint32_t COLUMNS_MAX = LIMITS.columns_max

if COLUMNS_MAX > COLUMNS_ROOM:
    raise ImportError("DeltaView has too little room for LIMITS.columns_max columns")


# Each step may rely on what the steps before it found sound.

cdef Fault verify(DeltaView* view) noexcept nogil:
    cdef Fault fault = read_header(view)
    if fault.kind == SOUND:
        fault = verify_counts(view)
    if fault.kind == SOUND:
        fault = read_sections(view)
    if fault.kind == SOUND:
        fault = verify_rows(view)
    if fault.kind == SOUND:
        fault = verify_sets(view)
    if fault.kind == SOUND:
        fault = verify_columns(view)
    return fault


cdef Fault read_header(DeltaView* view) noexcept nogil:
    cdef const uint8_t* data = view.data
    cdef uint64_t table_end
    if view.size < HEADER_BYTES:
        return damaged("too short to be a delta image", view.size)
    if memcmp(data, MAGIC, 8) != 0:
        return damaged("not a delta image: its first bytes are not those of one", 0)
    if load32(data + 8) > VERSION:
        return fault_of(NEWER, "written by a newer Edgewise: its format version is newer than 1", 8)
    if load32(data + 8) != VERSION:
        return damaged("no format has this version", 8)
    if load32(data + 12) & ~<uint32_t>KNOWN_FEATURES:
        return fault_of(FEATURE, "requires a feature that this reader does not have", 12)
    if load64(data + 16) != view.size:
        return damaged("truncated or extended: its length is not the one in its header", 16)
    if view.size > SIZE_MAX:
        return damaged("larger than a delta image may be", 16)
    view.checksum = load64(data + 24)
    view.base = load64(data + 32)
    view.follows = load64(data + 40)
    view.stands_for = load64(data + 48)
    view.epoch = load32(data + 56)
    view.first_version = load32(data + 60)
    view.version = load32(data + 64)
    view.segments_before = load32(data + 68)
    view.segments = load32(data + 72)
    view.columns = load32(data + 76)
    view.entries = load32(data + 80)
    view.tombstones = load32(data + 84)
    view.sets = load32(data + 88)
    view.members = load32(data + 92)
    if view.columns > COLUMNS_MAX:
        return damaged("more columns than a delta may have", 76)
    table_end = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>(FIRST_COLUMN + 2 * view.columns)
    if table_end > view.size:
        return damaged("too short for its table of sections", view.size)
    if xxh64(data + CHECKSUMMED_FROM, table_end - CHECKSUMMED_FROM, 0) != view.checksum:
        return damaged("damaged: the checksum of its header does not match", 24)
    return sound()


cdef Fault verify_counts(DeltaView* view) noexcept nogil:
    if view.first_version == 0 or view.first_version > view.version:
        return damaged("versions are counted from 1, and the last is not before the first", 60)
    if view.segments_before > SEGMENTS_MAX or view.segments > SEGMENTS_MAX - view.segments_before:
        return damaged("more segments than a snapshot may have", 68)
    if view.entries > ENTRIES_MAX:
        return damaged("more entries than a delta may have", 80)
    if view.tombstones > view.entries:
        return damaged("more tombstones than entries", 84)
    if view.sets > view.entries - view.tombstones:
        return damaged("more sets than entries that have one", 88)
    return sound()


cdef Fault read_sections(DeltaView* view) noexcept nogil:
    cdef uint32_t section, sections = <uint32_t>FIRST_COLUMN + 2 * view.columns
    cdef uint64_t end = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>sections, entry
    cdef Fault fault
    for section in range(sections):
        entry = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>section
        fault = check_section(view.data, view.size, entry, True, &end)
        if fault.kind == SOUND:
            fault = take_section(view, section, view.data + load64(view.data + entry), load64(view.data + entry + 8))
        if fault.kind != SOUND:
            return fault
    if end != view.size:
        return damaged("bytes beyond the last section", end)
    return sound()


cdef Fault take_section(DeltaView* view, uint32_t section, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t expected
    cdef DeltaColumn* column
    if section == SEGMENT_NAMES:
        return verify_names(view.data, data, size, view.segments, False)
    if section == COLUMN_NAMES:
        return take_columns(view, data, size)
    if section == KEYS:
        view.keys = data
        expected = 8 * <uint64_t>view.entries
    elif section == SETS:
        view.set_ids = data
        expected = 4 * <uint64_t>view.entries
    elif section == SET_STARTS:
        view.set_starts = data
        expected = 4 * (<uint64_t>view.sets + 1)
    elif section == MEMBERS:
        view.member_ids = data
        expected = 2 * <uint64_t>view.members
    else:
        column = &view.column[(section - FIRST_COLUMN) // 2]
        if (section - FIRST_COLUMN) % 2:
            return values_open(&column.values, view.data, data, size, column.type, column.count)
        column.ids = data
        expected = 4 * <uint64_t>view.entries
    if size != expected:
        return damaged("the section that begins here has another length than its header implies", data - view.data)
    return sound()


cdef Fault take_columns(DeltaView* view, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint32_t column
    if size < 8 * <uint64_t>view.columns:
        return damaged("the section of columns is too short", data - view.data)
    for column in range(view.columns):
        view.column[column].type = load32(data + 8 * column)
        view.column[column].count = load32(data + 8 * column + 4)
    return verify_names(view.data, data + 8 * view.columns, size - 8 * <uint64_t>view.columns, view.columns, True)


cdef Fault verify_rows(DeltaView* view) noexcept nogil:
    cdef uint64_t key, previous = 0
    cdef uint32_t row, set_id, sets_seen = 0, tombstones = 0
    for row in range(view.entries):
        key = load64(view.keys + 8 * <uint64_t>row)
        if row and key <= previous:
            return damaged("unit keys are not in ascending order", view.keys - view.data + 8 * <uint64_t>row)
        previous = key
        set_id = load32(view.set_ids + 4 * <uint64_t>row)
        if set_id == 0:
            tombstones += 1
        elif set_id - 1 > sets_seen or set_id > view.sets:
            return damaged("an entry's set is out of range or out of order", view.set_ids - view.data + 4 * row)
        else:
            sets_seen += set_id - 1 == sets_seen
    if tombstones != view.tombstones:
        return damaged("another number of tombstones than its header says", 84)
    if sets_seen != view.sets:
        return damaged("a set that no entry has", view.set_starts - view.data + 4 * <uint64_t>sets_seen)
    return sound()


cdef Fault verify_sets(DeltaView* view) noexcept nogil:
    cdef uint64_t i, j, start, end = load32(view.set_starts), member, previous
    cdef uint64_t segments = <uint64_t>view.segments_before + view.segments
    if end != 0:
        return damaged("the first set does not start at 0", view.set_starts - view.data)
    for i in range(view.sets):
        start = end
        end = load32(view.set_starts + 4 * (i + 1))
        if end < start or end > view.members:
            return damaged("a set reaches beyond its section", view.set_starts - view.data + 4 * (i + 1))
        if end - start > SEGMENTS_PER_VISITOR_MAX:
            return damaged("a set has more segments than a visitor may", view.set_starts - view.data + 4 * (i + 1))
        previous = 0
        for j in range(start, end):
            member = load16(view.member_ids + 2 * j)
            if member >= segments:
                return damaged("a segment id out of range", view.member_ids - view.data + 2 * j)
            if j != start and member <= previous:
                return damaged("the segments of a set are not in ascending order", view.member_ids - view.data + 2 * j)
            previous = member
    if end != view.members:
        return damaged("members beyond the last set", view.member_ids - view.data + 2 * end)
    return sound()


cdef Fault verify_columns(DeltaView* view) noexcept nogil:
    cdef uint32_t i, value
    cdef uint64_t row
    cdef DeltaColumn* column
    cdef Fault fault
    for i in range(view.columns):
        column = &view.column[i]
        for row in range(view.entries):
            value = load32(column.ids + 4 * row)
            if value > column.values.count:
                return damaged("the id of a column's value is out of range", column.ids - view.data + 4 * row)
            if value and load32(view.set_ids + 4 * row) == 0:
                return damaged("a tombstone has a value", column.ids - view.data + 4 * row)
        fault = values_verify(&column.values, view.data)
        if fault.kind != SOUND:
            return fault
    return sound()
