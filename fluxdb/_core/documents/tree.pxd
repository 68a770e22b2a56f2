"""The index: the keys of the live documents in order, a B+-tree of packs that holds keys alone.

A record moves with each write, so a pointer to it in the index would cost every overwrite a descent. With keys alone an
overwrite costs nothing here, and a scan looks its keys up in the table, many at a time. Each inner node knows how many
keys its children have, so that the number of keys in a range takes two descents, whatever the range.

Guarded by its owner: in the state, by the state's lock.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.documents.pack cimport Pack, Pieces

cdef enum:
    FANOUT = 64             # children of an inner node, at most
    DEPTH_MAX = 24          # a root is split only after some 16 splits below it
    KEY_BYTES_CAP = 65535
    LEAF_BYTES = 1024
    INNER_BYTES = 2048      # with its separators

cdef struct Child:
    void* node              # an Inner; on the lowest level a Pack, which is a leaf
    uint64_t keys           # in it and below

cdef struct Inner:
    uint32_t children
    Pack* separators        # children - 1: a key that is not below the first i of them belongs to child i or later
    Child child[FANOUT]

cdef struct Index:
    void* root              # depth 0: a leaf
    uint32_t depth          # inner nodes between the root and a leaf, the root included
    uint64_t keys
    uint64_t node_bytes     # of all nodes, those of unusually long keys apart
    uint8_t scratch[KEY_BYTES_CAP]

# A place in the index: a leaf and a key in it, and the way that leads there.
cdef struct Cursor:
    Inner* inner[DEPTH_MAX]
    uint32_t at[DEPTH_MAX]  # the child that was taken
    uint32_t depth
    Pack* leaf
    uint32_t i

cdef Index* index_new() noexcept nogil      # NULL: no memory
cdef void index_free(Index* index) noexcept nogil
cdef Inner* inner_new() noexcept nogil      # likewise
# Puts the cursor at the key's place: at the key, or where it would be put. True: it is there.
cdef bint index_descend(Index* index, const uint8_t* key, size_t key_bytes, Cursor* cursor) noexcept nogil
# How many keys are smaller; found: the key itself is there.
cdef uint64_t index_rank(Index* index, const uint8_t* key, size_t key_bytes, bint* found) noexcept nogil
# The key of that rank, which must be below index.keys.
cdef void index_seek(Index* index, uint64_t rank, Cursor* cursor) noexcept nogil
cdef Pieces cursor_key(const Cursor* cursor) noexcept nogil
# To the next key, or the one before. False: the cursor was at the last one, or the first.
cdef bint cursor_forward(Cursor* cursor) noexcept nogil
cdef bint cursor_back(Cursor* cursor) noexcept nogil
