# The snapshot image, version 1: which set of segments each visitor has, and a value a column, by 64-bit unit key.
#
#   header    magic (8) · version (4) · required features (4) · length (8) · checksum (8)
#             epoch (4) · segments (4) · columns (4) · bucket bits (4) · visitors (8) · sets (8) · members (8)
#   table     one (offset, length, checksum), 8 bytes each, a section, in the order of `Section`
#   sections  each aligned to 8 bytes, one after the other, nothing between them but zero padding
#
# All numbers are little-endian. A section's checksum is its XXH64; the header's is that of the rest of the header and
# the table, so it speaks for the whole file. Texts are n + 1 starts (4 bytes each), then the texts one after the other.
#
# A visitor is a row. Unit keys are uniform, so their top `bucket bits` choose a bucket of a few rows:
#
#   key ──top bits──> DIRECTORY ──rows──> KEYS ──row──┬─> SETS ──set──> SET_STARTS ──> MEMBERS: segment ids, ascending
#                                                     └─> a column's ids ──id, 0 is none──> the column's values
#
# Rows are in order of key, sets in order of first appearance, segments, columns and values in their own order: the
# same members give the same bytes. `rulecore.snapshot` writes it, `_snapshot_verify` verifies it, `_snapshot` reads it;
# nobody else knows of it.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef enum:
    VERSION = 1
    KNOWN_FEATURES = 0
    HEADER_BYTES = 72
    SECTION_ENTRY_BYTES = 24
    CHECKSUMMED_FROM = 32        # what lies before is compared with what must stand there
    COLUMNS_ROOM = 64


cdef enum Section:
    SEGMENT_NAMES                # texts, ascending
    COLUMN_NAMES                 # type (4) and number of values (4) of each column, then texts, ascending
    DIRECTORY                    # 4 bytes: the first row of each bucket, and the number of rows
    KEYS                         # 8 bytes a row, ascending
    SETS                         # 4 bytes a row
    SET_STARTS                   # 4 bytes: the first member of each set, and the number of members
    MEMBERS                      # 2 bytes each: segment ids, ascending within a set
    FIRST_COLUMN                 # then two for each column: 4 bytes a row, and its distinct values, ascending


cdef struct ColumnView:
    uint32_t type                # ValueType: bool (1 byte), int (8), double (8; NaN last) or string (texts)
    uint32_t count
    const uint8_t* ids
    const uint8_t* values
    const uint8_t* text


cdef struct SnapshotView:
    const uint8_t* data
    uint64_t size
    uint64_t checksum
    uint32_t epoch
    uint32_t segments
    uint32_t columns
    uint32_t bucket_bits
    uint64_t visitors
    uint64_t sets
    uint64_t members
    const uint8_t* directory
    const uint8_t* keys
    const uint8_t* set_ids
    const uint8_t* set_starts
    const uint8_t* member_ids
    ColumnView column[COLUMNS_ROOM]


cdef inline uint16_t load16(const uint8_t* at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return value


cdef inline uint32_t load32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint64_t load64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline double load_real(const uint8_t* at) noexcept nogil:
    cdef double value
    memcpy(&value, at, 8)
    return value


cdef inline uint64_t bucket_of(const SnapshotView* view, uint64_t key) noexcept nogil:
    # In two shifts: one of 64 bits, when there is one bucket, C leaves undefined.
    return key >> 1 >> (63 - view.bucket_bits)
