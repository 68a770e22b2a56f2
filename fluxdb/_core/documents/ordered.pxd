"""The order of the keys, as the state has it: nothing until it is first asked for, then an index that follows writes.

Its invariant: once there is an index, its keys are those of the live documents in the table, at state.revision. While
it is built the changes are noted, and put into it before it is shown. If memory runs out, the index is dropped, never a
write: the next scan builds it again.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from fluxdb._core.documents.tree cimport Index

# Changes of keys, one behind the other: u8 added, u16 key bytes, key.
cdef struct KeyChanges:
    uint8_t* bytes
    size_t used
    size_t capacity

# Guarded by the state's lock.
cdef struct OrderedKeys:
    bint followed           # there is an index, or one is built: changes must be noted
    bint failed             # a change could not be noted: the index that is built lacks it
    Index* index            # NULL: none yet
    KeyChanges changes      # since the building began

# A key came to have a document, or has it no more.
cdef void ordered_note(OrderedKeys* ordered, const uint8_t* key, size_t key_bytes, bint added) noexcept nogil
cdef void ordered_free(OrderedKeys* ordered) noexcept nogil

# Puts the changes into the index. 0, or -1 where there is no memory.
cdef int changes_replay(const KeyChanges* changes, Index* index) noexcept nogil
cdef void changes_free(KeyChanges* changes) noexcept nogil
