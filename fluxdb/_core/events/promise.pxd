"""An awaitable outcome: acts like asyncio.Future for the task, but runs from the callback that brings the outcome."""

from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef int PySendResult
    PySendResult PYGEN_RETURN, PYGEN_ERROR, PYGEN_NEXT
    ctypedef PySendResult (*sendfunc)(PyObject* receiver, PyObject* sent, PyObject** result) noexcept
    ctypedef struct PyAsyncMethods:
        sendfunc am_send
    ctypedef struct PyTypeObject:
        PyAsyncMethods* tp_as_async
    void PyErr_SetObject(object kind, object error) noexcept

cdef enum:
    PENDING = 0
    RESULT = 1
    ERROR = 2
    CANCELLED = 3

cdef class Promise:
    cdef object loop
    cdef object outcome         # promised while PENDING; the result, the exception, or the words of who cancelled
    cdef object callback        # of the task that awaits it
    cdef object context
    cdef list others            # further callbacks and their contexts: of a shield or a gather
    cdef int state
    cdef public bint _asyncio_future_blocking   # how a task tells that it was yielded by an await

    cdef object no_result(self)
    cdef list callbacks(self)
    cdef int settle_soon(self, int state, outcome) except -1
    cdef int call_back(self) except -1
