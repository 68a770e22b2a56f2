"""The delta is read once into a list of its members; the target is walked once, and only as deep as the delta goes.

Nothing is written while the target stays as it is: ``run`` is where the part not yet copied begins, so what lies between
two changes is copied at once, across levels. Values that the delta doesn't speak of are skipped, not read.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from fluxdb._core.jsonnames cimport (
    NAMES_COMPARED_MAX, Name, NameIndex, index_free, index_init, index_slot, same_name, set_name,
)

cdef extern from "scan.h" nogil:
    const uint8_t* fluxdb_scan_string_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_value_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept
    const uint8_t* fluxdb_scan_nested_end(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept

cdef extern from *:
    const uint32_t OFFSET_MAX "UINT32_MAX"
    const uint32_t NOT_FOUND "UINT32_MAX"
    const char* COMMA "\",\""
    bint likely(bint) noexcept nogil
    bint unlikely(bint) noexcept nogil

cdef enum:
    DEPTH_CAP = 1024  # canonical text is not nested deeper
    NODES_ON_STACK = 16

cdef enum NodeKind:
    NODE_PLAIN  # a string, a number, true, false, an array
    NODE_NULL
    NODE_OBJECT


# A member of an object of the delta. Its own members follow it in the list, then its siblings.
cdef struct Node:
    Name name
    const uint8_t* value
    const uint8_t* value_end
    uint32_t behind  # the number of the node behind its members
    uint32_t members
    uint8_t kind
    bint has_nulls  # among its members, at any depth of objects
    bint used  # the target has that member


cdef struct Merging:
    const uint8_t* begin  # of the target
    const uint8_t* end
    const uint8_t* run
    uint8_t* out
    uint8_t* out_end
    Node* nodes
    uint32_t nodes_used
    uint32_t nodes_room
    bint remove_nulls
    int status
    Node first_nodes[NODES_ON_STACK]


cdef uint64_t names_seed = int.from_bytes(os.urandom(8), "little")


cdef int merge_patch(
    const uint8_t* target, size_t target_bytes, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    uint8_t* out, size_t* out_bytes,
) noexcept nogil:
    cdef Merging merging
    if target_bytes >= OFFSET_MAX or delta_bytes >= OFFSET_MAX:
        return MERGE_MEMORY  # lengths are kept in 32 bits
    merging.begin = merging.run = target
    merging.end = target + target_bytes if target != NULL else NULL
    merging.out = out
    merging.out_end = out + merge_bytes_max(target_bytes if target != NULL else 0, delta_bytes)
    merging.nodes = merging.first_nodes
    merging.nodes_used = 0
    merging.nodes_room = NODES_ON_STACK
    merging.remove_nulls = remove_nulls
    merging.status = MERGE_OK
    if read_delta(&merging, delta, delta + delta_bytes):
        merge_text(&merging)
    if merging.nodes != merging.first_nodes:
        free(merging.nodes)
    out_bytes[0] = merging.out - out
    return merging.status


cdef bint merge_text(Merging* merging) noexcept nogil:
    if merging.nodes[0].kind != NODE_OBJECT or merging.begin == NULL or merging.begin == merging.end \
            or merging.begin[0] != c'{':
        return put_value(merging, 0)
    return merge_object(merging, merging.begin, 0) != NULL and flush(merging, merging.end)


cdef inline bint fail(Merging* merging, int status) noexcept nogil:
    merging.status = status
    return False


# The delta as a list of nodes. Number 0 stands for the whole of it.


cdef bint read_delta(Merging* merging, const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef uint32_t open_nodes[DEPTH_CAP]
    cdef uint32_t depth = 0
    cdef const uint8_t* begin = at
    cdef Node* node
    node = add_node(merging)  # there is room on the stack for the first
    set_name(&node.name, at, 0)
    while True:
        # A value begins here; its node is the last one.
        node.value = at
        if at < end and at[0] == c'{':
            if unlikely(depth == DEPTH_CAP):
                return fail(merging, MERGE_MALFORMED)
            node.kind = NODE_OBJECT
            open_nodes[depth] = merging.nodes_used - 1
            depth += 1
            at += 1
            if likely(at < end and at[0] != c'}'):
                node = read_member(merging, begin, &at, end)
                if unlikely(node == NULL):
                    return False
                merging.nodes[open_nodes[depth - 1]].members += 1
                continue
        else:
            node.kind = NODE_NULL if at < end and at[0] == c'n' else NODE_PLAIN
            at = fluxdb_scan_value_end(begin, at, end)
            if unlikely(at == NULL):
                return fail(merging, MERGE_MALFORMED)
            node.value_end = at
            node.behind = merging.nodes_used
            if node.kind == NODE_NULL and depth > 0:
                merging.nodes[open_nodes[depth - 1]].has_nulls = True
        # Behind a value: ends of objects, then the next member of the one that is still open.
        while depth > 0 and at < end and at[0] == c'}':
            depth -= 1
            at += 1
            node = &merging.nodes[open_nodes[depth]]
            node.value_end = at
            node.behind = merging.nodes_used
            if depth > 0 and node.has_nulls:
                merging.nodes[open_nodes[depth - 1]].has_nulls = True
        if depth == 0:
            return True if at == end else fail(merging, MERGE_MALFORMED)
        if unlikely(at == end or at[0] != c','):
            return fail(merging, MERGE_MALFORMED)
        at += 1
        node = read_member(merging, begin, &at, end)
        if unlikely(node == NULL):
            return False
        merging.nodes[open_nodes[depth - 1]].members += 1


cdef inline Node* read_member(
    Merging* merging, const uint8_t* begin, const uint8_t** at, const uint8_t* end
) noexcept nogil:
    """A node for the member whose name begins at ``at``, which is moved to its value."""
    cdef const uint8_t* name = at[0] + 1
    cdef const uint8_t* name_end = read_name(begin, at[0], end)
    cdef Node* node
    if unlikely(name_end == NULL):
        fail(merging, MERGE_MALFORMED)
        return NULL
    node = add_node(merging)
    if likely(node != NULL):
        set_name(&node.name, name, <uint32_t>(name_end - name))
        at[0] = name_end + 2
    return node


cdef inline const uint8_t* read_name(const uint8_t* begin, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """The closing quote of the member's name that begins at ``at``; NULL where there is none, or no colon behind it."""
    if unlikely(at == end or at[0] != c'"'):
        return NULL
    at = fluxdb_scan_string_end(begin, at + 1, end)
    if unlikely(at == NULL or end - at < 2 or at[1] != c':'):
        return NULL
    return at


