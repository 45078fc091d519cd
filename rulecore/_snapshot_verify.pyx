"""Verifies snapshot images, without the GIL and without an object a row.

`open_image` reads what is small: the header, the table of sections, the names, and the heads of what lookups follow.
After it lookups are safe, whatever else the image holds. `verify_image` reads all of it: checksums tell damage, and
because anybody can make a checksum fit, each set and each value is looked at as well.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from rulecore._hash cimport xxh64
from rulecore._machine cimport load32, load64
from rulecore._records cimport records_open, records_verify
from rulecore._retrieval cimport FINGERPRINT_BITS_MAX, retrieval_open, retrieval_verify
from rulecore._section_checks cimport (
    check_section, damaged, Fault, fault_of, FEATURE, NEWER, SECTION_ENTRY_BYTES, SOUND, sound, verify_names,
)
from rulecore._snapshot_layout cimport (
    CHECKSUMMED_FROM, COLUMN_ENTRY_BYTES, COLUMN_NAMES, COLUMNS_ROOM, ColumnView, FIRST_COLUMN, HEADER_BYTES,
    KNOWN_FEATURES, SEGMENT_NAMES, SEGMENT_SIZES, SET_RECORDS, SETS, SnapshotView, VERSION,
)
from rulecore._values cimport values_open, values_verify

from rulecore.limits import LIMITS

cdef const uint8_t* MAGIC = b"EWSNAP\r\n"
cdef uint64_t SIZE_MAX = LIMITS.snapshot_bytes_max
cdef uint64_t SEGMENTS_MAX = LIMITS.segments_max
cdef uint64_t COLUMNS_MAX = LIMITS.columns_max
cdef uint64_t ROWS_MAX = 0xFFFFFFFFU

if COLUMNS_MAX > COLUMNS_ROOM:
    raise ImportError("SnapshotView has too little room for LIMITS.columns_max columns")


cdef inline Fault damaged_if(const char* what, uint64_t at) noexcept nogil:
    return sound() if what == NULL else damaged(what, at)


# Opening: each step may rely on what the steps before it found sound.

cdef Fault open_image(SnapshotView* view) noexcept nogil:
    cdef Fault fault = read_header(view)
    if fault.kind == SOUND:
        fault = read_sections(view)
    return fault


cdef Fault read_header(SnapshotView* view) noexcept nogil:
    cdef const uint8_t* data = view.data
    cdef uint64_t table_end
    if view.size < HEADER_BYTES:
        return damaged("too short to be a snapshot image", view.size)
    if memcmp(data, MAGIC, 8) != 0:
        return damaged("not a snapshot image: its first bytes are not those of one", 0)
    if load32(data + 8) > VERSION:
        return fault_of(NEWER, "written by a newer Edgewise: its format version is newer than 2", 8)
    if load32(data + 8) != VERSION:
        return damaged("written by an older Edgewise: its format version is not 2; build it again", 8)
    if load32(data + 12) & ~<uint32_t>KNOWN_FEATURES:
        return fault_of(FEATURE, "requires a feature that this reader does not have", 12)
    if load64(data + 16) != view.size:
        return damaged("truncated or extended: its length is not the one in its header", 16)
    if view.size > SIZE_MAX:
        return damaged("larger than a snapshot image may be", 16)
    view.checksum = load64(data + 24)
    view.epoch = load32(data + 32)
    view.segments = load32(data + 36)
    view.columns = load32(data + 40)
    view.fingerprint_bits = load32(data + 44)
    view.visitors = load64(data + 48)
    view.set_count = load64(data + 56)
    if view.columns > COLUMNS_MAX:
        return damaged("more columns than a snapshot may have", 40)
    table_end = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>(FIRST_COLUMN + 2 * view.columns)
    if table_end > view.size:
        return damaged("too short for its table of sections", view.size)
    if xxh64(data + CHECKSUMMED_FROM, table_end - CHECKSUMMED_FROM, 0) != view.checksum:
        return damaged("damaged: the checksum of its header does not match", 24)
    if view.segments > SEGMENTS_MAX:
        return damaged("more segments than a snapshot may have", 36)
    if view.fingerprint_bits > FINGERPRINT_BITS_MAX:
        return damaged("fingerprints of more bits than a snapshot may have", 44)
    if view.visitors > ROWS_MAX:
        return damaged("more visitors than a snapshot may have", 48)
    if view.set_count > view.visitors:
        return damaged("more sets than visitors", 56)
    if view.visitors and not view.set_count:
        return damaged("visitors, but no sets for them", 56)
    return sound()


cdef Fault read_sections(SnapshotView* view) noexcept nogil:
    cdef uint64_t end = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>(FIRST_COLUMN + 2 * view.columns)
    cdef uint64_t entry = HEADER_BYTES, start
    cdef uint32_t section
    cdef Fault fault
    for section in range(<uint32_t>FIRST_COLUMN + 2 * view.columns):
        fault = check_section(view.data, view.size, entry, False, &end)
        if fault.kind == SOUND:
            start = load64(view.data + entry)
            fault = take_section(view, section, view.data + start, end - start)
        if fault.kind != SOUND:
            return fault
        entry += SECTION_ENTRY_BYTES
    if end != view.size:
        return damaged("bytes beyond the last section", end)
    return sound()


cdef Fault take_section(SnapshotView* view, uint32_t section, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t at = data - view.data
    cdef const char* what = NULL
    cdef ColumnView* column
    if section == SEGMENT_NAMES:
        return verify_names(view.data, data, size, view.segments, True)
    if section == COLUMN_NAMES:
        return take_columns(view, data, size)
    if section == SEGMENT_SIZES:
        view.sizes = data
        if size != 8 * <uint64_t>view.segments:
            what = "the sizes of segments are not as many as the segments"
    elif section == SET_RECORDS:
        what = records_open(&view.records, data, size)
        if what == NULL and (view.records.sets != view.set_count or view.records.segments != view.segments):
            what = "the records hold other sets or segments than the header says"
    elif section == SETS:
        what = retrieval_open(&view.sets, data, size)
        if what == NULL and (view.sets.symbols != max(view.set_count, 1) or view.sets.keys != view.visitors):
            what = "the set ids are of other sets or visitors than the header says"
        elif what == NULL and view.sets.fingerprint_bits != view.fingerprint_bits:
            what = "the set ids have other fingerprints than the header says"
    else:
        column = &view.column[(section - FIRST_COLUMN) // 2]
        if (section - FIRST_COLUMN) % 2 == 0:
            what = retrieval_open(&column.numbers, data, size)
            if what == NULL and (column.numbers.keys != view.visitors or column.numbers.fingerprint_bits != 0):
                what = "the numbers of a column are not those of the visitors"
            elif what == NULL and column.numbers.symbols > <uint64_t>column.count + 1:
                what = "the numbers of a column are more than its values"
        else:
            return values_open(&column.values, view.data, data, size, column.type, column.count)
    return damaged_if(what, at)


cdef Fault take_columns(SnapshotView* view, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t head = COLUMN_ENTRY_BYTES * <uint64_t>view.columns
    cdef uint32_t i
    cdef const uint8_t* entry
    if size < head:
        return damaged("the section of columns is too short", data - view.data)
    for i in range(view.columns):
        entry = data + COLUMN_ENTRY_BYTES * i
        view.column[i].type = load32(entry)
        view.column[i].count = load32(entry + 4)
        view.column[i].none = load32(entry + 8)
        if view.column[i].none > view.column[i].count or load32(entry + 12) != 0:
            return damaged("a column whose number for none is out of range", entry - view.data + 8)
    return verify_names(view.data, data + head, size - head, view.columns, True)


# Reading all of it, once it is open.

cdef Fault verify_image(const SnapshotView* view) noexcept nogil:
    cdef uint32_t section, i
    cdef const uint8_t* entry
    cdef uint64_t at = 0
    cdef const char* what
    cdef Fault fault
    for section in range(<uint32_t>FIRST_COLUMN + 2 * view.columns):
        entry = view.data + HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>section
        if xxh64(view.data + load64(entry), load64(entry + 8), 0) != load64(entry + 16):
            return damaged("damaged: the checksum of the section that begins here does not match", load64(entry))
    for i in range(view.segments):
        if load64(view.sizes + 8 * <uint64_t>i) > view.visitors:
            return damaged("a segment of more visitors than there are", view.sizes - view.data + 8 * <uint64_t>i)
    # In two steps each: which argument of a call C makes first is its own choice.
    what = records_verify(&view.records, &at)
    fault = damaged_if(what, section_at(view, SET_RECORDS) + at)
    if fault.kind == SOUND:
        what = retrieval_verify(&view.sets, &at)
        fault = damaged_if(what, section_at(view, SETS) + at)
    for i in range(view.columns):
        if fault.kind == SOUND:
            what = retrieval_verify(&view.column[i].numbers, &at)
            fault = damaged_if(what, section_at(view, FIRST_COLUMN + 2 * i) + at)
        if fault.kind == SOUND:
            fault = values_verify(&view.column[i].values, view.data)
    return fault


cdef inline uint64_t section_at(const SnapshotView* view, uint32_t section) noexcept nogil:
    return load64(view.data + HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>section)
