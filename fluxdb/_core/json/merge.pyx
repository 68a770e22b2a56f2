"""The target is gone through once, and only as deep as the delta goes.

Nothing is written while the target stays as it is: what lies between two changes is copied at once, across levels.
Values that the delta doesn't speak of are skipped, not read. A few members are searched for by their bytes; many, and
those of inner objects, by walking from name to name.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fluxdb._core.json.delta cimport (
    NODE_NULL, NODE_OBJECT, Node, fluxdb_value_end, free_delta, read_delta, read_name, unlikely,
)
from fluxdb._core.json.names cimport Name, NameIndex, index_free, index_init, index_slot, same_name, set_name
from fluxdb._core.json.output cimport Merging, flush, put_member, put_value

cdef extern from "json/skip.h" nogil:
    const uint8_t* fluxdb_nested_end(const uint8_t* at, const uint8_t* end) noexcept
    bint fluxdb_can_search(const uint8_t* name, size_t name_bytes) noexcept
    const uint8_t* fluxdb_find_member(
        const uint8_t* at, const uint8_t* end, const uint8_t* name, size_t name_bytes
    ) noexcept

cdef extern from *:
    const uint32_t OFFSET_MAX "UINT32_MAX"
    const uint32_t NOT_FOUND "UINT32_MAX"

cdef enum:
    SEARCHED_MAX = 4  # so many members are searched for one after the other
    COMPARED_MAX = 8  # so many names are compared with each of the target's; more are hashed
    LEVELS_ON_STACK = 16
    SMALL_BYTES = 4096  # merges into so much are over sooner than the GIL is handed over


# An object that is being merged, and those around it.
cdef struct Level:
    uint32_t parent  # the delta's node
    uint32_t left  # of its members: not found in the target yet
    NameIndex index

cdef struct Levels:
    Level* all
    uint32_t depth
    uint32_t room
    Level first[LEVELS_ON_STACK]


cdef uint64_t names_seed = int.from_bytes(os.urandom(8), "little")


cdef int merge_patch(
    const uint8_t* target, size_t target_bytes, const uint8_t* delta, size_t delta_bytes, bint remove_nulls,
    uint8_t* out, size_t* out_bytes,
) noexcept nogil:
    cdef Merging merging
    cdef bint done
    if target == NULL:
        target = out  # a place to point at, with nothing in it
        target_bytes = 0
    if target_bytes >= OFFSET_MAX or delta_bytes >= OFFSET_MAX:
        return MERGE_MEMORY  # lengths are kept in 32 bits
    merging.begin = merging.run = target
    merging.end = target + target_bytes
    merging.out = out
    merging.out_end = out + merge_bytes_max(target_bytes, delta_bytes)
    merging.remove_nulls = remove_nulls
    merging.out_of_memory = False
    done = read_delta(&merging.delta, delta, delta + delta_bytes) and merge_text(&merging)
    free_delta(&merging.delta)
    out_bytes[0] = merging.out - out
    if done:
        return MERGE_OK
    return MERGE_MEMORY if merging.out_of_memory or merging.delta.out_of_memory else MERGE_MALFORMED


# False, or NULL, of what follows: the target is not canonical, or memory was short.


cdef bint merge_text(Merging* merging) noexcept nogil:
    cdef const Node* root = &merging.delta.nodes[0]
    if root.kind != NODE_OBJECT or merging.begin == merging.end or merging.begin[0] != c'{':
        return put_value(merging, 0)
    if can_search(merging):
        return search_members(merging)
    return merge_object(merging, merging.begin, 0) != NULL and flush(merging, merging.end)


cdef inline bint can_search(const Merging* merging) noexcept nogil:
    cdef uint32_t number = 1
    cdef const Node* node
    if merging.delta.nodes[0].members > SEARCHED_MAX or (merging.end - 1)[0] != c'}':
        return False
    while number < merging.delta.used:
        node = &merging.delta.nodes[number]
        if not fluxdb_can_search(node.name.at, node.name.name_bytes):
            return False
        number = node.behind
    return True


cdef bint search_members(Merging* merging) noexcept nogil:
    """Merge the members of the whole delta into the whole target: what they have in common, in the target's order."""
    cdef const uint8_t* places[SEARCHED_MAX]
    cdef uint32_t numbers[SEARCHED_MAX]
    cdef uint32_t number = 1
    cdef const uint8_t* place
    cdef const Node* node
    cdef int found = 0, i
    while number < merging.delta.used:
        node = &merging.delta.nodes[number]
        place = fluxdb_find_member(merging.begin + 1, merging.end, node.name.at, node.name.name_bytes)
        if place != NULL:
            i = found
            while i > 0 and places[i - 1] > place:
                places[i] = places[i - 1]
                numbers[i] = numbers[i - 1]
                i -= 1
            places[i] = place
            numbers[i] = number
            found += 1
        number = node.behind
    for i in range(found):
        place = places[i] + merging.delta.nodes[numbers[i]].name.name_bytes + 3
        if unlikely(merge_member(merging, places[i], place, numbers[i]) == NULL):
            return False
    if <uint32_t>found < merging.delta.nodes[0].members and not add_members(merging, merging.end - 1, 0):
        return False
    return flush(merging, merging.end)


