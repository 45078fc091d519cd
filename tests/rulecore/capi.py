"""The C functions that a compiled module offers to others, called from a test.

Cython publishes what a `.pxd` declares in `__pyx_capi__`, as capsules; `ctypes` calls them. So what has no face in
Python is tested as its callers see it, without one being made for the tests.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype = ctypes.c_char_p
_name.argtypes = (ctypes.py_object,)


class Text(ctypes.Structure):
    """`rulecore._text.Text`."""

    _fields_ = (("data", ctypes.c_char_p), ("size", ctypes.c_size_t))


def text(value: str | bytes) -> Text:
    data = value.encode() if isinstance(value, str) else value
    return Text(data, len(data))


def c_function(module: str, name: str, result: Any, *arguments: Any) -> Any:
    """A `noexcept nogil` function of a compiled module of rulecore."""
    capsule = import_module(f"rulecore.{module}").__pyx_capi__[name]
    return ctypes.CFUNCTYPE(result, *arguments)(_pointer(capsule, _name(capsule)))
