"""Contexts: a caller's dict or JSON body, read straight into one typed slot for each attribute of the bundle.

Strict: a wrong type, a name given twice or anything over `rulecore.limits` is a ContextError that names the attribute,
never its value. What stands where an attribute's name ends is its value; an object where longer names go on is entered;
all else is unknown and left alone.

Both ways in go through the members in their order and stop at the first that can't be taken, so they agree on which
error it is: a body gives the slots of its dict, or the error of its dict and the byte. JSON alone has an error of its
own where no dict comes of a body (it is malformed, too long, or nests too deep) and where the dict has lost what the
text says: an attribute that is written twice.

Names are `_names`'s, the slots' memory `_slots`'s, JSON's tokens `_json`'s, what attributes mean the engine's.
"""

from cpython.ref cimport PyObject
from libc.math cimport isinf, trunc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from rulecore._json cimport (
    Fault, Number, scan_colon, scan_fault, scan_literal, scan_number, scan_string, skip_space, skip_value, unescape,
)
from rulecore._names cimport ROOT, Edge, names_expect, names_expected, names_find, names_find_str
from rulecore._text cimport Text, parse_duration, parse_timestamp, str_text

from rulecore.errors import ContextError
from rulecore.limits import LIMITS
from rulecore.model import Type

cdef extern from "Python.h":
    PyObject* Py_None
    PyObject* Py_True
    bint PyUnicode_Check(PyObject* o)
    bint PyUnicode_IS_ASCII(PyObject* o)
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


cdef double INTEGER_EXACT = 9007199254740992.0       # 2^53: up to it a double says which int is meant
cdef uint32_t DEPTH_MAX = LIMITS.context_depth_max
cdef size_t BODY_BYTES_MAX = LIMITS.context_bytes_max
cdef size_t STRING_BYTES_MAX = LIMITS.string_bytes_max
cdef Py_ssize_t LIST_ITEMS_MAX = LIMITS.list_items_max

ctypedef const char* Message

cdef Message[8] WRONG_TYPE = [     # by ValueType
    "must be a bool",
    "must be an int of 64 bits",
    "must be a number that a double can hold",
    "must be a string",
    "must be a string with an RFC 3339 timestamp, such as 2026-11-20T18:00:00Z",
    "must be a string with a duration, such as 1h30m",
    "must be a list of strings",
    "must be a list of ints of 64 bits",
]
cdef Message EXPECTED_MORE = "expected a comma or the end of the object or list"
cdef Message TWICE = "is given twice"
cdef Message NOT_UNICODE = "is not valid Unicode"
cdef bytes _LONG_STRING = f"must not have more than {LIMITS.string_bytes_max} bytes in a string".encode()
cdef bytes _LONG_LIST = f"must not have more than {LIMITS.list_items_max} items".encode()
cdef Message LONG_STRING = _LONG_STRING
cdef Message LONG_LIST = _LONG_LIST


# Python's numbers ---------------------------------------------------------------------------------------------------

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


# The reader ---------------------------------------------------------------------------------------------------------

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
                self.names[i]: slot_object(slots, i, self.types[i])
                for i in range(slots.count) if slots.slot[i].given
            }
        finally:
            slots_free(slots)

    cdef int read_dict(self, object context, Slots* out) except -1:
        cdef Reading r
        self.begin(&r, out)
        if not PyDict_Check(<PyObject*>context):
            raise TypeError("a context is a dict, or JSON as bytes")
        return 0 if take_dict(&r, <PyObject*>context, ROOT) else self.raise_fault(&r)

    cdef int read_json(self, const uint8_t* body, size_t size, Slots* out) except -1:
        cdef Reading r
        self.begin(&r, out)
        if size > BODY_BYTES_MAX:
            raise ContextError(f"a context must not have more than {BODY_BYTES_MAX} bytes", None, BODY_BYTES_MAX)
        r.json.begin = body
        r.json.end = body + size
        return 0 if scan_body(&r, skip_space(body)) != NULL else self.raise_fault(&r)

    cdef void begin(self, Reading* r, Slots* out) noexcept:
        slots_clear(out)
        r.names = &self.trie.names
        r.type_of = self.type_of
        r.out = out

    cdef int raise_fault(self, Reading* r) except -1:
        cdef Fault* fault = &r.json.fault
        if fault.what == NULL:
            raise MemoryError
        raise ContextError(
            fault.what.decode(),
            None if fault.slot < 0 else self.names[fault.slot],
            None if fault.at == NULL else fault.at - r.json.begin,
        )


