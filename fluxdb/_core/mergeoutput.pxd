"""What a merge writes: runs of the target, and values of the delta.

False: there is no room. Then the target is not canonical, for of canonical text the result always fits.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fluxdb._core.mergedelta cimport NODE_NULL, Delta, Node, unlikely


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
    """A whole member of the delta, behind what its object holds already; nothing for a null to be removed."""
    cdef const Node* node = &merging.delta.nodes[number]
    cdef uint8_t comma = c','
    if merging.remove_nulls and node.kind == NODE_NULL:
        return True
    if (merging.out - 1)[0] != c'{' and not put(merging, &comma, &comma + 1):
        return False
    return put(merging, node.name.at - 1, node.value) and put_value(merging, number)


cdef inline bint put_value(Merging* merging, uint32_t number) noexcept nogil:
    """A value of the delta where the target has nothing to merge it with."""
    cdef const Node* node = &merging.delta.nodes[number]
    cdef uint32_t member = number + 1
    if not (merging.remove_nulls and node.has_nulls):
        return put(merging, node.value, node.value_end)
    if not put(merging, node.value, node.value + 1):
        return False
    while member < node.behind:
        if not put_member(merging, member):
            return False
        member = merging.delta.nodes[member].behind
    return put(merging, node.value_end - 1, node.value_end)
