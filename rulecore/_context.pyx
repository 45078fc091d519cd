"""Contexts: a caller's dict or JSON body, read straight into one typed slot for each attribute of the bundle.

Strict: a wrong type, a name given twice or anything over `rulecore.limits` is a ContextError that names the attribute,
never its value. What stands where an attribute's name ends is its value; an object where longer names go on is entered;
all else is unknown and left alone. Names are `_names`'s, JSON's tokens `_json`'s, what attributes mean the engine's.
"""

from cpython.ref cimport PyObject
from libc.math cimport isinf, trunc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from rulecore._json cimport (
    Number, Scanner, peek, scan_colon, scan_fault, scan_literal, scan_more, scan_number, scan_string, skip_space,
    skip_value, unescape,
)
from rulecore._names cimport NOWHERE, ROOT, NameTrie, names_find
from rulecore._text cimport Text, parse_duration, parse_timestamp

from rulecore.errors import ContextError
from rulecore.limits import LIMITS
from rulecore.model import Type

cdef extern from "Python.h":
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False
    bint PyUnicode_Check(PyObject* o)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject* o)
    void* PyUnicode_DATA(PyObject* o)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject* o)
    const char* PyUnicode_AsUTF8AndSize(PyObject* o, Py_ssize_t* size)
    bint PyBool_Check(PyObject* o)
    bint PyLong_Check(PyObject* o)
    bint PyFloat_Check(PyObject* o)
    bint PyDict_Check(PyObject* o)
    bint PyList_Check(PyObject* o)
    bint PyTuple_Check(PyObject* o)
    double PyFloat_AS_DOUBLE(PyObject* o)
    double PyLong_AsDouble(PyObject* o)
    long long PyLong_AsLongLongAndOverflow(PyObject* o, int* overflow)
    Py_ssize_t PySequence_Fast_GET_SIZE(PyObject* o)
    PyObject** PySequence_Fast_ITEMS(PyObject* o)
    bint PyDict_Next(PyObject* o, Py_ssize_t* position, PyObject** key, PyObject** value)
    PyObject* PyErr_Occurred()
    void PyErr_Clear()


cdef enum:
    SCRATCH_BYTES_MIN = 1024
    ITEMS_MIN = 32

cdef double INTEGER_EXACT = 9007199254740992.0       # 2^53: up to it a double says which int is meant
cdef uint32_t DEPTH_MAX = LIMITS.context_depth_max
cdef size_t BODY_BYTES_MAX = LIMITS.context_bytes_max
cdef size_t STRING_BYTES_MAX = LIMITS.string_bytes_max
cdef Py_ssize_t LIST_ITEMS_MAX = LIMITS.list_items_max

cdef tuple WRONG_TYPE = (    # by ValueType
    "must be a bool",
    "must be an int of 64 bits",
    "must be a number that a double can hold",
    "must be a string",
    "must be a string with an RFC 3339 timestamp, such as 2026-11-20T18:00:00Z",
    "must be a string with a duration, such as 1h30m",
    "must be a list of strings",
    "must be a list of ints of 64 bits",
)
cdef str TWICE = "is given twice"
cdef str NOT_UNICODE = "is not valid Unicode"
cdef str LONG_STRING = f"must not have more than {LIMITS.string_bytes_max} bytes in a string"
cdef str LONG_LIST = f"must not have more than {LIMITS.list_items_max} items"


# The workspace ------------------------------------------------------------------------------------------------------

cdef struct Chunk:           # stands before each chunk of scratch memory
    Chunk* older


cdef Slots* slots_new(uint32_t count) except NULL:
    cdef Slots* slots = <Slots*>calloc(1, sizeof(Slots))
    if slots == NULL:
        raise MemoryError
    slots.slot = <Slot*>calloc(max(count, 1), sizeof(Slot))
    if slots.slot == NULL:
        free(slots)
        raise MemoryError
    slots.count = count
    return slots


