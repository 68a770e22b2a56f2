"""The index by itself, as tests and measurements drive it."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stddef cimport size_t

from fluxdb._core.documents.index cimport index_insert, index_remove
from fluxdb._core.documents.pack cimport Pack, Pieces, pack_key, pieces_copy
from fluxdb._core.documents.tree cimport (
    Cursor, Index, Inner, cursor_back, cursor_forward, cursor_key, index_free, index_new, index_rank, index_seek,
)


cdef class KeyIndex:
    cdef Index* index

    def __cinit__(self):
        self.index = index_new()
        if self.index == NULL:
            raise MemoryError

    def __dealloc__(self):
        index_free(self.index)

    def __len__(self):
        return <Py_ssize_t>self.index.keys

    @property
    def depth(self):
        return self.index.depth

    @property
    def node_bytes(self):
        return self.index.node_bytes

    def insert(self, bytes key not None):
        if index_insert(self.index, <const uint8_t*>PyBytes_AS_STRING(key), <size_t>PyBytes_GET_SIZE(key)) != 0:
            raise MemoryError

    def remove(self, bytes key not None):
        index_remove(self.index, <const uint8_t*>PyBytes_AS_STRING(key), <size_t>PyBytes_GET_SIZE(key))

    def rank(self, bytes key not None):
        cdef bint found = False
        cdef uint64_t rank = index_rank(
            self.index, <const uint8_t*>PyBytes_AS_STRING(key), <size_t>PyBytes_GET_SIZE(key), &found
        )
        return rank, found

    def walk(self, uint64_t rank, size_t count, *, bint reverse=False):
        cdef Cursor cursor
        cdef bint more = rank < self.index.keys and count > 0
        keys = []
        if more:
            index_seek(self.index, rank, &cursor)
        while more:
            keys.append(to_bytes(cursor_key(&cursor)))
            more = cursor_back(&cursor) if reverse else cursor_forward(&cursor)
            more = more and <size_t>len(keys) < count
        return keys

    def check(self):
        """Raises AssertionError where the tree is not as documents/tree.pxd has it."""
        if check_node(self.index.root, self.index.depth, None, None) != self.index.keys:
            raise AssertionError("the root's keys are not those of the index")


cdef bytes to_bytes(Pieces key):
    cdef bytes made = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(key.first_bytes + key.second_bytes))
    pieces_copy(&key, <uint8_t*>PyBytes_AS_STRING(made))
    return made


cdef list keys_of(const Pack* pack):
    cdef uint32_t i
    return [to_bytes(pack_key(pack, i)) for i in range(pack.count)]


cdef uint64_t check_node(void* node, uint32_t depth, object low, object high) except? 0:
    """How many keys are below; all of them from low to high (exclusive), None: no bound."""
    cdef Inner* inner = <Inner*>node
    cdef uint64_t below = 0
    cdef uint32_t i
    keys = keys_of(<Pack*>node if depth == 0 else inner.separators)
    if any([a >= b for a, b in zip(keys, keys[1:])]):
        raise AssertionError(f"out of order: {keys}")
    if keys and ((low is not None and keys[0] < low) or (high is not None and keys[len(keys) - 1] >= high)):
        raise AssertionError(f"beyond their bounds: {low} {keys} {high}")
    if depth == 0:
        return <uint64_t>len(keys)
    if inner.children != <uint32_t>len(keys) + 1:
        raise AssertionError(f"{inner.children} children for {len(keys)} separators")
    bounds = [low, *keys, high]
    for i in range(inner.children):
        found = check_node(inner.child[i].node, depth - 1, bounds[i], bounds[i + 1])
        if found == 0 or found != inner.child[i].keys:
            raise AssertionError(f"child {i} has {found} keys, not {inner.child[i].keys}")
        below += <uint64_t>found
    return below
