# The snapshot image, version 2: which set of segments each visitor has, and a value a column, by 64-bit unit key.
#
#   header    magic (8) · version (4) · required features (4) · length (8) · checksum (8)
#             epoch (4) · segments (4) · columns (4) · fingerprint bits (4) · visitors (8) · sets (8)
#   table     one (offset, length, checksum), 8 bytes each, a section, in the order of `Section`
#   sections  each aligned to 8 bytes, one after the other, nothing between them but zero padding
#
# All numbers are little-endian. A section's checksum is its XXH64; the header's is that of the rest of the header and
# the table, so it speaks for the whole file. Texts are n + 1 starts (4 bytes each), then the texts one after the other.
#
# No key is stored. A retrieval structure gives a number for a key that it was built on, and for any other key nothing,
# or with a chance of 2^-(fingerprint bits) something:
#
#   key ──SETS──> set id ──SET_RECORDS──> segment ids
#   key ──a column's numbers──> number of its value ──> the value, or none
#
# Sets and values are numbered from the most frequent to the least, so that frequent ones have short codes. Where the
# bytes of the two structures lie is drawn in `_retrieval` and `_records`. The same members give the same bytes.
# `rulecore.snapshot` writes it, `_snapshot` reads it, `_snapshot_verify` reads all of it; nobody else knows of it.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._records cimport Records
from rulecore._retrieval cimport Retrieval
from rulecore._values cimport ValuesView


cdef enum:
    VERSION = 2
    KNOWN_FEATURES = 0
    HEADER_BYTES = 64
    CHECKSUMMED_FROM = 32        # what lies before is compared with what must stand there
    COLUMN_ENTRY_BYTES = 16
    COLUMNS_ROOM = 64


cdef enum Section:
    SEGMENT_NAMES                # texts, ascending
    SEGMENT_SIZES                # 8 bytes: the visitors of each segment
    COLUMN_NAMES                 # of each column type, count of values, number of none, 0 (4 each); texts, ascending
    SET_RECORDS
    SETS
    FIRST_COLUMN                 # then two for each column: the retrieval of its numbers, and its distinct values


cdef struct ColumnView:
    uint32_t type                # its number, see `_values`
    uint32_t count               # of its values
    Retrieval numbers
    ValuesView values
    uint32_t none                # no value has a number above it; a number above it is that of the value before


cdef struct SnapshotView:
    const uint8_t* data
    uint64_t size
    uint64_t checksum
    uint32_t epoch
    uint32_t segments
    uint32_t columns
    uint32_t fingerprint_bits
    uint64_t visitors
    uint64_t set_count
    const uint8_t* sizes
    Records records
    Retrieval sets
    ColumnView column[COLUMNS_ROOM]