cdef inline Node* add_node(Merging* merging) noexcept nogil:
    cdef Node* node
    if unlikely(merging.nodes_used == merging.nodes_room) and not more_nodes(merging):
        fail(merging, MERGE_MEMORY)
        return NULL
    node = &merging.nodes[merging.nodes_used]
    merging.nodes_used += 1
    node.members = 0
    node.has_nulls = False
    node.used = False
    return node


cdef bint more_nodes(Merging* merging) noexcept nogil:
    cdef size_t room = 4 * <size_t>merging.nodes_room
    cdef Node* nodes
    if merging.nodes == merging.first_nodes:
        nodes = <Node*>malloc(room * sizeof(Node))
        if nodes != NULL:
            memcpy(nodes, merging.first_nodes, sizeof(merging.first_nodes))
    else:
        nodes = <Node*>realloc(merging.nodes, room * sizeof(Node))
    if nodes == NULL:
        return False
    merging.nodes = nodes
    merging.nodes_room = <uint32_t>room
    return True


# The walk over the target.


cdef const uint8_t* merge_object(Merging* merging, const uint8_t* at, uint32_t parent) noexcept nogil:
    """Merge the members of a node into the object of the target at ``at``; the byte behind it, or NULL: failed."""
    cdef NameIndex index
    cdef const uint8_t* behind
    index.slots = NULL
    index.mask = 0
    if merging.nodes[parent].members > NAMES_COMPARED_MAX and not build_index(merging, parent, &index):
        fail(merging, MERGE_MEMORY)
        return NULL
    behind = merge_members(merging, at + 1, parent, &index)
    index_free(&index)
    if behind == NULL and merging.status == MERGE_OK:
        merging.status = MERGE_MALFORMED
    return behind