# Note what is wrong with the attribute of this slot, if it is not -1, and at which byte. Called on the way out.

cdef bint refuse(Reading* r, int32_t slot, Message what) noexcept:
    r.json.fault = Fault(what, slot, NULL)
    return False


cdef const uint8_t* refuse_at(Reading* r, const uint8_t* at, int32_t slot, Message what) noexcept:
    r.json.fault = Fault(what, slot, at)
    return NULL


cdef inline Message place_text(uint8_t kind, Value* value) noexcept:
    """Text for a slot or an element: as it is, or as the time that it writes. NULL, or what is wrong with it."""
    if value.text.size > STRING_BYTES_MAX:
        return LONG_STRING
    return NULL if kind == T_STRING or kind == T_LIST_STRING else place_time(kind, value)


cdef Message place_time(uint8_t kind, Value* value) noexcept:
    cdef Text text = value.text
    if parse_timestamp(text, &value.integer) if kind == T_TIMESTAMP else parse_duration(text, &value.integer):
        return NULL
    return WRONG_TYPE[kind]


# From a dict --------------------------------------------------------------------------------------------------------

cdef bint take_dict(Reading* r, PyObject* members, uint32_t origin) noexcept:
    cdef Py_ssize_t position = 0
    cdef PyObject* key
    cdef PyObject* value
    cdef Text name
    cdef const Edge* edge
    while PyDict_Next(members, &position, &key, &value):
        if not PyUnicode_Check(key):
            continue
        edge = names_find_str(r.names, origin, key)
        if edge == NULL:
            if not PyUnicode_IS_ASCII(key) and not str_text(key, &name):
                return refuse(r, -1, "a name is not valid Unicode")
        elif edge.slot >= 0:
            if not take_value(r, <uint32_t>edge.slot, value):
                return False
        elif PyDict_Check(value) and not take_dict(r, value, edge.target):
            return False
    return True


cdef inline bint take_value(Reading* r, uint32_t index, PyObject* value) noexcept:
    cdef Slot* slot = &r.out.slot[index]
    cdef uint8_t kind = r.type_of[index]
    cdef bint right
    if slot.given:
        return refuse(r, index, TWICE)
    slot.given = True
    if value == Py_None:
        return True
    slot.state = PRESENT
    if kind == T_STRING or kind == T_TIMESTAMP or kind == T_DURATION:
        return take_text(r, index, kind, value, &slot.value)
    if kind == T_LIST_STRING or kind == T_LIST_INT:
        return take_list(r, index, kind, value)
    if kind == T_INT:
        right = int_of(value, &slot.value.integer)
    elif kind == T_DOUBLE:
        right = double_of(value, &slot.value.real)
    else:
        right = PyBool_Check(value)
        slot.value.integer = value == Py_True
    return right or refuse(r, index, WRONG_TYPE[kind])


cdef inline bint take_text(Reading* r, uint32_t index, uint8_t kind, PyObject* value, Value* out) noexcept:
    cdef Message wrong
    if not PyUnicode_Check(value):
        return refuse(r, index, WRONG_TYPE[kind])
    if not str_text(value, &out.text):
        return refuse(r, index, NOT_UNICODE)
    wrong = place_text(kind, out)
    return wrong == NULL or refuse(r, index, wrong)


