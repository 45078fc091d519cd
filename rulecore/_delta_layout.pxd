# The delta image, version 1: the visitors who have changed since the image before, each with the whole new set of
# segments and the whole new values of columns, or with a tombstone: nobody knows this visitor any more.
#
#   header    magic (8) · version (4) · required features (4) · length (8) · checksum (8)
#             base (8) · follows (8) · stands for (8)
#             epoch (4) · first version (4) · last version (4) · segments before (4)
#             segments (4) · columns (4) · entries (4) · tombstones (4) · sets (4) · members (4)
#   table     one (offset, length, checksum), 8 bytes each, a section, in the order of `Section`
#   sections  each aligned to 8 bytes, one after the other, nothing between them but zero padding
#
# All numbers are little-endian. A section's checksum is its XXH64; the header's is that of the rest of the header and
# the table, so it speaks for the whole file. Texts are n + 1 starts (4 bytes each), then the texts one after the other.
#
# An entry is a row: its key, its set and, a column, its value. Rows are in order of key, sets in order of first
# appearance and each once, segments in order of id: the same changes give the same bytes.
#
#   KEYS ──row──┬─> SETS ──set, 0 is a tombstone──> SET_STARTS ──> MEMBERS: segment ids, ascending
#               └─> a column's ids ──id, 0 is none──> the column's values
#
# A chain. A delta names its base and what it follows, both by checksum, and counts versions from 1 after the base:
#
#   base 7c.. <──follows── version 1, 51.. <──follows── version 2, e0.. <──follows── version 3
#        ^─────────────────────── follows ── versions 1 to 2, stands for e0.. <─────────┘
#
# Several that follow one another can be made one, which stands for the last of them: what follows that one follows
# this one as well, so that compacting a chain never invalidates what was published after it.
#
# Segment ids go on where those of the images before end: `segments before` many there are, and this one appends its
# own names. Ids are never reused and names never taken away, so that a set means the same wherever it lies in the
# chain.
#
# Why whole keys. A snapshot holds fingerprints of f bits in place of keys, so one unknown visitor in 2^f is taken for a
# member. That is a small harm, bounded once, to somebody about whom nothing is known. In a delta the same mistake would
# fall upon known members: every member of the base is asked for in the deltas first, and who matched there by chance
# would get another visitor's new set in place of the own one, or be hidden by another one's tombstone. A chain of d
# such deltas is d chances of 2^-f for each member: with 64 deltas and 16 bits one member in a thousand, 10,000 of 10
# million, answered wrongly for as long as the chain lives. With whole 64-bit keys it is nobody: that two visitors share
# one is found when images are built. It costs little, for a chain holds at most half a million entries.
#
# `rulecore.delta` writes it, `_delta_verify` verifies it, `_delta` reads one, `_delta_table` makes a chain of them one
# table for lookups; nobody else knows of it.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._values cimport ValuesView


cdef enum:
    VERSION = 1
    KNOWN_FEATURES = 0
    HEADER_BYTES = 96
    CHECKSUMMED_FROM = 32        # what lies before is compared with what must stand there
    COLUMNS_ROOM = 64


cdef enum Section:
    SEGMENT_NAMES                # texts, by id: those that are appended
    COLUMN_NAMES                 # type (4) and number of values (4) of each column, then texts, ascending
    KEYS                         # 8 bytes a row, ascending
    SETS                         # 4 bytes a row: 0 for a tombstone, else 1 + its set
    SET_STARTS                   # 4 bytes: the first member of each set, and the number of members
    MEMBERS                      # 2 bytes each: segment ids, ascending within a set
    FIRST_COLUMN                 # then two for each column: 4 bytes a row, none for a tombstone; its distinct values


cdef struct DeltaColumn:
    uint32_t type                # its number, see `_values`
    uint32_t count               # of its values
    const uint8_t* ids
    ValuesView values


cdef struct DeltaView:
    const uint8_t* data
    uint64_t size
    uint64_t checksum
    uint64_t base
    uint64_t follows
    uint64_t stands_for          # 0: for itself alone
    uint32_t epoch
    uint32_t first_version
    uint32_t version
    uint32_t segments_before
    uint32_t segments
    uint32_t columns
    uint32_t entries
    uint32_t tombstones
    uint32_t sets
    uint32_t members
    const uint8_t* keys
    const uint8_t* set_ids
    const uint8_t* set_starts
    const uint8_t* member_ids
    DeltaColumn column[COLUMNS_ROOM]
