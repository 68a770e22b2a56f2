"""From a feed's events to those that a task iterates over: taken, parsed and awaited without a line of Python."""

cimport cython
from cpython.dict cimport PyDict_Copy, PyDict_Next, PyDict_SetItem
from cpython.list cimport PyList_GET_SIZE, PyList_GetSlice
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t

from fluxdb._core.base.model cimport Event, new_event
from fluxdb._core.events.backlog cimport ClientBacklog
from fluxdb._core.events.feed cimport Feed, FeedSubscriber, call_whatever_comes
from fluxdb._core.events.promise cimport (
    CANCELLED, PENDING, PYGEN_ERROR, PYGEN_NEXT, PYGEN_RETURN, RESULT, Promise, PyErr_SetObject, PySendResult,
    PyTypeObject,
)
from fluxdb._core.json.parse cimport is_for_any_stack, parse_text

from fluxdb.errors import ClosedError, ForkedError

cdef enum:
    COPIED = 16                 # events of which a parsed one is kept, to be copied for all but the first two takers
    COPIED_BYTES_MAX = 4096     # of their JSON text, each
    WAITING_SPARE = 64


cdef object copy_of(object value):
    """Copy a value that was parsed from JSON: nothing mutable is shared."""
    cdef PyObject* key
    cdef PyObject* item
    cdef Py_ssize_t at = 0
    if type(value) is dict:
        copied = PyDict_Copy(value)
        while PyDict_Next(value, &at, &key, &item):
            if type(<object>item) is dict or type(<object>item) is list:
                PyDict_SetItem(copied, <object>key, copy_of(<object>item))
        return copied
    if type(value) is list:
        elements = PyList_GetSlice(value, 0, PyList_GET_SIZE(value))
        for at in range(PyList_GET_SIZE(value)):
            if type((<list>value)[at]) is dict or type((<list>value)[at]) is list:
                (<list>elements)[at] = copy_of((<list>value)[at])
        return elements
    return value


cdef class EventParser:
    """To parse costs more than all the rest of telling one of many subscribers; to copy what was parsed costs less."""
    cdef object loads
    cdef dict operations
    # By the lowest bits of a raw event's revision: it, and what it says once it was seen twice. One object, so that a
    # thread that parses while another takes the place can't leave its own event in the other's name.
    cdef list kept

    def __cinit__(self, loads, operations):
        self.loads = loads
        self.operations = {int(kind): operation for kind, operation in operations.items()}
        self.kept = [(None, None)] * COPIED

    cpdef object parse(self, tuple raw):
        cdef object old, new
        cdef Event said
        cdef Py_ssize_t place, text_bytes
        old, new = raw[2], raw[3]
        text_bytes = (0 if old is None else len(<bytes>old)) + (0 if new is None else len(<bytes>new))
        if text_bytes > COPIED_BYTES_MAX or not is_for_any_stack(<size_t>text_bytes):   # to copy recurses, too
            return self.parse_anew(raw)
        place = <Py_ssize_t>(<uint64_t>raw[5] % COPIED)
        seen, parsed = <tuple>self.kept[place]
        if seen is not raw:
            self.kept[place] = (raw, None)
            return self.parse_anew(raw)
        if parsed is None:
            parsed = self.parse_anew(raw)       # may run any code: that of a finalizer, or of another thread
            self.kept[place] = (raw, parsed)
        said = <Event>parsed
        return new_event(
            said.key, copy_of(said.old), copy_of(said.new), said.version, said.op, said.revision, said.commit
        )

    cdef Event parse_anew(self, tuple raw):
        old = raw[2] if raw[2] is None else parse_text(self.loads, <bytes>raw[2])
        new = raw[3] if raw[3] is None else parse_text(self.loads, <bytes>raw[3])
        return new_event(raw[1], old, new, raw[4], self.operations[raw[0]], raw[5], raw[6])

    def take(self, FeedSubscriber subscriber not None):
        raw = subscriber.take()
        return None if raw is None else self.parse(<tuple>raw)


