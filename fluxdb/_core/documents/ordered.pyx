"""The order of the keys follows the writes; documents/ordered.pxd has the invariant."""

from libc.stdint cimport uint16_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from fluxdb._core.documents.index cimport index_insert, index_remove
from fluxdb._core.documents.tree cimport index_free

cdef enum:
    CHANGE_HEAD_BYTES = 3


cdef void ordered_note(OrderedKeys* ordered, const uint8_t* key, size_t key_bytes, bint added) noexcept nogil:
    if ordered.index == NULL:
        if not ordered.failed and note_change(&ordered.changes, key, key_bytes, added) != 0:
            ordered.failed = True
    elif not added:
        index_remove(ordered.index, key, key_bytes)
    elif index_insert(ordered.index, key, key_bytes) != 0:
        ordered_free(ordered)


cdef int note_change(KeyChanges* changes, const uint8_t* key, size_t key_bytes, bint added) noexcept nogil:
    cdef size_t needed = changes.used + CHANGE_HEAD_BYTES + key_bytes
    cdef uint16_t length = <uint16_t>key_bytes
    cdef uint8_t* larger
    if needed > changes.capacity:
        larger = <uint8_t*>realloc(changes.bytes, 2 * needed)
        if larger == NULL:
            return -1
        changes.bytes = larger
        changes.capacity = 2 * needed
    changes.bytes[changes.used] = added
    memcpy(changes.bytes + changes.used + 1, &length, sizeof(length))
    memcpy(changes.bytes + changes.used + CHANGE_HEAD_BYTES, key, key_bytes)
    changes.used = needed
    return 0


cdef int changes_replay(const KeyChanges* changes, Index* index) noexcept nogil:
    cdef size_t at = 0
    cdef uint16_t length
    cdef const uint8_t* key
    while at < changes.used:
        memcpy(&length, changes.bytes + at + 1, sizeof(length))
        key = changes.bytes + at + CHANGE_HEAD_BYTES
        if not changes.bytes[at]:
            index_remove(index, key, length)
        elif index_insert(index, key, length) != 0:
            return -1
        at += CHANGE_HEAD_BYTES + length
    return 0


cdef void changes_free(KeyChanges* changes) noexcept nogil:
    free(changes.bytes)
    changes.bytes = NULL
    changes.used = changes.capacity = 0


cdef void ordered_free(OrderedKeys* ordered) noexcept nogil:
    index_free(ordered.index)
    changes_free(&ordered.changes)
    ordered.index = NULL
    ordered.followed = ordered.failed = False
