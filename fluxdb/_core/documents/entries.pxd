"""The entries of a filled page as Python sees them."""

from fluxdb._core.documents.page cimport Page

cdef enum EntryKind:
    ENTRY_DOCUMENT          # (key, Document)
    ENTRY_KEY               # key
    ENTRY_TEXT              # (key, text, version, expires_at)

cdef class Entries:
    cdef Page page
    cdef object loads
    cdef int kind

    cdef object item(self, size_t i)
    cdef object key(self, size_t i)
    cdef bytes text(self, size_t i)
    cdef object expires_at(self, size_t i)
