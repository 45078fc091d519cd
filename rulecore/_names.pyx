"""Attribute names as a trie whose edges are runs of parts, so that nested and dotted spellings are one look-up.

From the node `session`, both `shows` and `shows.vip` are edges. All edges lie in one hash table, keyed by node and
bytes, so a key of an object costs one probe however its name is written:

    (root, "session") -> n1   (root, "session.shows") -> n2   (root, "session.shows.vip") -> n3, slot 0
    (n1, "shows") -> n2       (n1, "shows.vip") -> n3         (n2, "vip") -> n3

A second table has the same edges by node and Python's own hash, which a dict's keys bring along. What is done with
the values is `_context`'s business.
"""

import sys

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from rulecore.limits import LIMITS

cdef Py_ssize_t PARTS_MAX = LIMITS.context_depth_max - 1     # so that a list, written nested, is not too deep either


cdef class NameTrie:
    def __cinit__(self, tuple names not None):
        cdef dict node_of = {(): ROOT}       # by the parts that lead there
        cdef dict targets = {}               # by node and key
        cdef dict slot_of = {}               # by node
        cdef tuple parts
        for slot, name in enumerate(names):
            parts = tuple(name.split("."))
            if len(parts) > PARTS_MAX:
                raise ValueError(f"{name!r} has more than {PARTS_MAX} parts")
            for end in range(1, len(parts) + 1):
                node = node_of.setdefault(parts[:end], len(node_of))
                for begin in range(end):
                    targets[node_of[parts[:begin]], ".".join(parts[begin:end])] = node
            if slot_of.setdefault(node, slot) != slot:
                raise ValueError(f"{name!r} is named twice")
        self.lay_edges(targets, slot_of)
        self.lay_strings(targets)
        self.names.first = <uint32_t*>PyMem_Malloc(len(node_of) * sizeof(uint32_t))
        if self.names.first == NULL:
            raise MemoryError
        for node in range(len(node_of)):
            self.names.first[<uint32_t>node] = self.names.no_edge

    def __dealloc__(self):
        PyMem_Free(self.names.first)
        PyMem_Free(self.names.edges)
        PyMem_Free(self.names.strings)

    cdef int lay_edges(self, dict targets, dict slot_of) except -1:
        cdef uint64_t room = table_room(len(targets))
        cdef uint64_t head, tail, at
        cdef uint32_t used = 0
        cdef bytes key
        cdef Edge* edge
        self.names.edges = <Edge*>PyMem_Calloc(room + 1, sizeof(Edge))
        if self.names.edges == NULL:
            raise MemoryError
        self.names.edge_mask = room - 1
        self.names.no_edge = <uint32_t>room
        for at in range(room + 1):
            self.names.edges[at].target = NOWHERE
            self.names.edges[at].follower = self.names.no_edge
        self.names.edges[self.names.no_edge].size = 0xFFFFFFFF       # no body is as long
        self.key_pool = b"".join([name.encode() for _, name in targets])
        self.names.keys = self.key_pool
        for (origin, name), target in targets.items():
            key = name.encode()
            key_words(key, len(key), &head, &tail)
            at = key_hash(origin, key, len(key), head, tail) & self.names.edge_mask
            while self.names.edges[at].target != NOWHERE:
                at = (at + 1) & self.names.edge_mask
            edge = &self.names.edges[at]
            edge.head = head
            edge.tail = tail
            edge.size = <uint32_t>len(key)
            edge.origin = origin
            edge.key = used
            edge.target = target
            edge.slot = slot_of.get(target, -1)
            edge.verbatim = min(name, default=" ") >= " " and '"' not in name and "\\" not in name
            used += edge.size
            self.names.key_bytes_max = max(self.names.key_bytes_max, <size_t>edge.size)
        return 0

    cdef int lay_strings(self, dict targets) except -1:
        cdef uint64_t room = table_room(len(targets))
        cdef uint64_t at
        cdef bytes encoded
        cdef Key* entry
        self.names.strings = <Key*>PyMem_Calloc(room, sizeof(Key))
        if self.names.strings == NULL:
            raise MemoryError
        self.names.string_mask = room - 1
        self.string_pool = [sys.intern(key) for _, key in targets]
        for key, (origin, _) in zip(self.string_pool, targets, strict=True):
            at = string_hash(origin, hash(key)) & self.names.string_mask
            while self.names.strings[at].string != NULL:
                at = (at + 1) & self.names.string_mask
            entry = &self.names.strings[at]
            entry.string = <PyObject*>key
            entry.hash = hash(key)
            encoded = key.encode()
            entry.edge = names_find(&self.names, origin, encoded, len(encoded))
        return 0


cdef uint64_t table_room(Py_ssize_t count) noexcept:
    """Entries of a table that is at most a quarter full, so that it always ends a search, and soon."""
    cdef uint64_t room = 4
    while room < 4 * <uint64_t>count:
        room *= 2
    return room
