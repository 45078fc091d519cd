"""Verifies snapshot images, whole, without the GIL and without an object a row.

Checksums are compared first; then, because memory safety must not rest on a checksum that anybody can make to fit,
every offset, order and range is. `_snapshot` follows what it reads without checking it again.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from rulecore._context cimport T_BOOL, T_DOUBLE, T_INT, T_STRING
from rulecore._hash cimport xxh64
from rulecore._snapshot_layout cimport (
    bucket_of, CHECKSUMMED_FROM, COLUMN_NAMES, COLUMNS_ROOM, ColumnView, DIRECTORY, FIRST_COLUMN, HEADER_BYTES, KEYS,
    KNOWN_FEATURES, load16, load32, load64, load_real, MEMBERS, SECTION_ENTRY_BYTES, SEGMENT_NAMES, SET_STARTS, SETS,
    SnapshotView, VERSION,
)
from rulecore._text cimport text_valid_utf8

from rulecore.limits import LIMITS

cdef const uint8_t* MAGIC = b"EWSNAP\r\n"
cdef uint64_t SIZE_MAX = LIMITS.snapshot_bytes_max
cdef uint64_t SEGMENTS_MAX = LIMITS.segments_max
cdef uint64_t SEGMENTS_PER_VISITOR_MAX = LIMITS.segments_per_visitor_max
cdef uint64_t COLUMNS_MAX = LIMITS.columns_max
cdef uint64_t STRING_BYTES_MAX = LIMITS.string_bytes_max
cdef uint64_t NAME_BYTES_MAX = 64
cdef uint64_t ROWS_MAX = 0xFFFFFFFFU

if COLUMNS_MAX > COLUMNS_ROOM:
    raise ImportError("SnapshotView has too little room for LIMITS.columns_max columns")


cdef inline Fault sound() noexcept nogil:
    cdef Fault fault
    fault.kind = SOUND
    fault.what = NULL
    fault.at = 0
    return fault


cdef inline Fault damaged(const char* what, uint64_t at) noexcept nogil:
    cdef Fault fault
    fault.kind = DAMAGED
    fault.what = what
    fault.at = at
    return fault


# Each step may rely on what the steps before it found sound.

cdef Fault verify(SnapshotView* view) noexcept nogil:
    cdef Fault fault = read_header(view)
    if fault.kind == SOUND:
        fault = read_sections(view)
    if fault.kind == SOUND:
        fault = verify_rows(view)
    if fault.kind == SOUND:
        fault = verify_sets(view)
    if fault.kind == SOUND:
        fault = verify_columns(view)
    return fault


cdef Fault read_header(SnapshotView* view) noexcept nogil:
    cdef const uint8_t* data = view.data
    cdef Fault fault
    cdef uint64_t table_end
    if view.size < HEADER_BYTES:
        return damaged("too short to be a snapshot image", view.size)
    if memcmp(data, MAGIC, 8) != 0:
        return damaged("not a snapshot image: its first bytes are not those of one", 0)
    if load32(data + 8) != VERSION:
        fault = damaged("no format has this version", 8)
        if load32(data + 8) > VERSION:
            fault.kind = NEWER
            fault.what = "written by a newer Edgewise: its format version is newer than 1"
        return fault
    if load32(data + 12) & ~<uint32_t>KNOWN_FEATURES:
        fault = damaged("requires a feature that this reader does not have", 12)
        fault.kind = FEATURE
        return fault
    if load64(data + 16) != view.size:
        return damaged("truncated or extended: its length is not the one in its header", 16)
    if view.size > SIZE_MAX:
        return damaged("larger than a snapshot image may be", 16)
    view.checksum = load64(data + 24)
    view.epoch = load32(data + 32)
    view.segments = load32(data + 36)
    view.columns = load32(data + 40)
    view.bucket_bits = load32(data + 44)
    view.visitors = load64(data + 48)
    view.sets = load64(data + 56)
    view.members = load64(data + 64)
    if view.columns > COLUMNS_MAX:
        return damaged("more columns than a snapshot may have", 40)
    table_end = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>(FIRST_COLUMN + 2 * view.columns)
    if table_end > view.size:
        return damaged("too short for its table of sections", view.size)
    if xxh64(data + CHECKSUMMED_FROM, table_end - CHECKSUMMED_FROM, 0) != view.checksum:
        return damaged("damaged: the checksum of its header does not match", 24)
    if view.segments > SEGMENTS_MAX:
        return damaged("more segments than a snapshot may have", 36)
    if view.bucket_bits > 31:
        return damaged("more buckets than a snapshot may have", 44)
    if view.visitors > ROWS_MAX:
        return damaged("more visitors than a snapshot may have", 48)
    if view.sets > view.visitors:
        return damaged("more sets than visitors", 56)
    if view.members > ROWS_MAX:
        return damaged("more members of sets than a snapshot may have", 64)
    return sound()


cdef Fault read_sections(SnapshotView* view) noexcept nogil:
    cdef uint64_t at = HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>(FIRST_COLUMN + 2 * view.columns)
    cdef uint64_t start, size, i
    cdef uint32_t section, column
    cdef const uint8_t* entry
    cdef Fault fault
    for section in range(<uint32_t>FIRST_COLUMN + 2 * view.columns):
        entry = view.data + HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>section
        start = load64(entry)
        size = load64(entry + 8)
        if start != (at + 7) // 8 * 8 or start > view.size:
            return damaged("a section does not begin where the one before it ends", entry - view.data)
        if size > view.size - start:
            return damaged("a section reaches beyond the end", entry - view.data + 8)
        for i in range(at, start):
            if view.data[i] != 0:
                return damaged("the padding between two sections is not zero", i)
        if xxh64(view.data + start, size, 0) != load64(entry + 16):
            return damaged("damaged: the checksum of the section that begins here does not match", start)
        at = start + size
        fault = take_section(view, section, view.data + start, size)
        if fault.kind != SOUND:
            return fault
    if at != view.size:
        return damaged("bytes beyond the last section", at)
    for column in range(view.columns):
        if view.column[column].type == T_STRING:
            view.column[column].text = view.column[column].values + 4 * (<uint64_t>view.column[column].count + 1)
    return sound()


cdef Fault take_section(SnapshotView* view, uint32_t section, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t expected = size
    cdef ColumnView* column
    if section == SEGMENT_NAMES:
        return verify_names(view, data, size, view.segments)
    if section == COLUMN_NAMES:
        return take_columns(view, data, size)
    if section == DIRECTORY:
        view.directory = data
        expected = 4 * ((<uint64_t>1 << view.bucket_bits) + 1)
    elif section == KEYS:
        view.keys = data
        expected = 8 * view.visitors
    elif section == SETS:
        view.set_ids = data
        expected = 4 * view.visitors
    elif section == SET_STARTS:
        view.set_starts = data
        expected = 4 * (view.sets + 1)
    elif section == MEMBERS:
        view.member_ids = data
        expected = 2 * view.members
    else:
        column = &view.column[(section - FIRST_COLUMN) // 2]
        if (section - FIRST_COLUMN) % 2 == 0:
            column.ids = data
            expected = 4 * view.visitors
        else:
            column.values = data
            if column.type == T_BOOL:
                expected = column.count
            elif column.type == T_STRING:
                return verify_texts(view, data, size, column.count, STRING_BYTES_MAX)
            else:
                expected = 8 * <uint64_t>column.count
    if size != expected:
        return damaged("the section that begins here has another length than its header implies", data - view.data)
    return sound()


cdef Fault take_columns(SnapshotView* view, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint32_t column
    if size < 8 * <uint64_t>view.columns:
        return damaged("the section of columns is too short", data - view.data)
    for column in range(view.columns):
        view.column[column].type = load32(data + 8 * column)
        view.column[column].count = load32(data + 8 * column + 4)
        if view.column[column].type > T_STRING:
            return damaged("a column of an unknown type", data - view.data + 8 * column)
    return verify_names(view, data + 8 * view.columns, size - 8 * <uint64_t>view.columns, view.columns)


cdef Fault verify_texts(
    SnapshotView* view, const uint8_t* data, uint64_t size, uint64_t count, uint64_t bytes_max
) noexcept nogil:
    # Bounds, valid UTF-8, strictly ascending.
    cdef uint64_t at = data - view.data, i, start, end, previous = 0
    cdef const uint8_t* text
    if count > ROWS_MAX - 1 or size < 4 * (count + 1):
        return damaged("a section of texts is too short", at)
    text = data + 4 * (count + 1)
    end = load32(data)
    if end != 0:
        return damaged("the first text does not start at 0", at)
    for i in range(count):
        start = end
        end = load32(data + 4 * (i + 1))
        if end < start or end > size - 4 * (count + 1):
            return damaged("a text reaches beyond its section", at + 4 * (i + 1))
        if end - start > bytes_max:
            return damaged("a text is longer than it may be", at + 4 * (i + 1))
        if not text_valid_utf8(<const char*>text + start, end - start):
            return damaged("a text is not valid UTF-8", text + start - view.data)
        if i and compare(text + previous, start - previous, text + start, end - start) >= 0:
            return damaged("texts are not in ascending order", text + start - view.data)
        previous = start
    if end != size - 4 * (count + 1):
        return damaged("bytes beyond the last text", text + end - view.data)
    return sound()


cdef inline int compare(const uint8_t* a, uint64_t a_size, const uint8_t* b, uint64_t b_size) noexcept nogil:
    cdef int order = memcmp(a, b, min(a_size, b_size))
    if order:
        return order
    return <int>(a_size > b_size) - <int>(a_size < b_size)


cdef Fault verify_names(SnapshotView* view, const uint8_t* data, uint64_t size, uint64_t count) noexcept nogil:
    cdef Fault fault = verify_texts(view, data, size, count, NAME_BYTES_MAX)
    cdef uint64_t i
    if fault.kind == SOUND:
        for i in range(count):
            if load32(data + 4 * i) == load32(data + 4 * (i + 1)):
                return damaged("a name is empty", data - view.data + 4 * i)
    return fault


cdef Fault verify_rows(SnapshotView* view) noexcept nogil:
    # Rows in order of key, and each in the bucket of its key's top bits.
    cdef uint64_t bucket, row = 0, start, end, key, previous = 0
    cdef uint64_t sets_seen = 0, set_id
    for bucket in range(<uint64_t>1 << view.bucket_bits):
        start = load32(view.directory + 4 * bucket)
        end = load32(view.directory + 4 * (bucket + 1))
        if start != row or end < start or end > view.visitors:
            return damaged("buckets do not follow one another", view.directory - view.data + 4 * bucket)
        for row in range(start, end):
            key = load64(view.keys + 8 * row)
            if bucket_of(view, key) != bucket:
                return damaged("a unit key is in another bucket than its own", view.keys - view.data + 8 * row)
            if row and key <= previous:
                return damaged("unit keys are not in ascending order", view.keys - view.data + 8 * row)
            previous = key
        row = end
    if row != view.visitors:
        return damaged("buckets do not hold every visitor", view.directory - view.data)
    for row in range(view.visitors):
        set_id = load32(view.set_ids + 4 * row)
        if set_id > sets_seen or set_id >= view.sets:
            return damaged("a visitor's set is out of range or out of order", view.set_ids - view.data + 4 * row)
        sets_seen += set_id == sets_seen
    if sets_seen != view.sets:
        return damaged("a set that no visitor has", view.set_starts - view.data + 4 * sets_seen)
    return sound()


cdef Fault verify_sets(SnapshotView* view) noexcept nogil:
    cdef uint64_t i, j, start, end = load32(view.set_starts), member, previous
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
            if member >= view.segments:
                return damaged("a segment id out of range", view.member_ids - view.data + 2 * j)
            if j != start and member <= previous:
                return damaged("the segments of a set are not in ascending order", view.member_ids - view.data + 2 * j)
            previous = member
    if end != view.members:
        return damaged("members beyond the last set", view.member_ids - view.data + 2 * end)
    return sound()


cdef Fault verify_columns(SnapshotView* view) noexcept nogil:
    cdef uint32_t i
    cdef uint64_t row, k
    cdef ColumnView* column
    cdef const uint8_t* at
    cdef bint ascending
    for i in range(view.columns):
        column = &view.column[i]
        for row in range(view.visitors):
            if load32(column.ids + 4 * row) > column.count:
                return damaged("the id of a column's value is out of range", column.ids - view.data + 4 * row)
        for k in range(column.count):
            if column.type == T_BOOL:
                at = column.values + k
                ascending = at[0] <= 1 and (k == 0 or view.data[at - view.data - 1] < at[0])
            elif column.type == T_INT:
                at = column.values + 8 * k
                ascending = k == 0 or <int64_t>load64(at - 8) < <int64_t>load64(at)
            elif column.type == T_DOUBLE:
                at = column.values + 8 * k
                ascending = k == 0 or real_before(load_real(at - 8), load_real(at))
            else:
                break                      # texts: in their order already
            if not ascending:
                return damaged("the values of a column are not in ascending order", at - view.data)
    return sound()


cdef inline bint real_before(double a, double b) noexcept nogil:
    return a < b or (a == a and b != b)
