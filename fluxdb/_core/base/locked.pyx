"""Work that no exception of a signal handler can leave half done.

Such a handler runs between two steps of Python code: between taking a lock and the ``try`` that would release it, or
between making an object and the line that stores it. Nothing of this kind lies in between here.
"""


def call_locked(lock not None, double timeout_seconds, function not None, *arguments):
    if not lock.acquire(True, timeout_seconds):
        return None
    try:
        return function(*arguments)
    finally:
        lock.release()


cdef class Kept:
    cdef readonly object made

    def make(self, function not None, *arguments):
        self.made = function(*arguments)
        return self.made
