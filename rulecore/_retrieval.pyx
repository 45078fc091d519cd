"""Finds the symbol of a key in a retrieval, which keeps no keys. Its form is drawn in `_retrieval.pxd`.

What the symbols mean is for `_snapshot`, which codewords they have for `rulecore.codes`, how one is made for
`_retrieval_writer`. Checksums are theirs who keep an image: here every answer is in range and every read inside the
data whatever that holds, since each bucket is judged when it is read.

The idea. A table that gives v bits to each of n keys needs n·v bits if it need not tell keys from others: choose a
random row of zeros and ones for each key, and solve for unknowns of v bits such that the unknowns that the key's row
has ones for are its value, exclusive-ored. Random square systems over GF(2) have a solution with a probability of 0.29,
so a few seeds are tried, and nothing is wasted. Three things make that small and quick:

- Solving takes time in the square of the keys, so keys are shared out to buckets by their high bits: so many as want
  2,000 bits, at most 150. A bucket lies in one piece: it is found by one look into a directory that stays in the
  processor's cache, and its four lines of memory are asked for all at once. So a lookup waits about as long as for one
  of them. Larger buckets take fewer bytes, and more time: to build as well as to find.
- Symbols are as unlike in frequency as visitors are, so a key's value is its symbol's codeword in a prefix code. A
  bucket has one system for the bits that all codewords have, one for the further bits of those that are longer than
  the shortest, and so on; each has as many unknowns as there are keys in it. Decoding ends where a codeword does.
- Rows have seven ones, not half of the width. So a product is seven loads and no parities, and takes the same time
  however many keys a bucket has. Rows of a small constant weight are independent nearly as often as any: what weights
  below six would cost are unknowns that no row chooses. The weight is odd since sums of rows of even weight never leave
  half of the space, and a square system could not be solved.

Unknown keys are found out by a fingerprint, the key's own low bits: the first system gives it before the codeword's
beginning. For a key that was not written it gives bits that have nothing to do with the key, so they agree with a
probability of 2^-bits. (Codewords that no symbol has refuse some more.)

What it takes, in bits a key: the fingerprint; the entropy of the symbols; what a code with few lengths loses, which is
weighed against its time and the groups' heads (`rulecore.codes`); and what a bucket has beside its unknowns, divided
by its keys: 12 + 10 (groups - 1) of heads, 17 of directory, 3.5 to the next byte, and unknowns that no seed could do
without, about one in each later group (four seeds are tried there; more would cost as much as they save). The bound is
the entropy and the fingerprint. To see how near one comes, write one with synthetic keys and the weights in question,
and set 8 times its size a key against `entropy(weights) + fingerprint_bits`.

Papers: M. Dietzfelbinger and R. Pagh, "Succinct Data Structures for Retrieval and Approximate Membership" (ICALP 2008),
and E. Porat, "An Optimal Bloom Filter Replacement Based on Matrix Solving" (CSR 2009), for systems in buckets, and
fingerprints by them; J. B. Hreinsson, M. Kroyer and R. Pagh, "Storing a Compressed Function with Constant Time Access"
(ESA 2009), for codewords as values; N. J. Calkin, "Dependent Sets of Constant Weight Binary Vectors" (1997), for rows
with few ones. Where this differs: a bucket says how wide its systems are, instead of all having room for the fullest;
codewords have a few lengths, each a system, where others solve for every bit by itself (M. Genuzio and S. Vigna,
"Engineering Compressed Static Functions", 2018, have one system for all bits, and three to four places in memory).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load16, load32, load64, prefetch, scaled

from rulecore.errors import ImageError


cdef enum:
    LINE_BYTES = 64
    LINES_MAX = 12               # of a bucket that are prefetched; more would be in each other's way


cdef const char* retrieval_open(Retrieval* view, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t spans, directory_size, after_groups
    if size < HEAD_BYTES:
        return "too short to be a retrieval"
    view.base = data
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
        return "a retrieval has 1 to 6 groups"
    if view.buckets < 1:
        return "a retrieval has at least one bucket"
    after_groups = HEAD_BYTES + GROUP_BYTES * <uint64_t>view.groups
    spans = (<uint64_t>view.buckets + SPAN_BUCKETS - 1) // SPAN_BUCKETS
    directory_size = SPAN_BYTES * spans
    if size < after_groups + directory_size + PADDING_BYTES:
        return "too short for the directory of a retrieval"
    if view.data_size != size - after_groups - directory_size - PADDING_BYTES:
        return "the size of a retrieval's data is not the one in its head"
    view.bucket_lines = view.data_size // view.buckets // LINE_BYTES + 2
    if view.bucket_lines > LINES_MAX:
        view.bucket_lines = LINES_MAX
    view.fingerprint_mask = (<uint64_t>1 << view.fingerprint_bits) - 1
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
        group.bits = group.length - before
        before = group.length
    view.group[0].bits += view.fingerprint_bits
    return NULL


cdef inline uint64_t start_of(const Retrieval* view, uint64_t bucket) noexcept nogil:
    """Where a bucket begins, if the directory is sound; else anywhere, maybe beyond the end."""
    cdef const uint8_t* span = view.directory + SPAN_BYTES * (bucket // SPAN_BUCKETS)
    return <uint64_t>load32(span) + load16(span + 4 + 2 * (bucket % SPAN_BUCKETS))


cdef inline uint64_t solution(
    const uint8_t* data, uint64_t at, uint32_t width, uint32_t bits, uint64_t row
) noexcept nogil:
    """A row times the unknowns that begin at bit `at`, of an image's data."""
    cdef uint64_t found = 0, one
    cdef int i
    for i in range(ROW_ONES):
        one = at + <uint64_t>one_of(row, i, width) * bits
        found ^= load64(data + (one >> 3)) >> (one & 7)
    return found & ((<uint64_t>1 << bits) - 1)