cdef class TaskSubscriber(FeedSubscriber):
    cdef object bell
    cdef object loop
    cdef Promise promise        # of the last one that began to wait
    cdef list earlier           # of those before him who wait still
    cdef Promise spare          # awaited to its end: a loop full of new ones would keep the garbage collector busy

    def __init__(self, Feed feed not None, tuple keys not None, on_end, bell, ClientBacklog client=None):
        FeedSubscriber.__init__(self, feed, keys, on_end)
        if client is not None:
            self.client = client
            self.keep_until_sent()
        self.bell = bell
        self.loop = bell.loop

    def wait(self):
        return self.wait_by(Promise.__new__(Promise, self.loop))

    cdef Promise wait_by(self, Promise promise):
        """Have the promise, which nobody awaits, resolved when there is news; at once where there is some."""
        cdef Feed feed = self.feed
        cdef list waiting
        if self.promise is not None and self.promise.state == PENDING:
            if self.earlier is None:
                self.earlier = []
            self.earlier = [
                earlier for earlier in self.earlier
                if not earlier.done() and earlier is not promise and earlier is not self.promise
            ]
            self.earlier.append(self.promise)
        promise.state = PENDING
        self.promise = promise
        waiting = feed.tasks.get(self.bell)
        if waiting is not None and len(waiting) > 2 * len(feed.subscribers) + WAITING_SPARE:
            waiting[:] = [other for other in waiting if not other.done()]   # without those who were cancelled
        self.wait_at_bell(self.bell, promise)
        if self.has_news():
            promise.state = RESULT
        return promise

    cdef bint is_hungry(self):
        return self.hungry and self.promise is not None and self.promise.state != CANCELLED

    cpdef close(self):
        FeedSubscriber.close(self)
        if self.promise is not None:
            error = call_whatever_comes(self.bell.ring, ([*(self.earlier or ()), self.promise],))
            if error is not None:
                raise error


@cython.freelist(64)
cdef class NextEvent:
    """The awaitable of the next event; also a coroutine, so that a task can be made of it."""
    cdef TaskSubscriber subscriber
    cdef EventParser parser
    cdef Promise promise        # awaited now

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        taken = self.take()
        if type(taken) is Promise:
            return taken
        raise StopIteration(taken)

    def throw(self, kind, value=None, trace=None):
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        if trace is not None:
            value = value.with_traceback(trace)
        raise value

    def close(self):
        pass

    cdef object take(self):
        """An event, or the promise that there is one, to be awaited."""
        cdef TaskSubscriber subscriber = self.subscriber
        cdef Promise promise = self.promise
        self.promise = None
        while True:
            try:
                raw = subscriber.take()
            except ForkedError:
                raise
            except ClosedError:
                raise StopAsyncIteration from None
            if raw is not None:
                if promise is not None and promise.state == RESULT and promise.callback is None:
                    subscriber.spare = promise
                return self.parser.parse(<tuple>raw)
            if promise is None:
                promise, subscriber.spare = subscriber.spare, None
            if promise is None or promise.state != RESULT or promise.callback is not None:
                promise = Promise.__new__(Promise, subscriber.loop)
            subscriber.wait_by(promise)
            if promise.state != RESULT:
                self.promise = promise
                promise._asyncio_future_blocking = True
                return promise


cdef PySendResult send(PyObject* receiver, PyObject* sent, PyObject** result) noexcept:
    """As NextEvent.send, without an exception for the result."""
    try:
        taken = (<NextEvent>receiver).take()
    except BaseException as failure:
        error = failure
    else:
        Py_INCREF(taken)
        result[0] = <PyObject*>taken
        return PYGEN_NEXT if type(taken) is Promise else PYGEN_RETURN
    PyErr_SetObject(type(error), error)
    return PYGEN_ERROR


(<PyTypeObject*>NextEvent).tp_as_async.am_send = send


cdef class EventStream:
    cdef TaskSubscriber feeding
    cdef EventParser parser

    def _feed_from(self, TaskSubscriber subscriber not None, EventParser parser not None):
        self.feeding = subscriber
        self.parser = parser

    def __anext__(self):
        cdef NextEvent awaited
        if self.feeding is None:
            return self._next_event()
        awaited = NextEvent.__new__(NextEvent)
        awaited.subscriber = self.feeding
        awaited.parser = self.parser
        return awaited
