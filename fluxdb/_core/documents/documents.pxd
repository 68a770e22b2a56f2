"""The documents as Python sees them; others of the core reach the state in C."""

from fluxdb._core.documents.position cimport StateOwner

cdef class Documents(StateOwner):
    cdef readonly size_t key_bytes_max  # of the database that is open; a key that is longer is an error, not missing
