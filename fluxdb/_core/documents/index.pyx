"""Changes of the index.

An insertion that meets a full node splits that one and begins again at the root, so each split finds room in the node
above it. A key after all others of its leaf begins a new leaf, so keys that come in order make full leaves. A
removal joins a node that became small with a neighbour, where both then leave room to spare.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from fluxdb._core.documents.pack cimport (
    PACK_ROOM, Pack, Pieces, pack_bytes_with, pack_insert, pack_join, pack_join_bytes, pack_key, pack_remove,
    pack_slice, pieces_copy, shared_bytes,
)
from fluxdb._core.documents.tree cimport (
    DEPTH_MAX, FANOUT, INNER_BYTES, LEAF_BYTES, Child, Cursor, Inner, index_descend, inner_new,
)

cdef enum:
    LEAF_BYTES_SMALL = PACK_ROOM // 4           # below it a leaf is joined with a neighbour,
    JOINED_BYTES_MAX = PACK_ROOM * 3 // 4       # where both together need no more than this
    CHILDREN_SMALL = FANOUT // 4                # the same of an inner node
    JOINED_CHILDREN_MAX = FANOUT * 3 // 4


# ---- insertion ----

cdef int index_insert(Index* index, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef Cursor cursor
    while not index_descend(index, key, key_bytes, &cursor):
        if cursor.leaf.count == 0 or pack_bytes_with(cursor.leaf, key, key_bytes) <= PACK_ROOM:
            if pack_insert(leaf_place(index, &cursor), cursor.i, key, key_bytes) != 0:
                return -1
            count_key(index, &cursor, True)
            return 0
        if split(index, &cursor, key, key_bytes) != 0:
            return -1
    return 0


cdef inline Pack** leaf_place(Index* index, Cursor* cursor) noexcept nogil:
    if cursor.depth == 0:
        return <Pack**>&index.root
    return <Pack**>&cursor.inner[cursor.depth - 1].child[cursor.at[cursor.depth - 1]].node


cdef inline void count_key(Index* index, Cursor* cursor, bint added) noexcept nogil:
    cdef uint32_t level
    for level in range(cursor.depth):
        if added:
            cursor.inner[level].child[cursor.at[level]].keys += 1
        else:
            cursor.inner[level].child[cursor.at[level]].keys -= 1
    index.keys = index.keys + 1 if added else index.keys - 1


cdef int split(Index* index, Cursor* cursor, const uint8_t* key, size_t key_bytes) noexcept nogil:
    """Split the uppermost full node on the way to the leaf; the leaf where no other one is full."""
    cdef uint32_t level
    for level in range(cursor.depth):
        if cursor.inner[level].children == FANOUT:
            return split_inner(index, cursor, level) if level else add_root(index)
    return split_leaf(index, cursor, key, key_bytes) if cursor.depth else add_root(index)


cdef int add_root(Index* index) noexcept nogil:
    cdef Inner* root = inner_new() if index.depth + 1 < DEPTH_MAX else NULL
    if root == NULL:
        return -1
    root.children = 1
    root.child[0].node = index.root
    root.child[0].keys = index.keys
    index.root = root
    index.depth += 1
    index.node_bytes += INNER_BYTES
    return 0


cdef int add_child(
    Inner* parent, uint32_t at, void* node, uint64_t keys, const uint8_t* key, size_t key_bytes
) noexcept nogil:
    """Add a node before child ``at``, not as the first; from that key on it has the keys of the child before it."""
    if pack_insert(&parent.separators, at - 1, key, key_bytes) != 0:
        return -1
    memmove(&parent.child[at + 1], &parent.child[at], (parent.children - at) * sizeof(Child))
    parent.child[at].node = node
    parent.child[at].keys = keys
    parent.child[at - 1].keys -= keys
    parent.children += 1
    return 0


cdef inline uint64_t keys_of(const Inner* inner) noexcept nogil:
    cdef uint64_t keys = 0
    cdef uint32_t i
    for i in range(inner.children):
        keys += inner.child[i].keys
    return keys


cdef int split_inner(Index* index, Cursor* cursor, uint32_t level) noexcept nogil:
    cdef Inner* parent = cursor.inner[level - 1]
    cdef Inner* left = cursor.inner[level]
    cdef Inner* right = <Inner*>malloc(sizeof(Inner))
    cdef uint32_t half = FANOUT // 2
    cdef Pieces middle
    cdef size_t middle_bytes
    cdef Pack* separators
    if cursor.at[level] == FANOUT - 1:
        half = FANOUT - 1           # keys that come in order
    elif cursor.at[level] == 0:
        half = 1
    if right == NULL:
        return -1
    middle = pack_key(left.separators, half - 1)
    middle_bytes = pieces_copy(&middle, index.scratch)
    separators = pack_slice(left.separators, 0, half - 1)
    right.separators = pack_slice(left.separators, half, FANOUT - 1)
    right.children = FANOUT - half
    memcpy(right.child, &left.child[half], right.children * sizeof(Child))
    if separators == NULL or right.separators == NULL or add_child(
        parent, cursor.at[level - 1] + 1, right, keys_of(right), index.scratch, middle_bytes
    ) != 0:
        free(separators)
        free(right.separators)
        free(right)
        return -1
    free(left.separators)
    left.separators = separators
    left.children = half
    index.node_bytes += INNER_BYTES
    return 0


cdef inline size_t separator(const Pieces* lower, const Pieces* upper, uint8_t* out) noexcept nogil:
    """The shortest key that is above lower and not above upper; its length."""
    pieces_copy(upper, out)
    return shared_bytes(lower, upper) + 1


cdef int split_leaf(Index* index, Cursor* cursor, const uint8_t* key, size_t key_bytes) noexcept nogil:
    """Make two leaves of one; one of them is empty if the key belongs before or after all of the leaf's keys."""
    cdef Pack* leaf = cursor.leaf
    cdef Pack** place = leaf_place(index, cursor)
    cdef uint32_t middle = leaf.count // 2
    cdef Pieces lower, upper
    cdef Pack* left
    cdef Pack* right
    cdef size_t separator_bytes
    lower.first = lower.second = upper.first = upper.second = key
    lower.first_bytes = upper.first_bytes = key_bytes
    lower.second_bytes = upper.second_bytes = 0
    if cursor.i == 0 or cursor.i == leaf.count:
        middle = cursor.i
    if middle > 0:
        lower = pack_key(leaf, middle - 1)
    if middle < leaf.count:
        upper = pack_key(leaf, middle)
    separator_bytes = separator(&lower, &upper, index.scratch)
    left = pack_slice(leaf, 0, middle) if middle < leaf.count else leaf
    right = pack_slice(leaf, middle, leaf.count) if middle > 0 else leaf
    if left == NULL or right == NULL or add_child(
        cursor.inner[cursor.depth - 1], cursor.at[cursor.depth - 1] + 1, right, leaf.count - middle, index.scratch,
        separator_bytes,
    ) != 0:
        if left != leaf:
            free(left)
        if right != leaf:
            free(right)
        return -1
    place[0] = left
    if left != leaf and right != leaf:
        free(leaf)
    index.node_bytes += LEAF_BYTES
    return 0


