# Attribute names as a trie, so that a context may write them nested or dotted, in any mixture.
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._text cimport PyASCIIObject, Text, str_text


cdef enum:
    NOWHERE = 0x7FFFFFFF
    ROOT = 0


cdef struct Edge:            # a key of an object and where it leads: an entry of the hash table by bytes
    uint64_t head            # the key's first and last eight bytes: with its size, all of a key of up to 16
    uint64_t tail
    uint32_t size
    uint32_t origin          # the object's node
    uint32_t key             # offset in `keys`
    uint32_t target          # the node; NOWHERE in an empty entry
    int32_t slot             # of the name that ends there, or -1 where names only go on
    uint32_t follower        # the edge that came after this one last time: see `names_expected`
    bint verbatim            # JSON can write the key as it is, without an escape


cdef struct Key:             # the same as a str: an entry of the hash table by Python's hash
    PyObject* string         # interned; NULL in an empty entry
    Py_hash_t hash
    Edge* edge


cdef struct Names:
    uint32_t* first          # by node: the edge that an object there began with last time
    Edge* edges
    uint64_t edge_mask
    uint32_t no_edge         # one that no key ever matches
    const char* keys
    size_t key_bytes_max
    Key* strings
    uint64_t string_mask


cdef class NameTrie:
    cdef Names names
    cdef bytes key_pool
    cdef list string_pool

    cdef int lay_edges(self, dict targets, dict slot_of) except -1
    cdef int lay_strings(self, dict targets) except -1


# By bytes, for JSON

cdef inline void key_words(const char* key, size_t size, uint64_t* head, uint64_t* tail) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = 0
    tail[0] = 0
    if size >= 8:
        memcpy(head, key, 8)
        memcpy(tail, key + size - 8, 8)
        return
    if size >= 4:
        memcpy(&low, key, 4)
        memcpy(&high, key + size - 4, 4)
    elif size:
        low = <uint32_t><uint8_t>key[0]
        high = (<uint32_t><uint8_t>key[size >> 1] << 8) | <uint32_t><uint8_t>key[size - 1]
    head[0] = (<uint64_t>high << 32) | low


cdef inline uint64_t key_hash(
    uint32_t origin, const char* key, size_t size, uint64_t head, uint64_t tail
) noexcept nogil:
    cdef uint64_t hashed = (head ^ (<uint64_t>origin << 40)) * <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t word
    cdef size_t at = 8
    while at + 8 < size:
        memcpy(&word, key + at, 8)
        hashed = ((hashed ^ (hashed >> 32)) + word) * <uint64_t>0x9E3779B97F4A7C15
        at += 8
    hashed = ((hashed ^ (hashed >> 32)) + tail + size) * <uint64_t>0xD6E8FEB86659FD93
    return hashed ^ (hashed >> 32)


cdef inline bint edge_has(
    const Names* names, const Edge* edge, const char* key, uint64_t head, uint64_t tail
) noexcept nogil:
    """Whether its key, of a size known to be the same, is this one."""
    return (
        edge.head == head and edge.tail == tail
        and (edge.size <= 16 or memcmp(names.keys + edge.key, key, edge.size) == 0)
    )


# The edge that `key` names in an object at the node `origin`, or NULL.
cdef inline Edge* names_find(const Names* names, uint32_t origin, const char* key, size_t size) noexcept nogil:
    cdef uint64_t head, tail, at
    cdef Edge* edge
    if size > names.key_bytes_max:
        return NULL
    key_words(key, size, &head, &tail)
    at = key_hash(origin, key, size, head, tail)
    while True:
        edge = &names.edges[at & names.edge_mask]
        if edge.target == NOWHERE:
            return NULL
        if edge.size == size and edge.origin == origin and edge_has(names, edge, key, head, tail):
            return edge
        at += 1


# Callers write the keys of an object in the same order again and again. So `expected` (a `first` or a `follower`)
# remembers which came last time, and one comparison mostly does for scanning, hashing and finding a key.
# The edge expected, if its key and a closing quote stand at `at`, else NULL.
cdef inline Edge* names_expected(
    const Names* names, uint32_t expected, const uint8_t* at, const uint8_t* end
) noexcept nogil:
    cdef Edge* edge = &names.edges[expected]
    cdef uint64_t head, tail
    if <size_t>(end - at) <= edge.size or at[edge.size] != c'"':
        return NULL
    key_words(<const char*>at, edge.size, &head, &tail)
    return edge if edge_has(names, edge, <const char*>at, head, tail) else NULL


cdef inline void names_expect(const Names* names, uint32_t* expected, const Edge* edge) noexcept:     # under the GIL
    if edge.verbatim:
        expected[0] = <uint32_t>(edge - names.edges)


# By str, for dicts

cdef inline uint64_t string_hash(uint32_t origin, Py_hash_t hashed) noexcept nogil:
    return <uint64_t>hashed + <uint64_t>origin * <uint64_t>0x9E3779B97F4A7C15


# The edge that the str `key` names in an object at the node `origin`, or NULL. A dict's keys have been hashed, mostly.
cdef inline Edge* names_find_str(const Names* names, uint32_t origin, PyObject* key) noexcept:
    cdef Py_hash_t hashed = (<PyASCIIObject*>key).hash
    cdef uint64_t at = string_hash(origin, hashed)
    cdef const Key* entry
    while True:
        entry = &names.strings[at & names.string_mask]
        if entry.string == key:
            if entry.edge.origin == origin:
                return entry.edge
        elif entry.string == NULL:
            return NULL if hashed != -1 else names_find_unhashed(names, origin, key)
        elif entry.hash == hashed and entry.edge.origin == origin and edge_has_str(names, entry.edge, key):
            return entry.edge
        at += 1


cdef inline bint edge_has_str(const Names* names, const Edge* edge, PyObject* key) noexcept:
    cdef Text text
    cdef uint64_t head, tail
    if not str_text(key, &text) or text.size != edge.size:
        return False
    key_words(text.data, text.size, &head, &tail)
    return edge_has(names, edge, text.data, head, tail)


cdef inline Edge* names_find_unhashed(const Names* names, uint32_t origin, PyObject* key) noexcept:
    """For keys of a subclass that hashes in its own way."""
    cdef Text text
    return names_find(names, origin, text.data, text.size) if str_text(key, &text) else NULL
