"""The output of a merge: runs of the target, and values of the delta.

False: there is no room. Then the target is not canonical, for of canonical text the result always fits.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fluxdb._core.json.delta cimport NODE_NULL, Delta, Node, unlikely
from fluxdb._core.json.reading cimport DEPTH_CAP


cdef struct Merging:
    const uint8_t* begin  # of the target
    const uint8_t* end
    const uint8_t* run  # as it is to stay from here on, and not yet copied
    uint8_t* out
    uint8_t* out_end
    bint remove_nulls
    bint out_of_memory
    Delta delta


cdef inline bint put(Merging* merging, const uint8_t* begin, const uint8_t* end) noexcept nogil:
    cdef size_t put_bytes = end - begin  # huge, if a member was found within another
    if unlikely(put_bytes > <size_t>(merging.out_end - merging.out)):
        return False
    memcpy(merging.out, begin, put_bytes)
    merging.out += put_bytes
    return True


cdef inline bint flush(Merging* merging, const uint8_t* upto) noexcept nogil:
    cdef const uint8_t* run = merging.run
    merging.run = upto
    return put(merging, run, upto)


cdef inline bint put_member(Merging* merging, uint32_t number) noexcept nogil:
    """A whole member of the delta, after what its object holds already; nothing for a null to be removed."""
    cdef const Node* node = &merging.delta.nodes[number]
    if merging.remove_nulls and node.kind == NODE_NULL:
        return True
    return put_name(merging, node) and put_value(merging, number)


cdef inline bint put_name(Merging* merging, const Node* node) noexcept nogil:
    cdef uint8_t comma = c','
    if (merging.out - 1)[0] != c'{' and not put(merging, &comma, &comma + 1):
        return False
    return put(merging, node.name.at - 1, node.value)


cdef inline bint put_value(Merging* merging, uint32_t number) noexcept nogil:
    """A value of the delta where the target has nothing to merge it with."""
    cdef const Node* node = &merging.delta.nodes[number]
    if merging.remove_nulls and node.has_nulls:
        return put_without_nulls(merging, number)
    return put(merging, node.value, node.value_end)


cdef inline bint put_without_nulls(Merging* merging, uint32_t number) noexcept nogil:
    """An object that has nulls. Nodes stand in the order of the text, so one walk over them is all."""
    cdef uint32_t open_nodes[DEPTH_CAP]
    cdef uint32_t depth = 0
    cdef const Node* nodes = merging.delta.nodes
    cdef const Node* node = &nodes[number]
    while True:
        if node.has_nulls:
            if not put(merging, node.value, node.value + 1):
                return False
            open_nodes[depth] = number
            depth += 1
            number += 1
        else:
            if not put(merging, node.value, node.value_end):
                return False
            number = node.behind
        # Nulls, and the ends of objects, up to the next member.
        while number == nodes[open_nodes[depth - 1]].behind or nodes[number].kind == NODE_NULL:
            if number == nodes[open_nodes[depth - 1]].behind:
                node = &nodes[open_nodes[depth - 1]]
                if not put(merging, node.value_end - 1, node.value_end):
                    return False
                depth -= 1
                if depth == 0:
                    return True
            else:
                number = nodes[number].behind
        node = &nodes[number]
        if not put_name(merging, node):
            return False