# ---- removal ----

cdef void index_remove(Index* index, const uint8_t* key, size_t key_bytes) noexcept nogil:
    cdef Cursor cursor
    if not index_descend(index, key, key_bytes, &cursor):
        return
    pack_remove(cursor.leaf, cursor.i)
    count_key(index, &cursor, False)
    if index.keys == 0:
        keep_leaf(index, &cursor)
    elif cursor.depth:
        shrink(index, &cursor)


cdef void keep_leaf(Index* index, Cursor* cursor) noexcept nogil:
    """The last key is gone: all that is left is one empty leaf, and the nodes that lead to it."""
    cdef uint32_t level
    for level in range(cursor.depth):
        free(cursor.inner[level].separators)
        free(cursor.inner[level])
    index.root = cursor.leaf
    index.depth = 0
    index.node_bytes = LEAF_BYTES


cdef void shrink(Index* index, Cursor* cursor) noexcept nogil:
    """Drop what became empty, join what became small, from the leaf upwards."""
    cdef uint32_t level = cursor.depth - 1
    cdef Inner* root
    while shrink_child(index, cursor.inner[level], cursor.at[level], level + 1 == cursor.depth) and level:
        level -= 1
    while index.depth and (<Inner*>index.root).children == 1:
        root = <Inner*>index.root
        index.root = root.child[0].node
        index.depth -= 1
        index.node_bytes -= INNER_BYTES
        free(root.separators)
        free(root)