cdef const uint8_t* merge_members(
    Merging* merging, const uint8_t* at, uint32_t parent, const NameIndex* index
) noexcept nogil:
    cdef const uint8_t* end = merging.end
    cdef const uint8_t* member
    cdef const uint8_t* value
    cdef uint32_t left = merging.nodes[parent].members  # not found in the target yet
    cdef uint32_t number
    cdef bint kept = False  # is there a member in the output yet, which wants a comma behind it?
    cdef bint removed
    cdef Name name
    if unlikely(at == end):
        return NULL
    while left > 0 and at[0] != c'}':
        member = at
        at = read_name(merging.begin, member, end)
        if unlikely(at == NULL):
            return NULL
        value = at + 2
        set_name(&name, member + 1, <uint32_t>(at - member) - 1)
        number = find_node(merging, parent, &name, index)
        if number == NOT_FOUND:
            at = fluxdb_scan_value_end(merging.begin, value, end)
            removed = False
        else:
            left -= 1
            removed = merging.remove_nulls and merging.nodes[number].kind == NODE_NULL
            at = merge_member(merging, member, value, number, kept)
        if unlikely(at == NULL or at == end):
            return NULL
        kept = kept or not removed
        if at[0] == c',':
            at += 1
            if not kept:
                merging.run = at  # the comma goes with the members removed before it
            if unlikely(at == end):
                return NULL
        elif unlikely(at[0] != c'}'):
            return NULL
    if left == 0:  # what follows stays as it is
        return end if parent == 0 else fluxdb_scan_nested_end(merging.begin, at, end)
    return at + 1 if add_members(merging, at, parent, kept) else NULL


cdef uint32_t find_node(Merging* merging, uint32_t parent, const Name* name, const NameIndex* index) noexcept nogil:
    """The number of the delta's member of that name."""
    cdef uint32_t number = parent + 1
    cdef uint32_t behind = merging.nodes[parent].behind
    if index.slots != NULL:
        number = index_slot(index, merging.nodes, sizeof(Node), name, names_seed)[0]
        return number - 1 if number > 0 else NOT_FOUND
    while number < behind:
        if same_name(&merging.nodes[number].name, name):
            return number
        number = merging.nodes[number].behind
    return NOT_FOUND


cdef bint build_index(Merging* merging, uint32_t parent, NameIndex* index) noexcept nogil:
    cdef uint32_t number = parent + 1
    cdef uint32_t behind = merging.nodes[parent].behind
    if index_init(index, merging.nodes[parent].members) != 0:
        return False
    while number < behind:
        index_slot(index, merging.nodes, sizeof(Node), &merging.nodes[number].name, names_seed)[0] = number + 1
        number = merging.nodes[number].behind
    return True


cdef const uint8_t* merge_member(
    Merging* merging, const uint8_t* member, const uint8_t* value, uint32_t number, bint kept
) noexcept nogil:
    """Bring a member of the target to what the delta says; the byte behind its value."""
    cdef Node* node = &merging.nodes[number]
    cdef const uint8_t* at
    if unlikely(node.used):
        return NULL  # a member that is there twice
    node.used = True
    if node.kind == NODE_OBJECT and value < merging.end and value[0] == c'{':
        return merge_object(merging, value, number)
    at = fluxdb_scan_value_end(merging.begin, value, merging.end)
    if unlikely(at == NULL):
        return NULL
    if merging.remove_nulls and node.kind == NODE_NULL:
        if not flush(merging, member - kept):  # the comma before it goes, too
            return NULL
    elif not flush(merging, value) or not put_value(merging, number):
        return NULL
    merging.run = at
    return at


