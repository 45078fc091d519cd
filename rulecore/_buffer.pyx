"""Buffers of Python objects (bytes, mappings, Arrow buffers) as plain memory, held for as long as the view lives."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t

cdef const uint8_t* EMPTY = b""


cdef class BufferView:
    def __cinit__(self, source):
        PyObject_GetBuffer(source, &self.view, PyBUF_SIMPLE)
        self.size = <size_t>self.view.len
        self.data = <const uint8_t*>self.view.buf if self.size else EMPTY

    def __dealloc__(self):
        PyBuffer_Release(&self.view)
