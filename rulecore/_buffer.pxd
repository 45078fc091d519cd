# The memory of any object that has the buffer protocol, whatever its items are called there.
from libc.stdint cimport uint8_t


cdef class BufferView:
    cdef Py_buffer view
    cdef const uint8_t* data               # never NULL, for an empty buffer may have no address
    cdef size_t size                       # bytes
