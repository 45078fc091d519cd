"""Finds the symbol of a key in a retrieval, which keeps no keys. Its form is drawn in `_retrieval.pxd`.

What the symbols mean is for `_snapshot`; which codewords they have, for `rulecore.codes`. Checksums are theirs who keep
an image.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView

from rulecore.errors import ImageError

cdef extern from *:
    void __builtin_prefetch(const void*) nogil


cdef const char* retrieval_open(Retrieval* view, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t spans, directory_size, after_groups
    if size < HEAD_BYTES:
        return "too short to be a retrieval"
    view.keys = load64(data)
    view.data_size = load64(data + 8)
    view.buckets = load32(data + 16)
    view.fingerprint_bits = data[20]
    view.groups = data[21]
    if load16(data + 22) != 0:
        return "what must be zero in the head of a retrieval is not"
    if view.fingerprint_bits > FINGERPRINT_BITS_MAX:
        return "more bits of fingerprint than a retrieval may have"
    if view.groups < 1 or view.groups > GROUPS_MAX:
        return "a retrieval has 1 to 7 groups"
    if view.buckets < 1:
        return "a retrieval has at least one bucket"
    after_groups = HEAD_BYTES + GROUP_BYTES * <uint64_t>view.groups
    spans = (<uint64_t>view.buckets + SPAN_BUCKETS - 1) // SPAN_BUCKETS
    directory_size = SPAN_BYTES * spans
    if size < after_groups + directory_size + PADDING_BYTES:
        return "too short for the directory of a retrieval"
    if view.data_size != size - after_groups - directory_size - PADDING_BYTES:
        return "the size of a retrieval's data is not the one in its head"
    view.head_bits = FIRST_HEAD_BITS + NEXT_HEAD_BITS * (view.groups - 1)
    view.directory = data + after_groups
    view.data = view.directory + directory_size
    return read_groups(view, data + HEAD_BYTES)


cdef const char* read_groups(Retrieval* view, const uint8_t* data) noexcept nogil:
    cdef uint32_t i, before = 0
    cdef uint64_t code = 0                 # one past the last code word so far, as long as that
    cdef Group* group
    view.symbols = 0
    for i in range(view.groups):
        group = &view.group[i]
        group.length = load32(data + GROUP_BYTES * i)
        group.count = load32(data + GROUP_BYTES * i + 4)
        if group.length > LENGTH_BITS_MAX or (i and group.length <= before):
            return "the lengths of a retrieval's codewords do not ascend, or are too long"
        if group.count == 0:
            return "no symbols have codewords of a length that a retrieval names"
        code <<= group.length - before
        group.first_code = code
        group.first_symbol = view.symbols
        code += group.count
        if code > <uint64_t>1 << group.length:
            return "more codewords than there can be of their lengths"
        view.symbols += group.count
        group.columns = group.length - before
        before = group.length
    view.group[0].columns += view.fingerprint_bits
    return NULL


cdef inline uint64_t start_of(const Retrieval* view, uint64_t bucket) noexcept nogil:
    """Where a bucket begins, if the directory is sound; else anywhere, maybe beyond the end."""
    cdef const uint8_t* span = view.directory + SPAN_BYTES * (bucket // SPAN_BUCKETS)
    return <uint64_t>load32(span) + load16(span + 4 + 2 * (bucket % SPAN_BUCKETS))


cdef inline uint32_t next_width(uint32_t width, uint64_t narrower) noexcept nogil:
    if narrower >= width + WIDER_MAX:
        return 0
    return width + WIDER_MAX - <uint32_t>narrower


cdef inline uint64_t merged(uint64_t a, uint64_t b, int shift, uint64_t low) noexcept nogil:
    """Two sets of parities in one word: halves the bits that each is spread over. `low` selects the places of a."""
    return ((a ^ (a >> shift)) & low) | ((b ^ (b << shift)) & ~low)


cdef inline uint64_t parities(const uint64_t* words) noexcept nogil:
    """The parities of eight words, as the low eight bits."""
    cdef uint64_t a = merged(words[0], words[4], 32, 0x00000000FFFFFFFFU)
    cdef uint64_t b = merged(words[1], words[5], 32, 0x00000000FFFFFFFFU)
    cdef uint64_t c = merged(words[2], words[6], 32, 0x00000000FFFFFFFFU)
    cdef uint64_t d = merged(words[3], words[7], 32, 0x00000000FFFFFFFFU)
    a = merged(a, c, 16, 0x0000FFFF0000FFFFU)
    b = merged(b, d, 16, 0x0000FFFF0000FFFFU)
    a = merged(a, b, 8, 0x00FF00FF00FF00FFU)
    a ^= a >> 4
    a ^= a >> 2
    a ^= a >> 1
    return ((a & 0x0101010101010101U) * 0x0102040810204080U) >> 56


cdef inline uint64_t columns_product(
    const uint8_t* data, uint64_t at, uint32_t width, uint32_t columns, uint64_t of
) noexcept nogil:
    """A row times the columns that begin at bit `at`: bit i is that of column i."""
    cdef uint64_t row0 = row_word(of, 0) & word_mask(width, 0), row1 = row_word(of, 1) & word_mask(width, 1)
    cdef uint64_t product = 0
    cdef uint64_t words[8]
    cdef uint32_t done = 0, i, shift
    cdef const uint8_t* column
    if width > 121:
        return wide_product(data, at, width, columns, of)
    while done < columns:
        for i in range(8):
            words[i] = 0
        for i in range(8 if columns - done > 8 else columns - done):
            shift = at & 7
            column = data + (at >> 3)
            words[i] = (load64(column) & (row0 << shift)) ^ (
                load64(column + 8) & ((row1 << shift) | (row0 >> 1 >> (63 - shift)))
            )
            at += width
        product |= parities(words) << done
        done += 8
    return product


cdef uint64_t wide_product(
    const uint8_t* data, uint64_t at, uint32_t width, uint32_t columns, uint64_t of
) noexcept nogil:
    cdef uint64_t row[ROW_WORDS + 2]
    cdef uint64_t product = 0, bits
    cdef uint64_t words[8]
    cdef uint32_t i, word, shift
    cdef const uint8_t* column
    row[0] = 0
    for word in range(ROW_WORDS):
        row[word + 1] = row_word(of, word) & word_mask(width, word)
    row[ROW_WORDS + 1] = 0
    for i in range(columns):
        shift = at & 7
        column = data + (at >> 3)
        bits = 0
        for word in range((width + shift + 63) // 64):
            bits ^= load64(column + 8 * word) & ((row[word + 1] << shift) | (row[word] >> 1 >> (63 - shift)))
        words[i & 7] = bits
        at += width
        bits ^= bits >> 32
        bits ^= bits >> 16
        bits ^= bits >> 8
        bits ^= bits >> 4
        bits ^= bits >> 2
        bits ^= bits >> 1
        product |= (bits & 1) << i
    return product


cdef int64_t retrieval_find(const Retrieval* view, uint64_t key) noexcept nogil:
    cdef uint64_t start = start_of(view, bucket_of(key, view.buckets))
    cdef uint64_t at = 8 * start + view.head_bits, end = 8 * view.data_size
    cdef uint64_t heads, product, code
    cdef uint32_t i, width
    cdef const Group* group = &view.group[0]
    if at > end:
        return -1
    heads = load64(view.data + start)
    width = heads & 0xFF
    if <uint64_t>width * group.columns > end - at:
        return -1
    product = columns_product(view.data, at, width, group.columns, row_seed(key, 0, (heads >> 8) & 15))
    if (product ^ key) & ((<uint64_t>1 << view.fingerprint_bits) - 1):
        return -1
    code = product >> view.fingerprint_bits
    if code < group.count:
        return <int64_t>code
    at += <uint64_t>width * group.columns
    heads >>= FIRST_HEAD_BITS
    for i in range(1, view.groups):
        group = &view.group[i]
        width = next_width(width, heads & 0x3F)
        if <uint64_t>width * group.columns > end - at:
            return -1
        product = columns_product(view.data, at, width, group.columns, row_seed(key, i, (heads >> 6) & 3))
        code = (code << group.columns) | product
        if code - group.first_code < group.count:
            return <int64_t>(group.first_symbol + code - group.first_code)
        at += <uint64_t>width * group.columns
        heads >>= NEXT_HEAD_BITS
    return -1


cdef void retrieval_prefetch(const Retrieval* view, uint64_t key) noexcept nogil:
    cdef uint64_t start = start_of(view, bucket_of(key, view.buckets))
    cdef uint32_t i
    if start < view.data_size:
        for i in range(5):
            __builtin_prefetch(view.data + start + 64 * i)


cdef const char* retrieval_verify(const Retrieval* view, uint64_t* at) noexcept nogil:
    cdef uint64_t bucket, place, expected = 0, end = 8 * view.data_size, bit, spans, heads, room = 0
    cdef uint32_t i, width
    spans = (<uint64_t>view.buckets + SPAN_BUCKETS - 1) // SPAN_BUCKETS
    for bucket in range(SPAN_BUCKETS * spans):
        at[0] = SPAN_BYTES * (bucket // SPAN_BUCKETS) + 4 + 2 * (bucket % SPAN_BUCKETS)
        if bucket >= view.buckets:
            if load16(view.directory + at[0]) != 0:
                return "the directory of a retrieval says more than where its buckets begin"
            continue
        if start_of(view, bucket) != expected:
            return "a bucket of a retrieval does not begin where the one before it ends"
        if bucket % SPAN_BUCKETS == 0 and load16(view.directory + at[0]) != 0:
            return "a bucket of a retrieval does not begin where the one before it ends"
        at[0] = expected
        bit = 8 * expected + view.head_bits
        if bit > end:
            return "a bucket of a retrieval reaches beyond the end of its data"
        heads = load64(view.data + expected)
        width = heads & 0xFF
        room += width
        heads >>= FIRST_HEAD_BITS
        bit += <uint64_t>width * view.group[0].columns
        for i in range(1, view.groups):
            if (heads & 0x3F) > width + WIDER_MAX:
                return "a group of a retrieval's bucket is narrower than nothing"
            width = next_width(width, heads & 0x3F)
            heads >>= NEXT_HEAD_BITS
            bit += <uint64_t>width * view.group[i].columns
        if bit > end:
            return "a bucket of a retrieval reaches beyond the end of its data"
        expected = (bit + 7) // 8
        if bit & 7 and view.data[bit >> 3] >> (bit & 7) != 0:
            return "the padding of a retrieval's bucket is not zero"
    at[0] = expected
    if expected != view.data_size:
        return "a retrieval has data beyond its last bucket"
    for place in range(view.data_size, view.data_size + PADDING_BYTES):
        if view.data[place] != 0:
            at[0] = place
            return "the padding of a retrieval is not zero"
    if view.keys > room:
        at[0] = 0
        return "a retrieval has more keys than its buckets have room for"
    return NULL


cdef class RetrievalReader:
    cdef Retrieval view
    cdef BufferView held

    def __cinit__(self, data):
        self.held = BufferView(data)
        cdef const char* wrong = retrieval_open(&self.view, self.held.data, self.held.size)
        if wrong != NULL:
            raise ImageError(wrong.decode(), 0)

    def verify(self):
        cdef uint64_t at = 0
        cdef const char* wrong
        with nogil:
            wrong = retrieval_verify(&self.view, &at)
        if wrong != NULL:
            raise ImageError(wrong.decode(), at)

    @property
    def keys(self):
        return self.view.keys

    @property
    def symbols(self):
        return self.view.symbols

    def find(self, uint64_t key):
        return retrieval_find(&self.view, key)

    def find_all(self, keys):
        cdef BufferView key_view = BufferView(keys)
        cdef uint64_t count = key_view.size // 8, i
        cdef bytearray found = bytearray(8 * count)
        cdef int64_t* out = <int64_t*><char*>found
        with nogil:
            for i in range(count):
                out[i] = retrieval_find(&self.view, load64(key_view.data + 8 * i))
        return bytes(found)
