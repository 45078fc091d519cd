"""Chooses the Huffman codes of the records of sets: how finely contexts are told apart, and how long a code may be.

Both cost space in the image, so the choice is by the bytes of all: a small image gets a few small tables.
`_record_writer` counts and writes the numbers; `_records.pxd` says what the tables' entries are.
"""

from libc.stdint cimport UINT64_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._records cimport ENTRY_BYTES

cdef enum:
    LONGEST = 10                 # bits of a code: tables of 4 KB; more saves a bit in a thousand
    FINENESS = 3                 # contexts tell the octave of the rank before apart, or that many halvings less one


cdef void choose_codes(RecordCodes* codes) noexcept nogil:
    cdef RecordCodes best
    cdef uint64_t least = UINT64_MAX, size
    cdef uint32_t fineness, bits
    for fineness in range(<uint32_t>FINENESS + 1):
        gather(codes, fineness)
        for bits in range(<uint32_t>LONGEST + 1):
            codes.table_bits = bits
            if not assign(codes):
                continue
            size = codes.bits + ((8 * ENTRY_BYTES * (<uint64_t>codes.contexts + 2)) << bits)
            if size < least:
                least = size
                memcpy(&best, codes, sizeof(RecordCodes))
    memcpy(codes, &best, sizeof(RecordCodes))


cdef void gather(RecordCodes* codes, uint32_t fineness) noexcept nogil:
    # Numbers the contexts: none, or those whose numbers have one length and, below the first bit, the same next ones.
    cdef uint32_t fine, extra, number, low, name, last = 0, seen = 0
    codes.table_of[0] = 0
    for fine in range(1, <uint32_t>CLASSES):
        number = first_of(fine, &extra)
        low = 0
        while number >> low >> fineness:
            low += 1
        name = (low << 8) + (number >> low) if fineness else 0
        if fineness and name != last and used(codes, fine):
            seen += 1
            last = name
        codes.table_of[fine] = <uint8_t>seen
    codes.contexts = seen + 1
    codes.table_of[SHARES] = <uint8_t>codes.contexts
    codes.table_of[GAPS] = <uint8_t>(codes.contexts + 1)


cdef bint used(const RecordCodes* codes, uint32_t fine) noexcept nogil:
    cdef uint32_t i
    for i in range(<uint32_t>CLASSES):
        if codes.counts[fine][i]:
            return True
    return False


cdef bint assign(RecordCodes* codes) noexcept nogil:
    # Codes for every table of at most `table_bits` bits; whether there are any so short.
    cdef uint64_t together[CLASSES]
    cdef uint32_t table, fine, i, extra
    codes.bits = 0
    for table in range(codes.contexts + 2):
        memset(together, 0, sizeof(together))
        for fine in range(<uint32_t>TABLES):
            if codes.table_of[fine] == table:
                for i in range(<uint32_t>CLASSES):
                    together[i] += codes.counts[fine][i]
        if not huffman(together, codes.table_bits, codes.sizes[table]):
            return False
        for i in range(<uint32_t>CLASSES):
            first_of(i, &extra)
            codes.bits += together[i] * (codes.sizes[table][i] + extra)
        number_codes(codes.sizes[table], codes.codes[table])
    return True


