"""Attribute names as a trie whose edges are runs of parts, so that nested and dotted spellings are one look-up.

From the node `session`, both `shows` and `shows.vip` are edges. All edges lie in one hash table, keyed by node and
bytes, so a key of an object costs one probe however its name is written:

    (root, "session") -> n1   (root, "session.shows") -> n2   (root, "session.shows.vip") -> n3, slot 0
    (n1, "shows") -> n2       (n1, "shows.vip") -> n3         (n2, "vip") -> n3

What is done with the values is `_context`'s business.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t, uint32_t, uint64_t

from rulecore.limits import LIMITS

cdef Py_ssize_t PARTS_MAX = LIMITS.context_depth_max - 1     # so that a list, written nested, is not too deep either


cdef class NameTrie:
    def __cinit__(self, tuple names not None):
        cdef dict node_of = {(): ROOT}       # by the parts that lead there
        cdef dict targets = {}               # by node and key
        cdef tuple parts
        for name in names:
            parts = tuple(name.split("."))
            if len(parts) > PARTS_MAX:
                raise ValueError(f"{name!r} has more than {PARTS_MAX} parts")
            for end in range(1, len(parts) + 1):
                node = node_of.setdefault(parts[:end], len(node_of))
                for begin in range(end):
                    targets[node_of[parts[:begin]], ".".join(parts[begin:end]).encode()] = node
        self.lay_slots(names, node_of)
        self.lay_edges(targets)

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.edges)

    cdef int lay_slots(self, tuple names, dict node_of) except -1:
        cdef uint32_t node
        cdef int32_t slot
        self.slots = <int32_t*>PyMem_Calloc(len(node_of), sizeof(int32_t))
        if self.slots == NULL:
            raise MemoryError
        for node in range(<uint32_t>len(node_of)):
            self.slots[node] = -1
        for slot, name in enumerate(names):
            node = node_of[tuple(name.split("."))]
            if self.slots[node] >= 0:
                raise ValueError(f"{name!r} is named twice")
            self.slots[node] = slot
        return 0

    cdef int lay_edges(self, dict targets) except -1:
        """A table at most a quarter full, so that it always ends a search, and soon."""
        cdef uint64_t room = 4
        cdef uint64_t head, tail, at
        cdef uint32_t used = 0
        cdef bytes key
        cdef Edge* edge
        while room < 4 * <uint64_t>len(targets):
            room *= 2
        self.edges = <Edge*>PyMem_Calloc(room, sizeof(Edge))
        if self.edges == NULL:
            raise MemoryError
        self.edge_mask = room - 1
        for at in range(room):
            self.edges[at].target = NOWHERE
        self.key_pool = b"".join([key for _, key in targets])
        self.keys = self.key_pool
        for (origin, key), target in targets.items():
            key_words(key, len(key), &head, &tail)
            at = key_hash(origin, key, len(key), head, tail) & self.edge_mask
            while self.edges[at].target != NOWHERE:
                at = (at + 1) & self.edge_mask
            edge = &self.edges[at]
            edge.head = head
            edge.tail = tail
            edge.size = <uint32_t>len(key)
            edge.origin = origin
            edge.key = used
            edge.target = target
            used += edge.size
            self.key_bytes_max = max(self.key_bytes_max, <size_t>edge.size)
        return 0
