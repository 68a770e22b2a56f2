"""Work that no exception of a signal handler can leave half done.

Such a handler runs between two steps of Python code: between the taking of a lock and the ``try`` that would see to its
release, or between the making of a thing and the line that stores it. Here there is nothing in between.
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
