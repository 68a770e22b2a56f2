"""Nodes, finding and walking; documents/tree.pxd says why the index holds keys alone."""

from libc.stdlib cimport free, malloc

from fluxdb._core.documents.pack cimport pack_find, pack_key, pack_new

cdef extern from "base/fetch.h" nogil:
    void fluxdb_fetch_bytes(const void* begin, size_t bytes) noexcept


cdef Index* index_new() noexcept nogil:
    cdef Index* index = <Index*>malloc(sizeof(Index))
    if index == NULL:
        return NULL
    index.root = pack_new(0)
    index.depth = 0
    index.keys = 0
    index.node_bytes = LEAF_BYTES
    if index.root == NULL:
        free(index)
        return NULL
    return index


cdef void index_free(Index* index) noexcept nogil:
    if index != NULL:
        free_node(index.root, index.depth)
        free(index)


cdef void free_node(void* node, uint32_t depth) noexcept nogil:
    cdef Inner* inner = <Inner*>node
    cdef uint32_t i
    if depth:
        for i in range(inner.children):
            free_node(inner.child[i].node, depth - 1)
        free(inner.separators)
    free(node)


cdef Inner* inner_new() noexcept nogil:
    cdef Inner* inner = <Inner*>malloc(sizeof(Inner))
    if inner == NULL:
        return NULL
    inner.children = 0
    inner.separators = pack_new(0)
    if inner.separators == NULL:
        free(inner)
        return NULL
    return inner


# ---- finding ----

cdef bint index_descend(Index* index, const uint8_t* key, size_t key_bytes, Cursor* cursor) noexcept nogil:
    """Put the cursor at the key's place: at the key, or where it would be put. True: it is there."""
    cdef void* node = index.root
    cdef Inner* inner
    cdef uint32_t level, at
    cdef bint found = False
    cursor.depth = index.depth
    for level in range(index.depth):
        inner = <Inner*>node
        at = pack_find(inner.separators, key, key_bytes, &found)
        at += found
        cursor.inner[level] = inner
        cursor.at[level] = at
        node = inner.child[at].node
        if level + 1 == index.depth:
            fluxdb_fetch_bytes(node, LEAF_BYTES)
    cursor.leaf = <Pack*>node
    cursor.i = pack_find(cursor.leaf, key, key_bytes, &found)
    return found


cdef uint64_t index_rank(Index* index, const uint8_t* key, size_t key_bytes, bint* found) noexcept nogil:
    cdef Cursor cursor
    cdef uint64_t rank
    cdef uint32_t level, i
    found[0] = index_descend(index, key, key_bytes, &cursor)
    rank = cursor.i
    for level in range(cursor.depth):
        for i in range(cursor.at[level]):
            rank += cursor.inner[level].child[i].keys
    return rank


cdef void index_seek(Index* index, uint64_t rank, Cursor* cursor) noexcept nogil:
    cdef void* node = index.root
    cdef Inner* inner
    cdef uint32_t level, at
    cursor.depth = index.depth
    for level in range(index.depth):
        inner = <Inner*>node
        at = 0
        while rank >= inner.child[at].keys:
            rank -= inner.child[at].keys
            at += 1
        cursor.inner[level] = inner
        cursor.at[level] = at
        node = inner.child[at].node
    cursor.leaf = <Pack*>node
    cursor.i = <uint32_t>rank


cdef Pieces cursor_key(const Cursor* cursor) noexcept nogil:
    return pack_key(cursor.leaf, cursor.i)


cdef bint cursor_forward(Cursor* cursor) noexcept nogil:
    cdef uint32_t level = cursor.depth
    cursor.i += 1
    if cursor.i < cursor.leaf.count:
        return True
    while level and cursor.at[level - 1] + 1 == cursor.inner[level - 1].children:
        level -= 1
    if level == 0:
        return False
    cursor.at[level - 1] += 1
    go_down(cursor, level, False)
    cursor.i = 0
    return True


cdef bint cursor_back(Cursor* cursor) noexcept nogil:
    cdef uint32_t level = cursor.depth
    if cursor.i:
        cursor.i -= 1
        return True
    while level and cursor.at[level - 1] == 0:
        level -= 1
    if level == 0:
        return False
    cursor.at[level - 1] -= 1
    go_down(cursor, level, True)
    cursor.i = cursor.leaf.count - 1
    return True


cdef inline void go_down(Cursor* cursor, uint32_t level, bint to_last) noexcept nogil:
    """From the child that was taken above ``level`` to its first leaf, or its last one."""
    cdef Inner* inner = cursor.inner[level - 1]
    cdef void* node = inner.child[cursor.at[level - 1]].node
    while level < cursor.depth:
        inner = <Inner*>node
        cursor.inner[level] = inner
        cursor.at[level] = inner.children - 1 if to_last else 0
        node = inner.child[cursor.at[level]].node
        level += 1
    cursor.leaf = <Pack*>node
    fluxdb_fetch_bytes(node, LEAF_BYTES)