cdef void slots_free(Slots* slots) noexcept:
    if slots == NULL:
        return
    free_chunks(slots.scratch)
    free(slots.items)
    free(slots.slot)
    free(slots)


cdef void slots_clear(Slots* slots) noexcept nogil:
    """All slots absent. Of the scratch only the newest chunk is kept: it is the largest."""
    cdef Chunk* chunk
    memset(slots.slot, 0, slots.count * sizeof(Slot))
    slots.items_used = 0
    slots.scratch_used = 0
    if slots.scratch != NULL:
        chunk = <Chunk*>slots.scratch - 1
        if chunk.older != NULL:
            free_chunks(<char*>(chunk.older + 1))
            chunk.older = NULL


cdef char* slots_scratch(Slots* slots, size_t size) noexcept nogil:
    cdef Chunk* chunk
    cdef size_t room
    if slots.scratch == NULL or size > slots.scratch_room - slots.scratch_used:
        room = max(max(2 * slots.scratch_room, size), <size_t>SCRATCH_BYTES_MIN)
        chunk = <Chunk*>malloc(sizeof(Chunk) + room)
        if chunk == NULL:
            return NULL
        chunk.older = NULL if slots.scratch == NULL else <Chunk*>slots.scratch - 1
        slots.scratch = <char*>(chunk + 1)
        slots.scratch_room = room
        slots.scratch_used = 0
    slots.scratch_used += size
    return slots.scratch + slots.scratch_used - size


cdef void free_chunks(char* scratch) noexcept nogil:
    cdef Chunk* chunk
    cdef Chunk* older
    if scratch == NULL:
        return
    chunk = <Chunk*>scratch - 1
    while chunk != NULL:
        older = chunk.older
        free(chunk)
        chunk = older


cdef inline Value* add_item(Slots* slots) noexcept nogil:
    """Room for one more element of a list, or NULL when memory is short."""
    cdef uint32_t room
    cdef Value* items
    if slots.items_used == slots.items_room:
        room = max(2 * slots.items_room, <uint32_t>ITEMS_MIN)
        items = <Value*>realloc(slots.items, room * sizeof(Value))
        if items == NULL:
            return NULL
        slots.items = items
        slots.items_room = room
    slots.items_used += 1
    return &slots.items[slots.items_used - 1]


# Python's values ----------------------------------------------------------------------------------------------------

cdef inline int text_of(PyObject* string, Text* out) noexcept:
    """The UTF-8 of a str, kept by the str; -1 if it has none: a surrogate on its own."""
    cdef Py_ssize_t size
    if PyUnicode_IS_COMPACT_ASCII(string):
        out.data = <const char*>PyUnicode_DATA(string)
        out.size = <size_t>PyUnicode_GET_LENGTH(string)
        return 0
    out.data = PyUnicode_AsUTF8AndSize(string, &size)
    if out.data == NULL:
        PyErr_Clear()
        return -1
    out.size = <size_t>size
    return 0