cdef const uint8_t* merge_object(Merging* merging, const uint8_t* at, uint32_t parent) noexcept nogil:
    """Merge the members of a node into the target's object at ``at``, and so on within; the byte after it."""
    cdef Levels levels
    levels.all = levels.first
    levels.depth = 0
    levels.room = LEVELS_ON_STACK
    at = walk_members(merging, at, parent, &levels)
    while levels.depth > 0:
        leave(&levels)
    if levels.all != levels.first:
        free(levels.all)
    return at


cdef const uint8_t* walk_members(
    Merging* merging, const uint8_t* at, uint32_t parent, Levels* levels
) noexcept nogil:
    """A level of objects is an entry of ``levels``: a thread with a small stack merges what is nested deeply, too."""
    cdef const uint8_t* end = merging.end
    cdef const uint8_t* member
    cdef Level* level = enter(merging, levels, parent)
    cdef uint32_t number
    cdef Name name
    if unlikely(level == NULL):
        return NULL
    at += 1
    while True:
        if unlikely(at == end):
            return NULL
        if level.left == 0 or at[0] == c'}':
            at = end_object(merging, at, level)
            leave(levels)
            if at == NULL or levels.depth == 0:
                return at
            level = &levels.all[levels.depth - 1]
        else:
            member = at
            at = read_name(merging.begin, member, end)
            if unlikely(at == NULL):
                return NULL
            set_name(&name, member + 1, <uint32_t>(at - member) - 1)
            number = find_node(merging, level.parent, &name, &level.index)
            at += 2
            if number == NOT_FOUND:
                at = fluxdb_value_end(merging.begin, at, end)
            else:
                level.left -= 1
                if is_merged_within(merging, at, number):
                    level = enter(merging, levels, number)
                    if unlikely(level == NULL):
                        return NULL
                    at += 1
                    continue
                at = replace_member(merging, member, at, number)
        # After a value.
        if unlikely(at == NULL or at == end):
            return NULL
        if at[0] == c',':
            at += 1
        elif unlikely(at[0] != c'}'):
            return NULL


cdef const uint8_t* end_object(Merging* merging, const uint8_t* at, const Level* level) noexcept nogil:
    """All of the node's members are in the target, or the target's object ends at ``at``; the byte after it."""
    if level.left == 0:  # what follows stays as it is
        return merging.end if level.parent == 0 else fluxdb_nested_end(at, merging.end)
    return at + 1 if add_members(merging, at, level.parent) else NULL


cdef Level* enter(Merging* merging, Levels* levels, uint32_t parent) noexcept nogil:
    """A level for the members of a node; NULL where the node was merged already, or memory was short."""
    cdef Level* level
    if unlikely(merging.delta.nodes[parent].used):
        return NULL  # a member that is there twice
    merging.delta.nodes[parent].used = True
    if unlikely(levels.depth == levels.room) and not more_levels(levels):
        merging.out_of_memory = True
        return NULL
    level = &levels.all[levels.depth]
    level.parent = parent
    level.left = merging.delta.nodes[parent].members
    level.index.slots = NULL
    level.index.mask = 0
    if level.left > COMPARED_MAX and not build_index(merging, parent, &level.index):
        merging.out_of_memory = True
        return NULL
    levels.depth += 1
    return level


cdef inline void leave(Levels* levels) noexcept nogil:
    levels.depth -= 1
    index_free(&levels.all[levels.depth].index)


cdef bint more_levels(Levels* levels) noexcept nogil:
    cdef size_t room = 4 * <size_t>levels.room
    cdef Level* larger
    if levels.all == levels.first:
        larger = <Level*>malloc(room * sizeof(Level))
        if larger != NULL:
            memcpy(larger, levels.first, sizeof(levels.first))
    else:
        larger = <Level*>realloc(levels.all, room * sizeof(Level))
    if larger == NULL:
        return False
    levels.all = larger
    levels.room = <uint32_t>room
    return True


