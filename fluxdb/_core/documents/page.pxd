"""Pages: documents of many keys, read in one hold of the state's lock, so all of them are at one revision.

Within the hold short values are copied, and longer ones pinned; those are copied after it. The page owns the copies:
nothing of the state is held once a page is filled.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport Record

cdef enum PageStatus:
    PAGE_OK = 0
    PAGE_NO_MEMORY = 1
    PAGE_NO_INDEX = 2       # index_build is to be called, without locks, and then this again
    PAGE_TOO_LARGE = 3      # page_fill_many: the documents have more than bytes_max

cdef struct PageEntry:
    size_t key              # where it begins in the page's bytes
    size_t value            # likewise
    uint64_t version        # 0: there is no document
    uint64_t expires_at_ms  # 0: it never expires
    Record* pinned          # a value that is not copied yet
    uint32_t value_bytes
    uint16_t key_bytes

cdef struct Page:
    uint8_t* bytes
    size_t used
    size_t capacity
    PageEntry* entries
    size_t count
    size_t entries_capacity
    uint64_t revision
    bint more               # the range has keys beyond the last entry

# A bound of a range; NULL: none. An empty key is below all others.
cdef struct Bound:
    const uint8_t* key
    size_t key_bytes

cdef struct KeyRange:
    Bound prefix            # never NULL
    Bound start             # inclusive
    Bound end               # exclusive
    Bound after             # exclusive: in the direction of the scan, the key before the page's first
    bint reverse

cdef struct PageBounds:
    size_t documents_max    # at least 1
    size_t bytes_max        # of keys and values; a document that has more is a page by itself
    bint keys_only

# The functions take the state's lock; the caller holds none. A page begins zeroed, and page_free ends it, whatever the
# status was.

# The next documents of a range, in key order.
cdef int page_fill_range(Page* page, State* state, const KeyRange* keys, const PageBounds* bounds) noexcept nogil
# The documents of the keys that the entries have (page_add_key), in their order; bytes_max bounds all values together.
cdef int page_fill_many(Page* page, State* state, size_t bytes_max) noexcept nogil
# Adds an entry with a key alone. False: no memory.
cdef bint page_add_key(Page* page, const uint8_t* key, size_t key_bytes) noexcept nogil
cdef void page_free(Page* page) noexcept nogil

# How many live documents begin with the prefix, and at which revision. "": all of them, without an index.
cdef int count_prefix(State* state, const Bound* prefix, uint64_t* count, uint64_t* revision) noexcept nogil