cdef inline bint int_of(PyObject* value, int64_t* out) noexcept:
    cdef int overflow
    if PyLong_Check(value):
        out[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
        return overflow == 0 and not PyBool_Check(value)
    return PyFloat_Check(value) and integral(PyFloat_AS_DOUBLE(value), out)


cdef inline bint integral(double real, int64_t* out) noexcept:
    if not (-INTEGER_EXACT <= real <= INTEGER_EXACT) or trunc(real) != real:
        return False
    out[0] = <int64_t>real
    return True


cdef inline bint double_of(PyObject* value, double* out) noexcept:
    if PyFloat_Check(value):
        out[0] = PyFloat_AS_DOUBLE(value)
        return True
    if not PyLong_Check(value) or PyBool_Check(value):
        return False
    out[0] = PyLong_AsDouble(value)
    if out[0] == -1.0 and PyErr_Occurred() != NULL:
        PyErr_Clear()
        return False
    return True


cdef object slot_object(Slots* slots, uint32_t index, uint8_t kind):
    cdef Slot* slot = &slots.slot[index]
    cdef ListView view
    if slot.state != PRESENT:
        return None
    if kind == T_LIST_STRING or kind == T_LIST_INT:
        view = slot.value.items
        return [
            value_object(slots.items[i], T_STRING if kind == T_LIST_STRING else T_INT)
            for i in range(view.first, view.first + view.count)
        ]
    return value_object(slot.value, kind)


cdef object value_object(Value value, uint8_t kind):
    if kind == T_BOOL:
        return bool(value.integer)
    if kind == T_DOUBLE:
        return value.real
    if kind == T_STRING:
        return value.text.data[:value.text.size].decode()
    return value.integer


# The reader ---------------------------------------------------------------------------------------------------------

cdef inline bint begins_value(uint8_t c) noexcept nogil:
    return (
        c == c'"' or c == c"{" or c == c"[" or c == c"t" or c == c"f" or c == c"n" or c == c"-"
        or (c >= c"0" and c <= c"9")
    )


cdef int malformed(Scanner* s) except -1:
    raise ContextError(s.fault.decode(), None, s.at - s.begin)


cdef class ContextReader:
    def __cinit__(self, tuple names not None, tuple types not None):
        cdef list kinds = list(Type)
        if len(names) != len(types):
            raise ValueError("there must be a type for each name")
        if Type.SEMVER in types:
            raise ValueError("no attribute can be a semver")
        self.names = names
        self.types = bytes([kinds.index(each) for each in types])
        self.type_of = <const uint8_t*><const char*>self.types
        self.trie = NameTrie(names)

    def read(self, object context):
        cdef Slots* slots = slots_new(<uint32_t>len(self.names))
        cdef bytes body
        cdef uint32_t i
        try:
            if isinstance(context, bytes):
                body = context
                self.read_json(<const uint8_t*><const char*>body, len(body), slots)
            else:
                self.read_dict(context, slots)
            return {
                self.names[i]: slot_object(slots, i, self.type_of[i])
                for i in range(slots.count) if slots.slot[i].given
            }
        finally:
            slots_free(slots)

    cdef int refuse(self, uint32_t index, str what, Scanner* s) except -1:
        raise ContextError(what, self.names[index], None if s == NULL else s.at - s.begin)

    cdef int refuse_type(self, uint32_t index, Scanner* s) except -1:
        if s == NULL or begins_value(peek(s)):
            return self.refuse(index, WRONG_TYPE[self.type_of[index]], s)
        scan_fault(s, "expected a value")
        return malformed(s)

    cdef int place_text(self, uint32_t index, Text text, Value* out, Scanner* s) except -1:
        """Text for a slot or an element: as it is, or as the timestamp or duration that it writes."""
        cdef uint8_t kind = self.type_of[index]
        if text.size > STRING_BYTES_MAX:
            return self.refuse(index, LONG_STRING, s)
        if kind == T_STRING or kind == T_LIST_STRING:
            out.text = text
        elif not (
            parse_timestamp(text, &out.integer) if kind == T_TIMESTAMP else parse_duration(text, &out.integer)
        ):
            return self.refuse_type(index, s)
        return 0

    # From a dict

    cdef int read_dict(self, object context, Slots* out) except -1:
        slots_clear(out)
        if not PyDict_Check(<PyObject*>context):
            raise TypeError("a context is a dict, or JSON as bytes")
        return self.take_dict(<PyObject*>context, ROOT, out)

    cdef int take_dict(self, PyObject* members, uint32_t origin, Slots* out) except -1:
        cdef Py_ssize_t position = 0
        cdef PyObject* key
        cdef PyObject* value
        cdef Text name
        cdef uint32_t target
        cdef int32_t slot
        while PyDict_Next(members, &position, &key, &value):
            if not PyUnicode_Check(key):
                continue
            if text_of(key, &name) < 0:
                raise ContextError("a name is not valid Unicode")
            target = names_find(self.trie, origin, name.data, name.size)
            if target == NOWHERE:
                continue
            slot = self.trie.slots[target]
            if slot >= 0:
                self.take_value(<uint32_t>slot, value, out)
            elif PyDict_Check(value):
                self.take_dict(value, target, out)
        return 0

    cdef int take_value(self, uint32_t index, PyObject* value, Slots* out) except -1:
        cdef Slot* slot = &out.slot[index]
        cdef uint8_t kind = self.type_of[index]
        cdef bint right = True
        if slot.given:
            return self.refuse(index, TWICE, NULL)
        slot.given = True
        if value == Py_None:
            return 0
        if kind == T_STRING or kind == T_TIMESTAMP or kind == T_DURATION:
            self.take_str(index, value, &slot.value)
        elif kind == T_INT:
            right = int_of(value, &slot.value.integer)
        elif kind == T_DOUBLE:
            right = double_of(value, &slot.value.real)
        elif kind == T_BOOL:
            right = PyBool_Check(value)
            slot.value.integer = value == Py_True
        else:
            self.take_list(index, value, out)
        if not right:
            return self.refuse_type(index, NULL)
        slot.state = PRESENT
        return 0

    cdef int take_str(self, uint32_t index, PyObject* value, Value* out) except -1:
        cdef Text text
        if not PyUnicode_Check(value):
            return self.refuse_type(index, NULL)
        if text_of(value, &text) < 0:
            return self.refuse(index, NOT_UNICODE, NULL)
        return self.place_text(index, text, out, NULL)

    cdef int take_list(self, uint32_t index, PyObject* value, Slots* out) except -1:
        cdef uint8_t kind = self.type_of[index]
        cdef uint32_t first = out.items_used
        cdef PyObject** items
        cdef Py_ssize_t size, i
        cdef Value* item
        if not PyList_Check(value) and not PyTuple_Check(value):
            return self.refuse_type(index, NULL)
        items = PySequence_Fast_ITEMS(value)
        size = PySequence_Fast_GET_SIZE(value)
        if size > LIST_ITEMS_MAX:
            return self.refuse(index, LONG_LIST, NULL)
        for i in range(size):
            item = add_item(out)
            if item == NULL:
                raise MemoryError
            if kind == T_LIST_STRING:
                self.take_str(index, items[i], item)
            elif not int_of(items[i], &item.integer):
                return self.refuse_type(index, NULL)
        out.slot[index].value.items = ListView(first, <uint32_t>size)
        return 0

    # From JSON

    cdef int read_json(self, const uint8_t* body, size_t size, Slots* out) except -1:
        cdef Scanner s
        slots_clear(out)
        if size > BODY_BYTES_MAX:
            raise ContextError(f"a context must not have more than {BODY_BYTES_MAX} bytes", None, BODY_BYTES_MAX)
        s.begin = s.at = body
        s.end = body + size
        skip_space(&s)
        if peek(&s) != c"{":
            scan_fault(&s, "a context must be an object")
            return malformed(&s)
        self.scan_object(ROOT, 1, &s, out)
        skip_space(&s)
        if s.at != s.end:
            scan_fault(&s, "something follows the object")
            return malformed(&s)
        return 0

    cdef int scan_object(self, uint32_t origin, uint32_t depth, Scanner* s, Slots* out) except -1:
        cdef Text name
        cdef int32_t slot
        cdef uint32_t target
        cdef int more
        s.at += 1
        more = scan_more(s, c"}", True)
        while more > 0:
            scan_text(s, out, &name)
            if scan_colon(s) < 0:
                return malformed(s)
            target = names_find(self.trie, origin, name.data, name.size)
            slot = -1 if target == NOWHERE else self.trie.slots[target]
            if slot >= 0:
                self.scan_value(<uint32_t>slot, s, out)
            elif target != NOWHERE and peek(s) == c"{":
                self.scan_object(target, depth + 1, s, out)
            elif skip_value(s, depth, DEPTH_MAX) < 0:
                return malformed(s)
            more = scan_more(s, c"}", False)
        return 0 if more == 0 else malformed(s)

    cdef int scan_value(self, uint32_t index, Scanner* s, Slots* out) except -1:
        cdef Slot* slot = &out.slot[index]
        cdef uint8_t kind = self.type_of[index]
        cdef uint8_t c = peek(s)
        if slot.given:
            return self.refuse(index, TWICE, s)
        slot.given = True
        if c == c"n":
            return 0 if scan_literal(s, "null", 4) == 0 else malformed(s)
        if kind == T_STRING or kind == T_TIMESTAMP or kind == T_DURATION:
            self.scan_str(index, s, out, &slot.value)
        elif kind == T_INT:
            self.scan_int(index, s, &slot.value)
        elif kind == T_DOUBLE:
            self.scan_double(index, s, &slot.value)
        elif kind == T_BOOL:
            if c != c"t" and c != c"f":
                return self.refuse_type(index, s)
            slot.value.integer = c == c"t"
            if (scan_literal(s, "true", 4) if c == c"t" else scan_literal(s, "false", 5)) < 0:
                return malformed(s)
        else:
            self.scan_list(index, s, out)
        slot.state = PRESENT
        return 0

    cdef int scan_str(self, uint32_t index, Scanner* s, Slots* out, Value* value) except -1:
        cdef const uint8_t* begin = s.at
        cdef const uint8_t* end
        cdef Text text
        if peek(s) != c'"':
            return self.refuse_type(index, s)
        scan_text(s, out, &text)
        end = s.at
        s.at = begin             # what is wrong with the text is said of where it begins
        self.place_text(index, text, value, s)
        s.at = end
        return 0

    cdef int scan_int(self, uint32_t index, Scanner* s, Value* value) except -1:
        cdef const uint8_t* begin = s.at
        cdef Number number
        self.scan_figure(index, s, &number)
        if number.fits:
            value.integer = number.integer
        elif number.written_as_int or not integral(number.real, &value.integer):
            s.at = begin
            return self.refuse_type(index, s)
        return 0

    cdef int scan_double(self, uint32_t index, Scanner* s, Value* value) except -1:
        cdef const uint8_t* begin = s.at
        cdef Number number
        self.scan_figure(index, s, &number)
        if isinf(number.real):
            s.at = begin
            return self.refuse_type(index, s)
        value.real = number.real
        return 0

    cdef int scan_figure(self, uint32_t index, Scanner* s, Number* number) except -1:
        cdef uint8_t c = peek(s)
        if c != c"-" and (c < c"0" or c > c"9"):
            return self.refuse_type(index, s)
        return 0 if scan_number(s, number) == 0 else malformed(s)

    cdef int scan_list(self, uint32_t index, Scanner* s, Slots* out) except -1:
        cdef uint8_t kind = self.type_of[index]
        cdef uint32_t first = out.items_used
        cdef Value* item
        cdef int more
        if peek(s) != c"[":
            return self.refuse_type(index, s)
        s.at += 1
        more = scan_more(s, c"]", True)
        while more > 0:
            if out.items_used - first == LIST_ITEMS_MAX:
                return self.refuse(index, LONG_LIST, s)
            item = add_item(out)
            if item == NULL:
                raise MemoryError
            if kind == T_LIST_STRING:
                self.scan_str(index, s, out, item)
            else:
                self.scan_int(index, s, item)
            more = scan_more(s, c"]", False)
        if more < 0:
            return malformed(s)
        out.slot[index].value.items = ListView(first, out.items_used - first)
        return 0


cdef inline int scan_text(Scanner* s, Slots* out, Text* text) except -1:
    """A string with its escapes resolved: it lies in the body, or in the scratch."""
    cdef bint escaped
    cdef char* copy
    if scan_string(s, text, &escaped) < 0:
        return malformed(s)
    if escaped:
        copy = slots_scratch(out, text.size)
        if copy == NULL:
            raise MemoryError
        text.size = unescape(text[0], copy)
        text.data = copy
    return 0
