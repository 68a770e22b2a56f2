"""JSON text to Python objects, on the stack that the thread has.

orjson recurses once a level, which a thread with a small stack has no room for where a value is nested deeply. There,
and only there, the levels are taken one by one.
"""

from libc.stddef cimport size_t

cdef extern from "Python.h":
    object PyObject_CallOneArg(object callable, object argument)

cdef extern from "base/platform.h" nogil:
    size_t fluxdb_stack_left() noexcept

cdef enum:
    SHALLOW_DEPTH_MAX = 128         # any stack has room for so many levels
    SHALLOW_BYTES_MAX = 2 * SHALLOW_DEPTH_MAX + 1   # and no more of them fit in so many bytes
    STACK_BYTES_ENOUGH = 262144     # for as many levels as a value may have

cdef inline bint is_for_any_stack(size_t text_bytes) noexcept nogil:
    """Tell whether a value of that size may be walked by recursion, here and now."""
    return text_bytes <= SHALLOW_BYTES_MAX or fluxdb_stack_left() >= STACK_BYTES_ENOUGH

# The objects that loads makes from the text, which is canonical.
cdef inline object parse_text(object loads, bytes text):
    if is_for_any_stack(<size_t>len(text)):
        return PyObject_CallOneArg(loads, text)
    return parse_on_small_stack(loads, text)

cdef object parse_on_small_stack(object loads, bytes text)