cdef inline bint shrink_child(Index* index, Inner* parent, uint32_t at, bint is_leaf) noexcept nogil:
    """True: the parent has lost a child."""
    if parent.child[at].keys == 0:
        drop_child(index, parent, at, is_leaf)
        return True
    if is_leaf:
        if leaf_bytes(<Pack*>parent.child[at].node) >= LEAF_BYTES_SMALL:
            return False
    elif (<Inner*>parent.child[at].node).children >= CHILDREN_SMALL:
        return False
    if at + 1 < parent.children and join(index, parent, at, is_leaf):
        return True
    return at > 0 and join(index, parent, at - 1, is_leaf)


cdef inline size_t leaf_bytes(const Pack* leaf) noexcept nogil:
    return leaf.text_bytes + sizeof(uint32_t) * <size_t>leaf.count


cdef void drop_child(Index* index, Inner* parent, uint32_t at, bint is_leaf) noexcept nogil:
    """Free a child and close the gap."""
    if not is_leaf:
        free((<Inner*>parent.child[at].node).separators)
    free(parent.child[at].node)
    index.node_bytes -= LEAF_BYTES if is_leaf else INNER_BYTES
    if parent.children > 1:
        pack_remove(parent.separators, at - 1 if at else 0)
    parent.children -= 1
    memmove(&parent.child[at], &parent.child[at + 1], (parent.children - at) * sizeof(Child))


cdef bint join(Index* index, Inner* parent, uint32_t at, bint is_leaf) noexcept nogil:
    """Put the child after ``at`` into that one. False: together they are too large, or there is no memory."""
    if not (join_leaves(parent, at) if is_leaf else join_inner(index, parent, at)):
        return False
    parent.child[at].keys += parent.child[at + 1].keys
    drop_child(index, parent, at + 1, is_leaf)
    return True


cdef inline bint join_leaves(Inner* parent, uint32_t at) noexcept nogil:
    cdef Pack* left = <Pack*>parent.child[at].node
    cdef Pack* right = <Pack*>parent.child[at + 1].node
    cdef Pack* joined
    if leaf_bytes(left) + leaf_bytes(right) > PACK_ROOM or pack_join_bytes(left, right) > JOINED_BYTES_MAX:
        return False
    joined = pack_join(left, right)
    if joined == NULL:
        return False
    free(left)
    parent.child[at].node = joined
    return True


cdef bint join_inner(Index* index, Inner* parent, uint32_t at) noexcept nogil:
    cdef Inner* left = <Inner*>parent.child[at].node
    cdef Inner* right = <Inner*>parent.child[at + 1].node
    cdef Pieces key = pack_key(parent.separators, at)
    cdef Pack* joined
    cdef uint32_t i
    cdef bint whole
    if left.children + right.children > JOINED_CHILDREN_MAX:
        return False
    joined = pack_slice(left.separators, 0, left.separators.count)
    whole = joined != NULL and pack_insert(&joined, joined.count, index.scratch, pieces_copy(&key, index.scratch)) == 0
    for i in range(right.separators.count):
        key = pack_key(right.separators, i)
        whole = whole and pack_insert(&joined, joined.count, index.scratch, pieces_copy(&key, index.scratch)) == 0
    if not whole:
        free(joined)
        return False
    free(left.separators)
    left.separators = joined
    memcpy(&left.child[left.children], right.child, right.children * sizeof(Child))
    left.children += right.children
    return True