cdef bint huffman(const uint64_t* counts, uint32_t longest, uint8_t* sizes) noexcept nogil:
    # How long the codes of one table are, 0 where there is no number of a class, or none of any other.
    cdef uint64_t weights[2 * CLASSES]
    cdef uint8_t order[CLASSES]
    cdef uint8_t parents[2 * CLASSES]
    cdef uint8_t depths[2 * CLASSES]
    cdef uint32_t of_size[CLASSES + 1]
    cdef uint32_t n = 0, i, j, leaf, inner, made, size
    memset(sizes, 0, CLASSES)
    for i in range(<uint32_t>CLASSES):               # ascending by count
        if counts[i] == 0:
            continue
        j = n
        while j and counts[order[j - 1]] > counts[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = <uint8_t>i
        n += 1
    if n < 2:
        return True
    if n > <uint32_t>1 << longest:
        return False
    for i in range(n):
        weights[i] = counts[order[i]]
    leaf = 0
    inner = n
    for made in range(n, 2 * n - 1):       # the two lightest of what is left become one
        weights[made] = 0
        for _ in range(2):
            if leaf < n and (inner == made or weights[leaf] <= weights[inner]):
                weights[made] += weights[leaf]
                parents[leaf] = <uint8_t>made
                leaf += 1
            else:
                weights[made] += weights[inner]
                parents[inner] = <uint8_t>made
                inner += 1
    memset(of_size, 0, sizeof(of_size))
    depths[2 * n - 2] = 0
    for i in range(2 * n - 2):
        j = 2 * n - 3 - i
        depths[j] = depths[parents[j]] + 1
        if j < n:
            of_size[min(<uint32_t>depths[j], longest)] += 1
    shorten(of_size, longest)
    size = longest
    for i in range(n):
        while of_size[size] == 0:
            size -= 1
        of_size[size] -= 1
        sizes[order[i]] = <uint8_t>size
    return True


cdef void shorten(uint32_t* of_size, uint32_t longest) noexcept nogil:
    # Makes a code possible again of which longer ones were cut to `longest`: the longest other one gives way each time.
    cdef uint64_t total = 0
    cdef uint32_t size
    for size in range(1, longest + 1):
        total += <uint64_t>of_size[size] << (longest - size)
    while total > <uint64_t>1 << longest:
        size = longest - 1
        while of_size[size] == 0:
            size -= 1
        of_size[longest] -= 1
        of_size[size] -= 1
        of_size[size + 1] += 2
        total -= 1


cdef void number_codes(const uint8_t* sizes, uint16_t* codes) noexcept nogil:
    cdef uint32_t size, i, k, code = 0, turned
    memset(codes, 0, 2 * CLASSES)          # an empty code has no bits
    for size in range(1, <uint32_t>LONGEST + 1):
        code <<= 1
        for i in range(<uint32_t>CLASSES):
            if sizes[i] != size:
                continue
            turned = 0
            for k in range(size):
                turned |= (code >> k & 1) << (size - 1 - k)
            codes[i] = <uint16_t>turned
            code += 1


cdef bytes tables_of(RecordCodes* codes):
    cdef bytearray room = bytearray((ENTRY_BYTES * (codes.contexts + 2)) << codes.table_bits)
    cdef uint8_t* out = room
    cdef uint32_t table, i, at, first, extra, entry, context, only
    for table in range(codes.contexts + 2):
        only = only_class(codes, table)
        for i in range(<uint32_t>CLASSES):
            if codes.sizes[table][i] == 0 and i != only:
                continue
            first = first_of(i, &extra)
            context = codes.table_of[i] if table < codes.contexts else 0
            entry = codes.sizes[table][i] + extra | extra << 5 | context << 9 | first << 16
            at = codes.codes[table][i]
            while at < <uint32_t>1 << codes.table_bits:
                memcpy(out + (ENTRY_BYTES * ((table << codes.table_bits) + at)), &entry, 4)
                at += <uint32_t>1 << codes.sizes[table][i]
    return bytes(room)


cdef uint32_t only_class(const RecordCodes* codes, uint32_t table) noexcept nogil:
    # Where numbers of a table have one class only, that class, whose code is empty.
    cdef uint32_t fine, i
    for i in range(<uint32_t>CLASSES):
        if codes.sizes[table][i]:
            return CLASSES
    for fine in range(<uint32_t>TABLES):
        if codes.table_of[fine] == table:
            for i in range(<uint32_t>CLASSES):
                if codes.counts[fine][i]:
                    return i
    return CLASSES