cdef bint add_members(Merging* merging, const uint8_t* at, uint32_t parent, bint kept) noexcept nogil:
    """Add those members of a node that the target did not have, before the end of its object at ``at``."""
    cdef uint32_t number = parent + 1
    cdef uint32_t behind = merging.nodes[parent].behind
    if not flush(merging, at):
        return False
    while number < behind:
        if not merging.nodes[number].used and not put_member(merging, number, &kept):
            return False
        number = merging.nodes[number].behind
    return True


# Output. What goes beyond its end can only come from a target that is not canonical.


cdef inline bint put(Merging* merging, const uint8_t* begin, const uint8_t* end) noexcept nogil:
    cdef size_t put_bytes = end - begin
    if unlikely(put_bytes > <size_t>(merging.out_end - merging.out)):
        return fail(merging, MERGE_MALFORMED)
    memcpy(merging.out, begin, put_bytes)
    merging.out += put_bytes
    return True


cdef inline bint flush(Merging* merging, const uint8_t* upto) noexcept nogil:
    cdef const uint8_t* run = merging.run
    merging.run = upto
    return put(merging, run, upto)


cdef bint put_member(Merging* merging, uint32_t number, bint* kept) noexcept nogil:
    """A whole member of the delta, with a comma before it where one was kept before; nothing for a null to be removed."""
    cdef Node* node = &merging.nodes[number]
    if merging.remove_nulls and node.kind == NODE_NULL:
        return True
    if kept[0] and not put(merging, <const uint8_t*>COMMA, <const uint8_t*>COMMA + 1):
        return False
    kept[0] = True
    return put(merging, node.name.at - 1, node.value) and put_value(merging, number)


cdef bint put_value(Merging* merging, uint32_t number) noexcept nogil:
    """A value of the delta where the target has nothing to merge it with."""
    cdef Node* node = &merging.nodes[number]
    cdef uint32_t member = number + 1
    cdef bint kept = False
    if not (merging.remove_nulls and node.has_nulls):
        return put(merging, node.value, node.value_end)
    if not put(merging, node.value, node.value + 1):
        return False
    while member < node.behind:
        if not put_member(merging, member, &kept):
            return False
        member = merging.nodes[member].behind
    return put(merging, node.value_end - 1, node.value_end)


def merge(bytes target, bytes delta not None, bint remove_nulls=False):
    """``delta`` merged into ``target`` (None: there is nothing yet); both must be canonical.

    A null in the delta overwrites like any other value that is no object; with ``remove_nulls`` it removes the member
    (RFC 7396). Raises ValueError where the text is not canonical and that was noticed: values are skipped, not checked.
    """
    cdef const uint8_t* target_begin = NULL
    cdef size_t target_bytes = 0
    cdef const uint8_t* delta_begin = <const uint8_t*>PyBytes_AS_STRING(delta)
    cdef size_t delta_bytes = <size_t>PyBytes_GET_SIZE(delta)
    cdef size_t out_bytes = 0
    cdef uint8_t* out
    cdef int status
    if target is not None:
        target_begin = <const uint8_t*>PyBytes_AS_STRING(target)
        target_bytes = <size_t>PyBytes_GET_SIZE(target)
    out = <uint8_t*>malloc(merge_bytes_max(target_bytes, delta_bytes))
    if out == NULL:
        raise MemoryError
    try:
        with nogil:
            status = merge_patch(target_begin, target_bytes, delta_begin, delta_bytes, remove_nulls, out, &out_bytes)
        if status == MERGE_OK:
            return PyBytes_FromStringAndSize(<char*>out, <Py_ssize_t>out_bytes)
    finally:
        free(out)
    if status == MERGE_MEMORY:
        raise MemoryError
    raise ValueError("not canonical JSON text")