cdef uint32_t find_node(Merging* merging, uint32_t parent, const Name* name, const NameIndex* index) noexcept nogil:
    """The number of the delta's member of that name."""
    cdef const Node* nodes = merging.delta.nodes
    cdef uint32_t number = parent + 1
    if index.slots != NULL:
        number = index_slot(index, nodes, sizeof(Node), name, names_seed)[0]
        return number - 1 if number > 0 else NOT_FOUND
    while number < nodes[parent].behind:
        if same_name(&nodes[number].name, name):
            return number
        number = nodes[number].behind
    return NOT_FOUND


cdef bint build_index(Merging* merging, uint32_t parent, NameIndex* index) noexcept nogil:
    cdef const Node* nodes = merging.delta.nodes
    cdef uint32_t number = parent + 1
    if index_init(index, nodes[parent].members) != 0:
        return False
    while number < nodes[parent].behind:
        index_slot(index, nodes, sizeof(Node), &nodes[number].name, names_seed)[0] = number + 1
        number = nodes[number].behind
    return True


cdef const uint8_t* merge_member(
    Merging* merging, const uint8_t* member, const uint8_t* value, uint32_t number
) noexcept nogil:
    """Bring a member of the target to what the delta says; the byte after its value."""
    if is_merged_within(merging, value, number):
        return merge_object(merging, value, number)
    return replace_member(merging, member, value, number)


cdef inline bint is_merged_within(const Merging* merging, const uint8_t* value, uint32_t number) noexcept nogil:
    return merging.delta.nodes[number].kind == NODE_OBJECT and value < merging.end and value[0] == c'{'


cdef const uint8_t* replace_member(
    Merging* merging, const uint8_t* member, const uint8_t* value, uint32_t number
) noexcept nogil:
    cdef Node* node = &merging.delta.nodes[number]
    cdef const uint8_t* at
    if unlikely(node.used):
        return NULL  # a member that is there twice
    node.used = True
    at = fluxdb_value_end(merging.begin, value, merging.end)
    if unlikely(at == NULL):
        return NULL
    if merging.remove_nulls and node.kind == NODE_NULL:
        return at if remove_member(merging, member, at) else NULL
    if unlikely(not flush(merging, value) or not put_value(merging, number)):
        return NULL
    merging.run = at
    return at


cdef bint remove_member(Merging* merging, const uint8_t* member, const uint8_t* behind) noexcept nogil:
    """Leave out a member with the comma before it; with the one after it where it is the first that would be kept."""
    cdef bint first = merging.run == member or (member - 1)[0] == c'{'
    if not flush(merging, member if first else member - 1):
        return False
    merging.run = behind + 1 if first and behind < merging.end and behind[0] == c',' else behind
    return True


cdef bint add_members(Merging* merging, const uint8_t* at, uint32_t parent) noexcept nogil:
    """Add those members of a node that the target did not have, before the end of its object at ``at``."""
    cdef uint32_t number = parent + 1
    if not flush(merging, at):
        return False
    while number < merging.delta.nodes[parent].behind:
        if not merging.delta.nodes[number].used and not put_member(merging, number):
            return False
        number = merging.delta.nodes[number].behind
    return True


def merge(bytes target, bytes delta not None, bint remove_nulls=False):
    """``delta`` merged into ``target`` (None: there is nothing yet); both must be canonical.

    A null in the delta overwrites like any other value that is no object; with ``remove_nulls`` it removes the member
    (RFC 7396). Raises ValueError where the text is not canonical and that was noticed: values are skipped, not checked.
    """
    cdef uint8_t small[SMALL_BYTES]
    cdef uint8_t* out = small
    cdef const uint8_t* target_begin = NULL
    cdef size_t target_bytes = 0
    cdef const uint8_t* delta_begin = <const uint8_t*>PyBytes_AS_STRING(delta)
    cdef size_t delta_bytes = <size_t>PyBytes_GET_SIZE(delta)
    cdef size_t out_bytes = 0
    cdef int status
    if target is not None:
        target_begin = <const uint8_t*>PyBytes_AS_STRING(target)
        target_bytes = <size_t>PyBytes_GET_SIZE(target)
    if merge_bytes_max(target_bytes, delta_bytes) <= SMALL_BYTES:
        status = merge_patch(target_begin, target_bytes, delta_begin, delta_bytes, remove_nulls, out, &out_bytes)
    else:
        out = <uint8_t*>malloc(merge_bytes_max(target_bytes, delta_bytes))
        if out == NULL:
            raise MemoryError
        with nogil:
            status = merge_patch(target_begin, target_bytes, delta_begin, delta_bytes, remove_nulls, out, &out_bytes)
    try:
        if status == MERGE_OK:
            return PyBytes_FromStringAndSize(<char*>out, <Py_ssize_t>out_bytes)
        if status == MERGE_MEMORY:
            raise MemoryError
        raise ValueError("not canonical JSON text")
    finally:
        if out != small:
            free(out)