cdef inline void prefetch_bucket(const Retrieval* view, uint64_t start) noexcept nogil:
    # All lines of a bucket of usual size are asked for at once, and so arrive in about the time of one.
    cdef uint64_t line
    for line in range(view.bucket_lines):
        prefetch(view.data + start + LINE_BYTES * line)


cdef void retrieval_prefetch(const Retrieval* view, uint64_t key) noexcept nogil:
    prefetch_bucket(view, start_of(view, scaled(key, view.buckets)))


cdef int64_t retrieval_find(const Retrieval* view, uint64_t key) noexcept nogil:
    cdef uint64_t start = start_of(view, scaled(key, view.buckets))
    cdef uint64_t at = 8 * start + view.head_bits, end = 8 * view.data_size
    cdef uint64_t heads, value, code
    cdef uint32_t i, width
    cdef const Group* group = &view.group[0]
    if at > end:
        return -1
    prefetch_bucket(view, start)
    heads = load64(view.data + start)
    width = heads & 0xFF
    if <uint64_t>width * group.bits > end - at:
        return -1
    value = solution(view.data, at, width, group.bits, row_of(key, 0, (heads >> 8) & 15))
    if (value ^ key) & view.fingerprint_mask:
        return -1
    code = value >> view.fingerprint_bits
    if code < group.count:
        return <int64_t>code
    at += <uint64_t>width * group.bits
    heads >>= FIRST_HEAD_BITS
    for i in range(1, view.groups):
        group = &view.group[i]
        width = heads & 0xFF
        if <uint64_t>width * group.bits > end - at:
            return -1
        code = (code << group.bits) | solution(
            view.data, at, width, group.bits, row_of(key, i, (heads >> 8) & 3)
        )
        if code - group.first_code < group.count:
            return <int64_t>(group.first_symbol + code - group.first_code)
        at += <uint64_t>width * group.bits
        heads >>= NEXT_HEAD_BITS
    return -1


cdef const char* retrieval_verify(const Retrieval* view, uint64_t* at) noexcept nogil:
    cdef uint64_t bucket, begin, expected = 0, end = 8 * view.data_size, bit, heads, keys = 0
    cdef uint64_t directory = view.directory - view.base, data = view.data - view.base
    cdef uint32_t i
    for bucket in range((data - directory) // SPAN_BYTES * SPAN_BUCKETS):
        at[0] = directory + bucket // SPAN_BUCKETS * SPAN_BYTES + 4 + 2 * (bucket % SPAN_BUCKETS)
        begin = load16(view.base + at[0])  # from where the record says
        if bucket >= view.buckets:
            if begin != 0:
                return "the directory of a retrieval says more than where its buckets begin"
            continue
        if start_of(view, bucket) != expected or (bucket % SPAN_BUCKETS == 0 and begin != 0):
            return "a bucket of a retrieval does not begin where the one before it ends"
        at[0] = data + expected
        bit = 8 * expected + view.head_bits
        if bit > end:
            return "a bucket of a retrieval reaches beyond the end of its data"
        heads = load64(view.data + expected)
        keys += heads & 0xFF
        for i in range(view.groups):
            bit += (heads & 0xFF) * view.group[i].bits
            heads >>= NEXT_HEAD_BITS if i else FIRST_HEAD_BITS
        if bit > end:
            return "a bucket of a retrieval reaches beyond the end of its data"
        expected = (bit + 7) // 8
        if bit & 7 and view.data[bit >> 3] >> (bit & 7) != 0:
            return "the padding of a retrieval's bucket is not zero"
    at[0] = data + expected
    if expected != view.data_size:
        return "a retrieval has data beyond its last bucket"
    if load64(view.data + expected) != 0:
        return "the padding of a retrieval is not zero"
    at[0] = 0
    if view.keys > keys:
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
