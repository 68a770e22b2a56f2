"""Recognising Python values that are exactly plain JSON: orjson alone would write NaN as null, and an Enum as another
value.
"""

from cpython.dict cimport PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.math cimport isfinite

cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object value)
    bint PyLong_CheckExact(object value)
    bint PyDict_CheckExact(object value)

cdef enum:
    # The walk recurses once a level, and so does orjson: more would not fit the stack of a small thread.
    DEPTH_MAX = 128


def is_plain(value: object) -> bool:
    return walk(value, 0)


# Runs no Python code, so nothing that it walks can change under it.
cdef bint walk(object value, int depth) except -1:
    cdef Py_ssize_t index
    cdef Py_ssize_t position = 0
    cdef PyObject* member
    cdef PyObject* item
    if PyUnicode_CheckExact(value) or PyLong_CheckExact(value) or value is None or value is True or value is False:
        return True
    if PyFloat_CheckExact(value):
        return isfinite(PyFloat_AS_DOUBLE(value))
    if depth == DEPTH_MAX:
        return False
    if PyDict_CheckExact(value):
        while PyDict_Next(value, &position, &member, &item):
            if not PyUnicode_CheckExact(<object>member) or not walk(<object>item, depth + 1):
                return False
        return True
    if PyList_CheckExact(value):
        for index in range(PyList_GET_SIZE(value)):
            if not walk(<object>PyList_GET_ITEM(value, index), depth + 1):
                return False
        return True
    if PyTuple_CheckExact(value):
        for index in range(PyTuple_GET_SIZE(value)):
            if not walk(<object>PyTuple_GET_ITEM(value, index), depth + 1):
                return False
        return True
    return False
