"""The delta of a merge, read once into a list of its members."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fluxdb._core.json.names cimport Name, set_name
from fluxdb._core.json.reading cimport DEPTH_CAP

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef extern from *:
    bint likely(bint) noexcept nogil
    bint unlikely(bint) noexcept nogil

cdef enum:
    NODES_ON_STACK = 16

cdef enum NodeKind:
    NODE_PLAIN  # a string, a number, true, false, an array
    NODE_NULL
    NODE_OBJECT


# A value that a merge looks at: the delta itself (number 0), then members of objects, each followed by its own members.
cdef struct Node:
    Name name
    const uint8_t* value
    const uint8_t* value_end
    uint32_t behind  # the number of the node behind its members: of its next sibling, if it has one
    uint32_t members
    uint8_t kind
    bint has_nulls  # among its members, at any depth of objects
    bint used  # the target has that member


cdef struct Delta:
    Node* nodes
    uint32_t used
    uint32_t room
    bint out_of_memory
    Node first_nodes[NODES_ON_STACK]


cdef inline bint read_delta(Delta* delta, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Read a delta. False: it is not canonical, or memory was short. Call free_delta in any case."""
    cdef uint32_t open_nodes[DEPTH_CAP]
    cdef uint32_t depth = 0
    cdef const uint8_t* begin = at
    cdef Node* node
    cdef bint first_member
    delta.nodes = delta.first_nodes
    delta.used = 0
    delta.room = NODES_ON_STACK
    delta.out_of_memory = False
    node = add_node(delta)  # there is room on the stack for the first
    set_name(&node.name, at, 0)
    while True:
        # A value begins here; its node is the last one.
        node.value = at
        first_member = False
        if at < end and at[0] == c'{':
            if unlikely(depth == DEPTH_CAP):
                return False
            node.kind = NODE_OBJECT
            open_nodes[depth] = delta.used - 1
            depth += 1
            at += 1
            first_member = at < end and at[0] != c'}'
        else:
            node.kind = NODE_NULL if at < end and at[0] == c'n' else NODE_PLAIN
            at = fluxdb_value_end(begin, at, end)
            if unlikely(at == NULL):
                return False
            close_node(node, at, &delta.nodes[open_nodes[depth - 1]] if depth > 0 else NULL, delta.used)
        if not first_member:
            # After a value: ends of objects, then the next member of the one that is still open.
            while depth > 0 and at < end and at[0] == c'}':
                depth -= 1
                at += 1
                node = &delta.nodes[open_nodes[depth]]
                close_node(node, at, &delta.nodes[open_nodes[depth - 1]] if depth > 0 else NULL, delta.used)
            if depth == 0:
                return at == end
            if unlikely(at == end or at[0] != c','):
                return False
            at += 1
        node = read_member(delta, begin, &at, end)
        if unlikely(node == NULL):
            return False
        delta.nodes[open_nodes[depth - 1]].members += 1


cdef inline void free_delta(Delta* delta) noexcept nogil:
    if delta.nodes != delta.first_nodes:
        free(delta.nodes)


cdef inline void close_node(Node* node, const uint8_t* value_end, Node* parent, uint32_t behind) noexcept nogil:
    node.value_end = value_end
    node.behind = behind
    if parent != NULL and (node.kind == NODE_NULL or node.has_nulls):
        parent.has_nulls = True


cdef inline Node* read_member(
    Delta* delta, const uint8_t* begin, const uint8_t** at, const uint8_t* end
) noexcept nogil:
    """A node for the member whose name begins at ``at``, which is moved to its value."""
    cdef const uint8_t* name = at[0] + 1
    cdef const uint8_t* name_end = read_name(begin, at[0], end)
    cdef Node* node
    if unlikely(name_end == NULL):
        return NULL
    node = add_node(delta)
    if likely(node != NULL):
        set_name(&node.name, name, <uint32_t>(name_end - name))
        at[0] = name_end + 2
    return node


cdef inline const uint8_t* read_name(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the closing quote of the member's name that begins at ``at``; NULL without one, or without a colon after
    it.
    """
    if unlikely(at == end or at[0] != c'"'):
        return NULL
    at = fluxdb_string_end(begin, at + 1, end)
    if unlikely(at == NULL or end - at < 2 or at[1] != c':'):
        return NULL
    return at


cdef inline Node* add_node(Delta* delta) noexcept nogil:
    cdef Node* node
    if unlikely(delta.used == delta.room) and not more_nodes(delta):
        delta.out_of_memory = True
        return NULL
    node = &delta.nodes[delta.used]
    delta.used += 1
    node.members = 0
    node.has_nulls = False
    node.used = False
    return node


cdef inline bint more_nodes(Delta* delta) noexcept nogil:
    cdef size_t room = 4 * <size_t>delta.room
    cdef Node* nodes
    if delta.nodes == delta.first_nodes:
        nodes = <Node*>malloc(room * sizeof(Node))
        if nodes != NULL:
            memcpy(nodes, delta.first_nodes, sizeof(delta.first_nodes))
    else:
        nodes = <Node*>realloc(delta.nodes, room * sizeof(Node))
    if nodes == NULL:
        return False
    delta.nodes = nodes
    delta.room = <uint32_t>room
    return True
