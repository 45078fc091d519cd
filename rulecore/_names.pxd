# Attribute names as a trie, so that a context may write them nested or dotted, in any mixture.
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy


cdef enum:
    NOWHERE = 0x7FFFFFFF
    ROOT = 0


cdef struct Edge:            # a key of an object and where it leads: an entry of the hash table
    uint64_t head            # the key's first and last eight bytes: with its size, all of a key of up to 16
    uint64_t tail
    uint32_t size
    uint32_t origin          # the object's node
    uint32_t key             # offset in `keys`
    uint32_t target          # NOWHERE in an empty entry


cdef class NameTrie:
    cdef int32_t* slots                    # by node: of the name that ends there, or -1 where names only go on
    cdef Edge* edges
    cdef uint64_t edge_mask
    cdef const char* keys
    cdef size_t key_bytes_max
    cdef bytes key_pool

    cdef int lay_slots(self, tuple names, dict node_of) except -1
    cdef int lay_edges(self, dict targets) except -1


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
        low = <uint32_t><unsigned char>key[0]
        high = (<uint32_t><unsigned char>key[size >> 1] << 8) | <uint32_t><unsigned char>key[size - 1]
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


# The node that `key` leads to from the node `origin`, or NOWHERE.
cdef inline uint32_t names_find(NameTrie names, uint32_t origin, const char* key, size_t size) noexcept nogil:
    cdef uint64_t head, tail, at
    cdef const Edge* edge
    if size > names.key_bytes_max:
        return NOWHERE
    key_words(key, size, &head, &tail)
    at = key_hash(origin, key, size, head, tail)
    while True:
        edge = &names.edges[at & names.edge_mask]
        if (
            edge.head == head and edge.tail == tail and edge.size == size and edge.origin == origin
            and edge.target != NOWHERE and (size <= 16 or memcmp(names.keys + edge.key, key, size) == 0)
        ):
            return edge.target
        if edge.target == NOWHERE:
            return NOWHERE
        at += 1
