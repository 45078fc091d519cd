"""Writes retrievals. The form is drawn in `_retrieval.pxd`, why it is so is told in `_retrieval`.

A bucket is solved by itself, so buckets are shared out to threads in chunks, and the bytes are the same for any number
of threads. A group's system is tried with one seed after the other, then wider, until its rows are independent.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._buffer cimport BufferView
from rulecore._retrieval cimport (
    bucket_of, FINGERPRINT_BITS_MAX, FIRST_HEAD_BITS, FIRST_SEEDS, FIRST_WIDTH_MAX, GROUPS_MAX, load32, load64,
    NARROWER_MAX, NEXT_HEAD_BITS, NEXT_SEEDS, PADDING_BYTES, one_of, row_of, ROW_ONES, SPAN_BUCKETS, SPAN_BYTES,
    WIDER_MAX,
)

import os
import struct
from concurrent.futures import ThreadPoolExecutor

from rulecore.errors import LimitError

cdef enum:
    BUCKET_KEYS_MAX = 248        # so that there are a few widths to try
    ROW_WORDS = 5                # for FIRST_WIDTH_MAX + (GROUPS_MAX - 1) * WIDER_MAX bits
    ROOM = 320                   # rows and unknowns of a system, and 64 more than those to look through in whole words
    CHUNK_SPANS = 64
    DATA_BYTES_MAX = 0xFFFFFFFF
    WITHIN_MAX = 0xFFFF
    BUCKET_BITS = 4000           # a bucket is as large as this makes it, or
    BUCKET_KEYS = 180            # as this does, where a key has few bits


cdef struct Plan:
    const uint8_t* keys
    const uint8_t* symbols
    uint64_t count
    uint64_t buckets
    uint32_t fingerprint_bits
    uint32_t groups
    uint32_t bits[GROUPS_MAX]      # of an unknown
    uint32_t length[GROUPS_MAX]
    uint64_t first_code[GROUPS_MAX]
    uint64_t first_symbol[GROUPS_MAX + 1]
    uint64_t head_bits


cdef struct System:
    # One word of every row together, so that a pivot goes through all rows in one loop.
    uint64_t row[ROW_WORDS][ROOM]
    uint64_t value[ROOM]
    uint64_t mask[ROOM]
    uint32_t pivot[ROOM]
    uint64_t unknown[ROOM]


cdef struct Bucket:
    uint64_t key[ROOM]
    uint64_t code[ROOM]
    uint32_t group[ROOM]         # where the key's codeword ends


cdef bint solve(System* system, uint32_t rows, uint32_t width) noexcept nogil:
    """Finds unknowns that give each row its value; not when rows depend on one another."""
    cdef uint32_t words = (width + 63) // 64, done = 0, column, word, shift, i, w, found
    cdef uint64_t pivot, bit
    for column in range(width):
        if done == rows:
            break
        word = column >> 6
        shift = column & 63
        found = done
        while found < rows and not (system.row[word][found] >> shift) & 1:
            found += 1
        if found == rows:
            if width - column <= rows - done:
                return False
            continue
        for w in range(word, words):
            system.row[w][found], system.row[w][done] = system.row[w][done], system.row[w][found]
        system.value[found], system.value[done] = system.value[done], system.value[found]
        system.pivot[done] = column
        done += 1
        for i in range(done, rows):
            system.mask[i] = -((system.row[word][i] >> shift) & 1)
        for w in range(word, words):
            pivot = system.row[w][done - 1]
            for i in range(done, rows):
                system.row[w][i] ^= pivot & system.mask[i]
        pivot = system.value[done - 1]
        for i in range(done, rows):
            system.value[i] ^= pivot & system.mask[i]
    if done < rows:
        return False
    memset(system.unknown, 0, sizeof(system.unknown))
    while done:
        done -= 1
        column = system.pivot[done]
        pivot = system.value[done]
        system.unknown[column] = pivot
        word = column >> 6
        shift = column & 63
        for i in range(done):
            bit = (system.row[word][i] >> shift) & 1
            system.value[i] ^= pivot & -bit
    return True


cdef inline void put_bits(uint8_t* out, uint64_t at, uint64_t bits) noexcept nogil:
    # Up to 57, into zeros; what lies behind may be written, as it is.
    cdef uint64_t word = load64(out + (at >> 3)) | (bits << (at & 7))
    memcpy(out + (at >> 3), &word, 8)


cdef void put_unknowns(uint8_t* out, uint64_t at, const System* system, uint32_t width, uint32_t bits) noexcept nogil:
    cdef uint32_t i
    for i in range(width):
        put_bits(out, at + <uint64_t>i * bits, system.unknown[i])


cdef uint32_t fill(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint32_t group, uint32_t width,
    uint32_t seed,
) noexcept nogil:
    """The system of a group: a row and a value for each key that has bits there. Returns how many those are."""
    cdef uint32_t rows = 0, i, word, one, words = (width + 63) // 64
    cdef uint64_t row, value
    for i in range(count):
        if bucket.group[i] < group:
            continue
        row = row_of(bucket.key[i], group, seed)
        for word in range(words):
            system.row[word][rows] = 0
        for word in range(ROW_ONES):
            one = one_of(row, word, width)
            system.row[one >> 6][rows] ^= <uint64_t>1 << (one & 63)
        value = bucket.code[i] >> (plan.length[bucket.group[i]] - plan.length[group])
        if group == 0:
            value = (value << plan.fingerprint_bits) | (
                bucket.key[i] & ((<uint64_t>1 << plan.fingerprint_bits) - 1)
            )
        else:
            value &= (<uint64_t>1 << plan.bits[group]) - 1
        system.value[rows] = value
        rows += 1
    return rows


cdef bint solve_group(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint32_t group,
    uint32_t narrowest, uint32_t widest, uint32_t seeds, uint32_t* width, uint32_t* seed,
) noexcept nogil:
    cdef uint32_t rows
    width[0] = narrowest
    while width[0] <= widest:
        for seed[0] in range(seeds):
            rows = fill(system, plan, bucket, count, group, width[0], seed[0])
            if solve(system, rows, width[0]):
                return True
        width[0] += 1
    return False


cdef uint64_t write_bucket(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint8_t* out
) noexcept nogil:
    """Writes a bucket, over zeros; returns its size in bytes. 0: no system could be solved."""
    cdef uint32_t group, i, width, seed, before, narrowest, wider = 0
    cdef uint64_t at
    cdef bint solved
    while count + wider <= FIRST_WIDTH_MAX:
        if not solve_group(
            system, plan, bucket, count, 0, count + wider, FIRST_WIDTH_MAX, FIRST_SEEDS, &width, &seed
        ):
            return 0
        put_bits(out, 0, width | (<uint64_t>seed << 8))
        at = plan.head_bits
        put_unknowns(out, at, system, width, plan.bits[0])
        at += <uint64_t>width * plan.bits[0]
        solved = True
        for group in range(1, plan.groups):
            before = width
            narrowest = 0
            for i in range(count):
                narrowest += bucket.group[i] >= group
            if before > NARROWER_MAX and narrowest < before - NARROWER_MAX:
                narrowest = before - NARROWER_MAX
            solved = solve_group(
                system, plan, bucket, count, group, narrowest, before + WIDER_MAX, NEXT_SEEDS, &width, &seed
            )
            if not solved:
                break
            put_bits(
                out, FIRST_HEAD_BITS + NEXT_HEAD_BITS * (group - 1),
                (before + WIDER_MAX - width) | (<uint64_t>seed << 6),
            )
            put_unknowns(out, at, system, width, plan.bits[group])
            at += <uint64_t>width * plan.bits[group]
        if solved:
            return (at + 7) // 8
        memset(out, 0, (at + 7) // 8)
        wider = width + 1 - count
    return 0


cdef inline uint32_t group_of(const Plan* plan, uint32_t symbol) noexcept nogil:
    """Where the symbol's codeword ends."""
    cdef uint32_t group = 0
    while symbol >= plan.first_symbol[group + 1]:
        group += 1
    return group


