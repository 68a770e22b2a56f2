"""The documents as Python sees them; others of the core reach the state in C."""

from fluxdb._core.documents.state cimport LogPosition, State

cdef class Documents:
    cdef State state
    cdef readonly size_t key_bytes_max  # of the database that is open; a key that is longer is an error, not missing

cdef object to_position(const LogPosition* position)
cdef int from_position(object source, LogPosition* position) except -1
