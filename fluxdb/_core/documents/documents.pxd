"""The documents as Python sees them; others of the core reach the state in C."""

from libc.stdint cimport uint64_t

from fluxdb._core.documents.position cimport StateOwner

cdef class Documents(StateOwner):
    cdef readonly size_t key_bytes_max  # of the database that is open; a key that is longer is an error, not missing

# The key's value as new bytes, and its version; None: there is no document. Raises InvalidKeyError, LimitError.
cdef object find_text(Documents documents, object key, uint64_t* version)
