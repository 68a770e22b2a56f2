"""Document and Event, as readers and watchers get them. Immutable: only the functions below, and __init__ once, set
fields.
"""

from libc.stdint cimport uint64_t

cdef class Document:
    cdef readonly object value
    cdef readonly uint64_t version
    cdef readonly object expires_at
    cdef bint is_made

cdef class Event:
    cdef readonly object key, old, new, version, op, revision, commit
    cdef bint is_made

    cdef tuple fields(self)

# The same as calling the classes with these, without the cost of a call from Python. expires_at_ms: since 1970; 0: the
# document never expires.
cdef Document new_document(object value, uint64_t version, uint64_t expires_at_ms)
cdef Event new_event(
    object key, object old, object new, object version, object op, object revision, object commit,
)