cdef bint take_list(Reading* r, uint32_t index, uint8_t kind, PyObject* value) noexcept:
    """The items up to the limit come first, as they do when JSON is read."""
    cdef uint32_t first = r.out.items_used
    cdef PyObject** items
    cdef Py_ssize_t size, i
    cdef Value* item
    if not PyList_Check(value) and not PyTuple_Check(value):
        return refuse(r, index, WRONG_TYPE[kind])
    items = PySequence_Fast_ITEMS(value)
    size = PySequence_Fast_GET_SIZE(value)
    for i in range(min(size, LIST_ITEMS_MAX)):
        item = slots_item(r.out)
        if item == NULL:
            return refuse(r, index, NULL)
        if kind == T_LIST_STRING:
            if not take_text(r, index, kind, items[i], item):
                return False
        elif not int_of(items[i], &item.integer):
            return refuse(r, index, WRONG_TYPE[kind])
    if size > LIST_ITEMS_MAX:
        return refuse(r, index, LONG_LIST)
    r.out.slot[index].value.items = ListView(first, <uint32_t>size)
    return True


# From JSON ----------------------------------------------------------------------------------------------------------

cdef const uint8_t* scan_body(Reading* r, const uint8_t* at) noexcept:
    if at[0] != c"{":
        return scan_fault(&r.json, at, "a context must be an object")
    at = scan_object(r, at, ROOT, 1)
    if at == NULL:
        return NULL
    at = skip_space(at)
    return at if at == r.json.end else scan_fault(&r.json, at, "something follows the object")


cdef const uint8_t* scan_object(Reading* r, const uint8_t* at, uint32_t origin, uint32_t depth) noexcept:
    cdef uint32_t* expected = &r.names.first[origin]
    cdef Edge* edge
    at = skip_space(at + 1)
    if at[0] == c"}":
        return at + 1
    while True:
        if at[0] != c'"':
            return scan_fault(&r.json, at, "expected a string")
        edge = names_expected(r.names, expected[0], at + 1, r.json.end)
        if edge != NULL:
            at += edge.size + 2
        else:
            at = scan_name(r, at, origin, expected, &edge)
            if at == NULL:
                return NULL
        at = scan_colon(&r.json, at)
        if at == NULL:
            return NULL
        if edge == NULL:
            at = skip_value(&r.json, at, depth, DEPTH_MAX)
        else:
            expected = &edge.follower
            if edge.slot >= 0:
                at = scan_value(r, at, <uint32_t>edge.slot)
            elif at[0] == c"{":
                at = scan_object(r, at, edge.target, depth + 1)
            else:
                at = skip_value(&r.json, at, depth, DEPTH_MAX)
        if at == NULL:
            return NULL
        at = skip_space(at)
        if at[0] != c",":
            break
        at = skip_space(at + 1)
    return at + 1 if at[0] == c"}" else scan_fault(&r.json, at, EXPECTED_MORE)


cdef const uint8_t* scan_name(
    Reading* r, const uint8_t* at, uint32_t origin, uint32_t* expected, Edge** edge
) noexcept:
    """A name that was not expected, and its edge, NULL when it is unknown; the known one is expected next time."""
    cdef Text name
    at = scan_text(r, at, &name)
    if at == NULL:
        return NULL
    edge[0] = names_find(r.names, origin, name.data, name.size)
    if edge[0] != NULL:
        names_expect(r.names, expected, edge[0])
    return at


cdef inline const uint8_t* scan_value(Reading* r, const uint8_t* at, uint32_t index) noexcept:
    cdef Slot* slot = &r.out.slot[index]
    cdef uint8_t kind = r.type_of[index]
    if slot.given:
        return refuse_at(r, at, index, TWICE)
    slot.given = True
    if at[0] == c"n":
        return scan_literal(&r.json, at, "null")
    slot.state = PRESENT
    if kind == T_STRING or kind == T_TIMESTAMP or kind == T_DURATION:
        return scan_string_value(r, at, index, kind, &slot.value)
    if kind == T_LIST_STRING or kind == T_LIST_INT:
        return scan_list(r, at, index, kind)
    if kind == T_BOOL:
        slot.value.integer = at[0] == c"t"
        return scan_bool(r, at, index)
    return scan_figure(r, at, index, kind, &slot.value)


