"""The documents as Python sees them; others of the core reach the state in C."""

from libc.stdint cimport uint64_t

from fluxdb._core.documents.position cimport StateOwner

cdef class Documents(StateOwner):
    cdef readonly size_t key_bytes_max  # of the database that is open; a key that is longer is an error, not missing

# The key's value as new bytes, and its version; None: there is no document. Raises InvalidKeyError, LimitError.
# stored: even if its time is over. expires_at_ms: 0 if it never expires.
cdef object find_text(Documents documents, object key, bint stored, uint64_t* version, uint64_t* expires_at_ms)
