"""Visitors' rows in partitions by unit key, so that more of them than fit into memory can be put in order.

    rows in any order ──partition_records──> records, spooled ──gather_visitors, a partition──> visitors in order of key

A record is a unit key, a pseudonym, the number of segments and their numbers: 8, 16, 2 and 2 bytes each, unaligned.
Unit keys are uniform, so partitions are of one size, and counting by the next bits of the key all but sorts one.
Where records lie until they are gathered is for `central.segments` to say, what becomes of the visitors for
`_grouping`. Nothing here holds the GIL for long.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport UINT16_MAX, UINT32_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load16, load32, load64

from rulecore.errors import LimitError, UnitKeyCollisionError
from rulecore.limits import LIMITS


cdef enum:
    PSEUDONYM = 16                         # bytes
    HEAD = 26                              # bytes of a record before its segments
    BITS_MAX = 16
    FEW = 48                               # up to so many are sorted by insertion

RECORD_HEAD_BYTES = HEAD

cdef uint64_t WORDS = 1024                # of 64 bits: one for each number of a segment
cdef uint64_t SEGMENTS_MAX = LIMITS.segments_per_visitor_max


cdef enum Fault:
    SOUND, DAMAGED, COLLISION, SEGMENTS, MEMORY


cdef struct Entry:                         # a record to be sorted: its key, and where it lies
    uint64_t key
    uint64_t at


cdef struct Gathered:
    uint8_t* keys
    uint8_t* pseudonyms
    uint8_t* starts
    uint8_t* segments
    uint64_t visitors
    uint64_t members
    uint64_t fault_key


cdef inline uint64_t leading(uint64_t key, uint32_t bits) noexcept nogil:
    # The first bits of a key, also when there are none.
    return key >> 1 >> (63 - bits)


# Partitioning

def partition_records(keys, pseudonyms, starts, segments, uint32_t bits):
    cdef BufferView key_view = BufferView(keys), pseudonym_view = BufferView(pseudonyms)
    cdef BufferView segment_view = BufferView(segments), start_view = None
    cdef uint64_t rows = key_view.size // 8, members = segment_view.size // 2, partitions
    cdef const uint8_t* start_data = NULL
    cdef uint64_t* ends
    cdef uint8_t* out
    if bits > BITS_MAX:
        raise ValueError(f"at most {BITS_MAX} bits of a key make a partition, not {bits}")
    if key_view.size != 8 * rows or pseudonym_view.size != PSEUDONYM * rows or segment_view.size != 2 * members:
        raise ValueError("keys, pseudonyms and segments are not of whole rows")
    if starts is not None:
        start_view = BufferView(starts)
        start_data = start_view.data
        if start_view.size != 4 * (rows + 1) or not starts_fit(start_data, rows, members):
            raise ValueError("the starts of the rows' segments are not ascending, or a row has more than 65,535")
        members = load32(start_data + 4 * rows) - load32(start_data)
    elif members != rows:
        raise ValueError(f"{members} segments are not one for each of {rows} rows")
    partitions = <uint64_t>1 << bits
    ends = <uint64_t*>calloc(partitions + 1, 8)
    if ends == NULL:
        raise MemoryError
    try:
        records = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(HEAD * rows + 2 * members))
        out = <uint8_t*>PyBytes_AS_STRING(records)
        with nogil:
            scatter(key_view.data, pseudonym_view.data, start_data, segment_view.data, rows, bits, ends, out)
        return records, [0] + [ends[i] for i in range(partitions)]
    finally:
        free(ends)


cdef bint starts_fit(const uint8_t* starts, uint64_t rows, uint64_t members) noexcept nogil:
    cdef uint64_t row
    cdef uint32_t start, end = load32(starts)
    for row in range(rows):
        start = end
        end = load32(starts + 4 * (row + 1))
        if end < start or end - start > UINT16_MAX:
            return False
    return end <= members


cdef void scatter(
    const uint8_t* keys, const uint8_t* pseudonyms, const uint8_t* starts, const uint8_t* segments, uint64_t rows,
    uint32_t bits, uint64_t* ends, uint8_t* out,
) noexcept nogil:
    # ends[i] counts the bytes of partition i, then is where it begins, and at last where it ends.
    cdef uint64_t row, key, first, total = 0, size
    cdef uint32_t partition, partitions = <uint32_t>1 << bits
    cdef uint16_t count = 1
    cdef uint8_t* at
    for row in range(rows):
        if starts != NULL:
            count = <uint16_t>(load32(starts + 4 * (row + 1)) - load32(starts + 4 * row))
        ends[leading(load64(keys + 8 * row), bits)] += HEAD + 2 * <uint64_t>count
    for partition in range(partitions):
        size = ends[partition]
        ends[partition] = total
        total += size
    for row in range(rows):
        key = load64(keys + 8 * row)
        first = row
        if starts != NULL:
            first = load32(starts + 4 * row)
            count = <uint16_t>(load32(starts + 4 * (row + 1)) - first)
        at = out + ends[leading(key, bits)]
        memcpy(at, &key, 8)
        memcpy(at + 8, pseudonyms + PSEUDONYM * row, PSEUDONYM)
        memcpy(at + 8 + PSEUDONYM, &count, 2)
        memcpy(at + HEAD, segments + 2 * first, 2 * <size_t>count)
        ends[leading(key, bits)] += HEAD + 2 * <uint64_t>count


# Gathering

def gather_visitors(records, uint32_t bits, segment_ids):
    cdef BufferView view = BufferView(records), id_view = BufferView(segment_ids)
    cdef Entry* entries = NULL
    cdef Gathered out
    cdef Fault fault
    cdef uint64_t count, members
    if bits > BITS_MAX:
        raise ValueError(f"at most {BITS_MAX} bits of a key make a partition, not {bits}")
    with nogil:
        fault = measure(view.data, view.size, id_view.size // 2, &count, &members)
    if fault != SOUND or count >= UINT32_MAX or members >= UINT32_MAX:
        raise ValueError("the records of a partition are not sound")
    out.visitors = out.members = out.fault_key = 0
    out.keys = <uint8_t*>malloc(8 * count + 1)
    out.pseudonyms = <uint8_t*>malloc(PSEUDONYM * count + 1)
    out.starts = <uint8_t*>malloc(4 * (count + 1))
    out.segments = <uint8_t*>malloc(2 * members + 1)
    entries = <Entry*>malloc(sizeof(Entry) * count + 1)
    try:
        if not out.keys or not out.pseudonyms or not out.starts or not out.segments or not entries:
            raise MemoryError
        with nogil:
            fault = sort_records(view.data, view.size, count, bits, entries)
            if fault == SOUND:
                fault = gather(view.data, entries, count, id_view.data, &out)
        if fault == COLLISION:
            raise UnitKeyCollisionError(out.fault_key)
        if fault == SEGMENTS:
            raise LimitError(f"the visitor with unit key {out.fault_key:016x} is in more than {SEGMENTS_MAX} segments")
        if fault == MEMORY:
            raise MemoryError
        return (
            out.keys[:8 * out.visitors],
            out.pseudonyms[:PSEUDONYM * out.visitors],
            out.starts[:4 * (out.visitors + 1)],
            out.segments[:2 * out.members],
        )
    finally:
        free(out.keys)
        free(out.pseudonyms)
        free(out.starts)
        free(out.segments)
        free(entries)


cdef Fault measure(
    const uint8_t* records, uint64_t size, uint64_t ids, uint64_t* count, uint64_t* members
) noexcept nogil:
    # Counts records and their segments, and checks that they fill the bytes and have ids.
    cdef uint64_t at = 0, i
    cdef uint16_t segments
    count[0] = members[0] = 0
    while at < size:
        if size - at < HEAD:
            return DAMAGED
        segments = load16(records + at + 8 + PSEUDONYM)
        if size - at - HEAD < 2 * <uint64_t>segments:
            return DAMAGED
        at += HEAD
        for i in range(segments):
            if load16(records + at + 2 * i) >= ids:
                return DAMAGED
        at += 2 * <uint64_t>segments
        count[0] += 1
        members[0] += segments
    return SOUND


cdef Fault sort_records(
    const uint8_t* records, uint64_t size, uint64_t count, uint32_t bits, Entry* entries
) noexcept nogil:
    # Entries in order of key: counted into buckets by the bits after the partition's, then each bucket by itself.
    cdef uint32_t bucket_bits = 0
    cdef uint64_t at = 0, bucket, buckets, start = 0, total = 0, records_here
    cdef uint64_t* ends
    cdef Entry entry
    while bucket_bits < 30 and (<uint64_t>4 << bucket_bits) < count:
        bucket_bits += 1
    buckets = <uint64_t>1 << bucket_bits
    ends = <uint64_t*>calloc(buckets, 8)
    if ends == NULL:
        return MEMORY
    while at < size:
        ends[leading(load64(records + at) << bits, bucket_bits)] += 1
        at += HEAD + 2 * <uint64_t>load16(records + at + 8 + PSEUDONYM)
    for bucket in range(buckets):
        records_here = ends[bucket]
        ends[bucket] = total
        total += records_here
    at = 0
    while at < size:
        entry.key = load64(records + at)
        entry.at = at
        bucket = leading(entry.key << bits, bucket_bits)
        entries[ends[bucket]] = entry
        ends[bucket] += 1
        at += HEAD + 2 * <uint64_t>load16(records + at + 8 + PSEUDONYM)
    for bucket in range(buckets):
        sort_entries(entries + start, ends[bucket] - start)
        start = ends[bucket]
    free(ends)
    return SOUND


cdef void sort_entries(Entry* entries, uint64_t count) noexcept nogil:
    cdef uint64_t i, j
    cdef Entry moved
    if count > FEW:
        qsort(entries, count, sizeof(Entry), by_key)
        return
    for i in range(1, count):
        moved = entries[i]
        j = i
        while j and entries[j - 1].key > moved.key:
            entries[j] = entries[j - 1]
            j -= 1
        entries[j] = moved


cdef int by_key(const void* one, const void* other) noexcept nogil:
    cdef uint64_t a = (<const Entry*>one).key, b = (<const Entry*>other).key
    return (a > b) - (a < b)


cdef Fault gather(
    const uint8_t* records, const Entry* entries, uint64_t count, const uint8_t* ids, Gathered* out
) noexcept nogil:
    # The records of each key become one visitor.
    cdef uint64_t first = 0, behind, members
    cdef uint32_t start = 0
    cdef uint64_t* seen = <uint64_t*>calloc(WORDS, 8)
    if seen == NULL:
        return MEMORY
    memcpy(out.starts, &start, 4)
    while first < count:
        out.fault_key = entries[first].key
        behind = first + 1
        members = load16(records + entries[first].at + 8 + PSEUDONYM)
        while behind < count and entries[behind].key == entries[first].key:
            if memcmp(records + entries[behind].at + 8, records + entries[first].at + 8, PSEUDONYM) != 0:
                free(seen)
                return COLLISION
            members += load16(records + entries[behind].at + 8 + PSEUDONYM)
            behind += 1
        if members <= FEW:
            members = few_segments(records, entries + first, behind - first, ids, out.segments + 2 * out.members)
        else:
            members = many_segments(
                records, entries + first, behind - first, ids, seen, out.segments + 2 * out.members
            )
        if members > SEGMENTS_MAX:
            free(seen)
            return SEGMENTS
        memcpy(out.keys + 8 * out.visitors, &entries[first].key, 8)
        memcpy(out.pseudonyms + PSEUDONYM * out.visitors, records + entries[first].at + 8, PSEUDONYM)
        out.visitors += 1
        out.members += members
        start = <uint32_t>out.members
        memcpy(out.starts + 4 * out.visitors, &start, 4)
        first = behind
    free(seen)
    return SOUND


cdef uint64_t few_segments(
    const uint8_t* records, const Entry* entries, uint64_t count, const uint8_t* ids, uint8_t* out
) noexcept nogil:
    # Sorted by insertion, each once; gives how many.
    cdef uint16_t sorted_ids[FEW]
    cdef uint64_t record, i, at, size = 0
    cdef uint16_t segment
    cdef const uint8_t* segments
    for record in range(count):
        segments = records + entries[record].at + HEAD
        for i in range(load16(segments - 2)):
            segment = load16(ids + 2 * <uint64_t>load16(segments + 2 * i))
            at = size
            while at and sorted_ids[at - 1] > segment:
                at -= 1
            if at and sorted_ids[at - 1] == segment:
                continue
            insert(sorted_ids, at, size, segment)
            size += 1
    memcpy(out, sorted_ids, 2 * size)
    return size


cdef inline void insert(uint16_t* numbers, uint64_t at, uint64_t size, uint16_t number) noexcept nogil:
    cdef uint64_t i = size
    while i > at:
        numbers[i] = numbers[i - 1]
        i -= 1
    numbers[at] = number


cdef uint64_t many_segments(
    const uint8_t* records, const Entry* entries, uint64_t count, const uint8_t* ids, uint64_t* seen, uint8_t* out
) noexcept nogil:
    # Through a bit for each id, which are all zero before and after; gives how many.
    cdef uint64_t record, i, word, bits, size = 0
    cdef uint16_t segment
    cdef const uint8_t* segments
    for record in range(count):
        segments = records + entries[record].at + HEAD
        for i in range(load16(segments - 2)):
            segment = load16(ids + 2 * <uint64_t>load16(segments + 2 * i))
            seen[segment >> 6] |= <uint64_t>1 << (segment & 63)
    for word in range(WORDS):
        bits = seen[word]
        seen[word] = 0
        i = 0
        while bits:
            if bits & 1:
                segment = <uint16_t>(64 * word + i)
                memcpy(out + 2 * size, &segment, 2)
                size += 1
            bits >>= 1
            i += 1
    return size
