"""Writes retrievals. The form is drawn in `_retrieval.pxd`, why it is so is told in `_retrieval`.

A bucket is solved by itself, so buckets are shared out to threads in chunks, and the bytes are the same for any number
of threads. A group's system is tried with one seed after the other, then wider, until its rows are independent.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load32, load64, scaled
from rulecore._retrieval cimport (
    FINGERPRINT_BITS_MAX, FIRST_HEAD_BITS, FIRST_SEEDS, GROUPS_MAX, LENGTH_BITS_MAX, NEXT_HEAD_BITS, NEXT_SEEDS,
    one_of, PADDING_BYTES, row_of, ROW_ONES, SPAN_BUCKETS, SPAN_BYTES, WIDTH_MAX,
)

import os
import struct
from concurrent.futures import ThreadPoolExecutor

from rulecore import codes
from rulecore.errors import LimitError
from rulecore.limits import LIMITS

cdef enum:
    BUCKET_BITS = 2000           # what the keys of a bucket want together, on average, or
    BUCKET_KEYS = 150            # how many they are, where they want little
    BUCKET_KEYS_MAX = 248        # hardly ever reached, for keys are uniform
    WIDER_MAX = WIDTH_MAX - BUCKET_KEYS_MAX  # unknowns more than keys; hardly ever more than 2
    ROW_WORDS = 4                # for WIDTH_MAX bits
    ROOM = 64 * ROW_WORDS        # rows and unknowns of a system
    CHUNK_SPANS = 64
    WITHIN_MAX = 0xFFFF          # bytes, that a directory's record reaches
    DATA_BYTES_MAX = 0xFFFFFFFF
    TRIES = 4                    # with ever more buckets

if codes.LENGTHS_MAX > GROUPS_MAX or codes.LENGTH_BITS_MAX > LENGTH_BITS_MAX:
    raise ImportError("retrievals have too little room for what prefix codes may be")
if LIMITS.fingerprint_bits_max != FINGERPRINT_BITS_MAX:
    raise ImportError("retrievals have another limit of fingerprints than LIMITS")


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
    uint32_t pivot[ROOM]
    uint64_t unknown[ROOM]


cdef struct Bucket:
    uint64_t key[ROOM]
    uint64_t code[ROOM]
    uint32_t group[ROOM]         # where the key's codeword ends


cdef void take_away(
    System* system, uint32_t pivot, uint32_t rows, uint32_t word, uint32_t words, uint32_t shift
) noexcept nogil:
    """Adds a row to those after it that have its leading bit: `shift` in `word`."""
    cdef uint64_t* first = system.row[word]
    cdef uint64_t* second
    cdef uint64_t* value = system.value
    cdef uint64_t bits = first[pivot], further, given = value[pivot], mask
    cdef uint32_t i, w
    if words - word == 1:
        for i in range(pivot + 1, rows):
            mask = -((first[i] >> shift) & 1)
            first[i] ^= bits & mask
            value[i] ^= given & mask
        return
    for w in range(word + 1, words):
        second = system.row[w]
        further = second[pivot]
        if w + 1 < words:
            for i in range(pivot + 1, rows):
                second[i] ^= further & -((first[i] >> shift) & 1)
        else:
            for i in range(pivot + 1, rows):
                mask = -((first[i] >> shift) & 1)
                first[i] ^= bits & mask
                second[i] ^= further & mask
                value[i] ^= given & mask


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
        take_away(system, done - 1, rows, word, words, shift)
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


cdef void fill(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint32_t group, uint32_t width,
    uint32_t seed,
) noexcept nogil:
    """The system of a group: a row and a value for each key that has bits there."""
    cdef uint32_t rows = 0, i, word, chosen, words = (width + 63) // 64
    cdef uint64_t row, value
    cdef int one
    for i in range(count):
        if bucket.group[i] < group:
            continue
        row = row_of(bucket.key[i], group, seed)
        for word in range(words):
            system.row[word][rows] = 0
        for one in range(ROW_ONES):
            chosen = one_of(row, one, width)
            system.row[chosen >> 6][rows] ^= <uint64_t>1 << (chosen & 63)
        value = bucket.code[i] >> (plan.length[bucket.group[i]] - plan.length[group])
        if group == 0:
            value = (value << plan.fingerprint_bits) | (
                bucket.key[i] & ((<uint64_t>1 << plan.fingerprint_bits) - 1)
            )
        else:
            value &= (<uint64_t>1 << plan.bits[group]) - 1
        system.value[rows] = value
        rows += 1


cdef bint solve_group(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint32_t group, uint32_t* width,
    uint32_t* seed,
) noexcept nogil:
    cdef uint32_t rows = 0, seeds = NEXT_SEEDS if group else FIRST_SEEDS, i
    cdef int wider
    for i in range(count):
        rows += bucket.group[i] >= group
    for wider in range(WIDER_MAX + 1):
        width[0] = rows + wider
        for i in range(seeds):
            seed[0] = i
            fill(system, plan, bucket, count, group, width[0], i)
            if solve(system, rows, width[0]):
                return True
    return False


cdef uint64_t write_bucket(
    System* system, const Plan* plan, const Bucket* bucket, uint32_t count, uint8_t* out
) noexcept nogil:
    """Writes a bucket, over zeros; returns its size in bytes. 0: it can't be solved, which chance alone won't do."""
    cdef uint32_t group, width, seed
    cdef uint64_t at = plan.head_bits, head_at = 0
    for group in range(plan.groups):
        if not solve_group(system, plan, bucket, count, group, &width, &seed):
            return 0
        put_bits(out, head_at, width | (<uint64_t>seed << 8))
        put_unknowns(out, at, system, width, plan.bits[group])
        at += <uint64_t>width * plan.bits[group]
        head_at += NEXT_HEAD_BITS if group else FIRST_HEAD_BITS
    return (at + 7) // 8


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
        if scaled(load64(plan.keys + 8 * middle), plan.buckets) < bucket:
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
            <uint64_t>1, (bits + BUCKET_BITS - 1) // BUCKET_BITS, (self.plan.count + BUCKET_KEYS - 1) // BUCKET_KEYS
        )

    cdef uint64_t take_bucket(self, uint64_t bucket, uint64_t key, uint64_t end, Bucket* taken) noexcept nogil:
        cdef uint64_t value
        cdef uint32_t count = 0, symbol, group
        while key < end:
            value = load64(self.plan.keys + 8 * key)
            if scaled(value, self.plan.buckets) != bucket:
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
        room = bytearray((end - key) * bits // 8 + (last - first) * (10 + WIDER_MAX * bits // 8) + 8)
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
            raise _Crowded
        return bytes(room[:at]), starts


class _Crowded(Exception):
    """A bucket would have more keys than one can hold."""


def write_retrieval(keys, symbols, code, fingerprint_bits):
    cdef Writer writer = Writer(keys, symbols, code, fingerprint_bits)
    cdef uint64_t count = writer.plan.count, base = 0
    cdef list directories = [], buckets_data = []
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        for data, starts in solved(writer, pool):
            move_spans(starts, base)
            base += len(data)
            directories.append(starts)
            buckets_data.append(data)
    if base > DATA_BYTES_MAX:
        raise LimitError("a retrieval cannot hold more than 4 GiB")
    head = struct.pack("<QQIBBH", count, base, writer.plan.buckets, fingerprint_bits, len(code.lengths), 0)
    groups = [struct.pack("<II", *group) for group in zip(code.lengths, code.counts)]
    return b"".join([head, *groups, *directories, *buckets_data, bytes(PADDING_BYTES)])


cdef list solved(Writer writer, pool):
    """What `chunk` makes of all buckets: of some more, where a crowd of keys is too much for one."""
    for _ in range(TRIES):
        try:
            return list(pool.map(writer.chunk, range(0, writer.plan.buckets, CHUNK_SPANS * SPAN_BUCKETS)))
        except _Crowded:
            writer.plan.buckets += writer.plan.buckets // 8 + 1
    raise ValueError("unit keys are not uniform: too many of them are alike in their high bits")


cdef void move_spans(bytearray starts, uint64_t base):
    cdef uint8_t* at = starts
    cdef uint32_t moved
    cdef uint64_t i
    for i in range(<uint64_t>(len(starts) // SPAN_BYTES)):
        moved = <uint32_t>(load32(at + SPAN_BYTES * i) + base)
        memcpy(at + SPAN_BYTES * i, &moved, 4)
