"""The inner loops of the index's writer: bits of rows, and the hash tables of dictionaries."""

from libc.stdint cimport uint32_t, uint64_t

from rulecore._dictionary cimport EMPTY_BUCKET, PROBES_MAX, text_hash
from rulecore._layout cimport T_CLASS, T_NONE

from array import array

from rulecore.errors import LimitError


def entry_rows(int kind, list sets, edges, uint32_t entries):
    """The rows of one test: which row from each edge on, and the rows.

    `sets` has the runs of each set that entries ask for and the positions of those entries; an edge begins a stretch
    of classes (or elements) that share a row. Row 0 of elements has the entries that don't make the test; for T_ANY
    an element's row has the entries that it satisfies, for T_NONE those that it doesn't harm. Equal rows are one.
    """
    cdef uint32_t words = (entries + 63) // 64
    cdef uint32_t stretches = <uint32_t> len(edges)
    cdef uint32_t stretch, first, behind, position
    cdef bytearray untested = bytearray(b"\xff" * (8 * words))
    cdef uint64_t[:] base = memoryview(untested).cast("Q")
    cdef uint64_t[:] row
    cdef const uint32_t[:] edge = edges
    cdef const uint32_t[:] positions
    cdef list rows = []
    cdef list views = []
    for _, where in sets:
        positions = where
        for position in positions:
            base[position >> 6] &= ~(<uint64_t> 1 << (position & 63))
    for stretch in range(stretches):
        if kind == T_CLASS:
            rows.append(bytearray(untested))
        else:
            rows.append(bytearray((b"\xff" if kind == T_NONE else b"\0") * (8 * words)))
        views.append(memoryview(rows[stretch]).cast("Q"))
    for runs, where in sets:
        positions = where
        for first, behind in runs:
            for stretch in range(stretches):
                if edge[stretch] >= behind:
                    break
                if stretch + 1 < stretches and edge[stretch + 1] <= first:
                    continue
                row = views[stretch]
                if kind == T_NONE:
                    for position in positions:
                        row[position >> 6] &= ~(<uint64_t> 1 << (position & 63))
                else:
                    for position in positions:
                        row[position >> 6] |= <uint64_t> 1 << (position & 63)
    del views
    return _distinct(kind, rows, bytes(untested))


cdef tuple _distinct(int kind, list rows, bytes untested):
    """Each stretch's row by its number, and each row once. Elements that change nothing have row 0."""
    cdef dict number_of = {}
    cdef list numbers = []
    cdef list distinct = []
    if kind != T_CLASS:
        number_of[(b"\xff" if kind == T_NONE else b"\0") * len(untested)] = 0
        distinct.append(untested)
    for row in rows:
        content = bytes(row)
        if content not in number_of:
            number_of[content] = len(distinct)
            distinct.append(content)
        numbers.append(number_of[content])
    return numbers, distinct


def dictionary_table(list strings):
    """The buckets of a dictionary of these strings, which are numbered as they come: at most half of them are used.

    Raises LimitError where so many strings share a hash, as none do by chance, that a search would take long.
    """
    cdef uint64_t room = 2
    cdef uint64_t at, hashed
    cdef uint32_t number
    cdef bytes string
    while room < 2 * <uint64_t> len(strings):
        room *= 2
    buckets = array("Q", [EMPTY_BUCKET]) * room
    cdef uint64_t[:] bucket = buckets
    for number, string in enumerate(strings):
        hashed = text_hash(string, <size_t> len(string))
        at = hashed & (room - 1)
        while bucket[at] != EMPTY_BUCKET:
            at = (at + 1) & (room - 1)
        bucket[at] = (hashed >> 32) << 32 | number
    if _longest_stretch(bucket) > PROBES_MAX:
        raise LimitError(f"more than {PROBES_MAX:,} constants of one attribute, or names of segments, collide")
    return buckets.tobytes()


cdef uint64_t _longest_stretch(const uint64_t[:] bucket) noexcept:
    """Of used buckets, with the first taken to follow the last."""
    cdef uint64_t longest = 0, used = 0
    cdef Py_ssize_t at
    for at in range(2 * bucket.shape[0]):
        used = used + 1 if bucket[at % bucket.shape[0]] != EMPTY_BUCKET else 0
        longest = max(longest, used)
    return longest