cdef inline const uint8_t* scan_string_value(
    Reading* r, const uint8_t* at, uint32_t index, uint8_t kind, Value* value
) noexcept:
    cdef const uint8_t* begin = at
    cdef Message wrong
    if at[0] != c'"':
        return wrong_type(r, at, index)
    at = scan_text(r, at, &value.text)
    if at == NULL:
        return NULL
    wrong = place_text(kind, value)
    return at if wrong == NULL else refuse_at(r, begin, index, wrong)


cdef inline const uint8_t* scan_text(Reading* r, const uint8_t* at, Text* text) noexcept:
    """A string with its escapes resolved: it lies in the body, or in the scratch."""
    cdef bint escaped
    cdef char* copy
    at = scan_string(&r.json, at, text, &escaped)
    if at != NULL and escaped:
        copy = slots_scratch(r.out, text.size)
        if copy == NULL:
            return scan_fault(&r.json, at, NULL)
        text.size = unescape(text[0], copy)
        text.data = copy
    return at


cdef const uint8_t* scan_bool(Reading* r, const uint8_t* at, uint32_t index) noexcept:
    if at[0] == c"t":
        return scan_literal(&r.json, at, "true")
    return scan_literal(&r.json, at, "false") if at[0] == c"f" else wrong_type(r, at, index)


cdef inline const uint8_t* scan_figure(
    Reading* r, const uint8_t* at, uint32_t index, uint8_t kind, Value* value
) noexcept:
    """A number for a slot or an element, as an int or as a double."""
    cdef const uint8_t* begin = at
    cdef Number number
    cdef bint right = True
    if at[0] != c"-" and (at[0] < c"0" or at[0] > c"9"):
        return wrong_type(r, at, index)
    at = scan_number(&r.json, at, &number)
    if at == NULL:
        return NULL
    if kind == T_DOUBLE:
        right = not isinf(number.real)
        value.real = number.real
    elif number.fits:
        value.integer = number.integer
    else:
        right = not number.written_as_int and integral(number.real, &value.integer)
    return at if right else wrong_type(r, begin, index)


cdef const uint8_t* scan_list(Reading* r, const uint8_t* at, uint32_t index, uint8_t kind) noexcept:
    cdef uint32_t first = r.out.items_used
    cdef Value* item
    if at[0] != c"[":
        return wrong_type(r, at, index)
    at = skip_space(at + 1)
    while at[0] != c"]":
        if r.out.items_used - first == LIST_ITEMS_MAX:
            return refuse_at(r, at, index, LONG_LIST)
        item = slots_item(r.out)
        if item == NULL:
            return refuse_at(r, at, index, NULL)
        if kind == T_LIST_STRING:
            at = scan_string_value(r, at, index, kind, item)
        else:
            at = scan_figure(r, at, index, kind, item)
        if at == NULL:
            return NULL
        at = skip_space(at)
        if at[0] == c",":
            at = skip_space(at + 1)
            if at[0] == c"]":
                return scan_fault(&r.json, at, "expected a value")
        elif at[0] != c"]":
            return scan_fault(&r.json, at, EXPECTED_MORE)
    r.out.slot[index].value.items = ListView(first, r.out.items_used - first)
    return at + 1


cdef const uint8_t* wrong_type(Reading* r, const uint8_t* at, uint32_t index) noexcept:
    if (
        at[0] == c'"' or at[0] == c"{" or at[0] == c"[" or at[0] == c"t" or at[0] == c"f" or at[0] == c"n"
        or at[0] == c"-" or c"0" <= at[0] <= c"9"
    ):
        return refuse_at(r, at, index, WRONG_TYPE[r.type_of[index]])
    return scan_fault(&r.json, at, "expected a value")