cdef uint64_t first_of_bucket(const Plan* plan, uint64_t bucket) noexcept nogil:
    """The first key that is in this bucket or a later one."""
    cdef uint64_t low = 0, high = plan.count, middle
    while low < high:
        middle = (low + high) // 2
        if bucket_of(load64(plan.keys + 8 * middle), plan.buckets) < bucket:
            low = middle + 1
        else:
            high = middle
    return low


cdef uint64_t count_bits(const Plan* plan, uint64_t* bits) noexcept nogil:
    """The bits that all keys want. Returns how many keys there are, or the first that can't be right."""
    cdef uint64_t i, key, before = 0
    cdef uint32_t symbol
    for i in range(plan.count):
        key = load64(plan.keys + 8 * i)
        symbol = load32(plan.symbols + 4 * i)
        if symbol >= plan.first_symbol[plan.groups] or (i and key <= before):
            return i
        bits[0] += plan.fingerprint_bits + plan.length[group_of(plan, symbol)]
        before = key
    return plan.count


cdef class Writer:
    cdef Plan plan
    cdef BufferView key_view
    cdef BufferView symbol_view

    def __cinit__(self, keys, symbols, code, fingerprint_bits):
        cdef uint32_t group, before = 0
        cdef uint64_t next_code = 0, at, bits = 0
        self.key_view = BufferView(keys)
        self.symbol_view = BufferView(symbols)
        self.plan.keys = self.key_view.data
        self.plan.symbols = self.symbol_view.data
        self.plan.count = self.key_view.size // 8
        if self.key_view.size != 8 * self.plan.count or self.symbol_view.size != 4 * self.plan.count:
            raise ValueError("keys and symbols are not of one number")
        if not 0 <= fingerprint_bits <= FINGERPRINT_BITS_MAX:
            raise ValueError(f"a fingerprint has 0 to {FINGERPRINT_BITS_MAX} bits, not {fingerprint_bits}")
        self.plan.fingerprint_bits = fingerprint_bits
        self.plan.groups = len(code.lengths)
        self.plan.head_bits = FIRST_HEAD_BITS + NEXT_HEAD_BITS * (self.plan.groups - 1)
        for group in range(self.plan.groups):
            self.plan.length[group] = code.lengths[group]
            self.plan.bits[group] = code.lengths[group] - before
            next_code <<= self.plan.bits[group]
            self.plan.first_code[group] = next_code
            next_code += code.counts[group]
            self.plan.first_symbol[group + 1] = self.plan.first_symbol[group] + <uint64_t>code.counts[group]
            before = code.lengths[group]
        self.plan.bits[0] += self.plan.fingerprint_bits
        with nogil:
            at = count_bits(&self.plan, &bits)
        if at < self.plan.count:
            if load32(self.plan.symbols + 4 * at) >= self.plan.first_symbol[self.plan.groups]:
                raise ValueError(
                    f"{load32(self.plan.symbols + 4 * at)} is not one of the code's "
                    f"{self.plan.first_symbol[self.plan.groups]} symbols"
                )
            raise ValueError(f"unit keys do not ascend at number {at}")
        self.plan.buckets = max(
            1, (bits + BUCKET_BITS - 1) // BUCKET_BITS, (self.plan.count + BUCKET_KEYS - 1) // BUCKET_KEYS
        )

    cdef uint64_t take_bucket(self, uint64_t bucket, uint64_t key, uint64_t end, Bucket* taken) noexcept nogil:
        cdef uint64_t value
        cdef uint32_t count = 0, symbol, group
        while key < end:
            value = load64(self.plan.keys + 8 * key)
            if bucket_of(value, self.plan.buckets) != bucket:
                break
            if count == BUCKET_KEYS_MAX:
                return 0xFFFFFFFF
            symbol = load32(self.plan.symbols + 4 * key)
            group = group_of(&self.plan, symbol)
            taken.key[count] = value
            taken.code[count] = self.plan.first_code[group] + symbol - self.plan.first_symbol[group]
            taken.group[count] = group
            count += 1
            key += 1
        return count

    def chunk(self, uint64_t first):
        """The data and the directory of some buckets."""
        cdef uint64_t last = min(first + CHUNK_SPANS * SPAN_BUCKETS, self.plan.buckets)
        cdef uint64_t key, end, bucket, count, size, at = 0, span_at = 0, spans, bits = 0, group
        cdef System system
        cdef Bucket taken
        cdef uint8_t* out
        cdef uint8_t* directory
        cdef uint16_t within
        cdef uint32_t offset
        with nogil:
            key = first_of_bucket(&self.plan, first)
            end = first_of_bucket(&self.plan, last)
        for group in range(self.plan.groups):
            bits += self.plan.bits[group]
        room = bytearray((end - key) * bits // 8 + (last - first) * (12 + 32 * bits // 8) + 64)
        spans = (last - first + SPAN_BUCKETS - 1) // SPAN_BUCKETS
        starts = bytearray(SPAN_BYTES * spans)
        out = room
        directory = starts
        with nogil:
            for bucket in range(first, last):
                if bucket % SPAN_BUCKETS == 0:
                    span_at = at
                    offset = <uint32_t>at
                    memcpy(directory + SPAN_BYTES * ((bucket - first) // SPAN_BUCKETS), &offset, 4)
                if at - span_at > WITHIN_MAX:
                    break
                within = <uint16_t>(at - span_at)
                memcpy(
                    directory + SPAN_BYTES * ((bucket - first) // SPAN_BUCKETS) + 4 + 2 * (bucket % SPAN_BUCKETS),
                    &within, 2,
                )
                count = self.take_bucket(bucket, key, end, &taken)
                if count > BUCKET_KEYS_MAX:
                    break
                size = write_bucket(&system, &self.plan, &taken, <uint32_t>count, out + at)
                if size == 0:
                    break
                at += size
                key += count
        if key < end:
            raise ValueError("unit keys are not uniform: too many of them are alike in their high bits")
        return bytes(room[:at]), starts


def write_retrieval(keys, symbols, code, fingerprint_bits):
    cdef Writer writer = Writer(keys, symbols, code, fingerprint_bits)
    cdef uint64_t count = writer.plan.count, buckets = writer.plan.buckets, base = 0
    cdef list directories = [], buckets_data = []
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        for data, starts in pool.map(writer.chunk, range(0, buckets, CHUNK_SPANS * SPAN_BUCKETS)):
            move_spans(starts, base)
            base += len(data)
            directories.append(starts)
            buckets_data.append(data)
    if base > DATA_BYTES_MAX:
        raise LimitError("a retrieval cannot hold more than 4 GiB")
    head = struct.pack("<QQIBBH", count, base, buckets, fingerprint_bits, len(code.lengths), 0)
    groups = [struct.pack("<II", *group) for group in zip(code.lengths, code.counts)]
    return b"".join([head, *groups, *directories, *buckets_data, bytes(PADDING_BYTES)])


cdef void move_spans(bytearray starts, uint64_t base):
    cdef uint8_t* at = starts
    cdef uint32_t moved
    cdef uint64_t i
    for i in range(<uint64_t>(len(starts) // SPAN_BYTES)):
        moved = <uint32_t>(load32(at + SPAN_BYTES * i) + base)
        memcpy(at + SPAN_BYTES * i, &moved, 4)
