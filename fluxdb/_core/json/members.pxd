"""The members of the objects that are open while a text is read: of a name that comes again, the last member stays.

The one before is overwritten where it lies in the output, with a mark and its length, and all marks are squeezed out
once at the end: whatever the text, no byte moves more than twice.

Arrays often hold many objects with the same members in the same order. So each depth has a pattern: the names of an
object that was read there before. As long as the names of an object are those of the pattern, in its order, they are
known to differ from each other, and nothing is looked up.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy, memmove

from fluxdb._core.json.names cimport (
    NAMES_COMPARED_MAX, Name, NameIndex, fluxdb_has_mark, index_free, index_init, index_is_full, index_slot, same_name,
)
from fluxdb._core.json.reading cimport Reading, fluxdb_is_name, flush, likely, unlikely

cdef extern from *:
    const uint32_t NAME_REPLACED "UINT32_MAX"  # in Name.name_bytes: longer than any name

cdef enum:
    MEMBERS_ON_STACK = 64
    PATTERN_NAMES = 16
    PATTERN_DEPTHS = 8  # deeper objects, and those with more members, have no pattern
    PATTERN_MISSES_MAX = 16  # objects at a depth that were not as expected: then nothing is expected there any more
    GAP = 0  # what a replaced member is overwritten with: no control character is left in canonical text


cdef struct Member:
    Name name
    uint32_t out_offset  # where it begins in the output: its name's quote


cdef struct Pattern:
    Name names[PATTERN_NAMES]
    uint32_t count  # 0: nothing is expected
    uint32_t misses


# A stack: the members of the outermost object first.
cdef struct Members:
    Member* list
    uint32_t* marks  # of the names once more, close together
    uint32_t used
    uint32_t closed  # members of the object that ended last
    uint32_t room
    bint replaced  # is there anything to squeeze out?
    uint64_t seed  # of the hash of names
    Member first_list[MEMBERS_ON_STACK]
    uint32_t first_marks[MEMBERS_ON_STACK]
    Pattern patterns[PATTERN_DEPTHS]


cdef inline void members_init(Members* members, uint64_t seed) noexcept nogil:
    members.list = members.first_list
    members.marks = members.first_marks
    cdef int depth
    for depth in range(PATTERN_DEPTHS):
        members.patterns[depth].count = members.patterns[depth].misses = 0
    members.used = members.closed = 0
    members.room = MEMBERS_ON_STACK
    members.replaced = False
    members.seed = seed


cdef inline void members_free(Members* members) noexcept nogil:
    if members.list != members.first_list:
        free(members.list)
    if members.marks != members.first_marks:
        free(members.marks)


cdef inline bint has_room(Members* members) noexcept nogil:
    """Make room for one more. False: no memory."""
    return likely(members.used < members.room) or more_room(members)


cdef inline bint more_room(Members* members) noexcept nogil:
    cdef size_t room = 2 * <size_t>members.room
    cdef bint on_stack = members.list == members.first_list
    cdef Member* new_list = <Member*>realloc(NULL if on_stack else members.list, room * sizeof(Member))
    cdef uint32_t* new_marks
    if new_list == NULL:
        return False
    if on_stack:
        memcpy(new_list, members.first_list, sizeof(members.first_list))
    members.list = new_list
    new_marks = <uint32_t*>realloc(
        NULL if members.marks == members.first_marks else members.marks, room * sizeof(uint32_t)
    )
    if new_marks == NULL:
        return False
    if members.marks == members.first_marks:
        memcpy(new_marks, members.first_marks, sizeof(members.first_marks))
    members.marks = new_marks
    members.room = <uint32_t>room
    return True


cdef inline bint is_expected(
    const Pattern* pattern, uint32_t number, const uint8_t* at, const uint8_t* end
) noexcept nogil:
    """Tell whether the name at ``at``, of an object's member with that number, is the one that the pattern has there.
    """
    cdef const Name* name = &pattern.names[number]
    return number < pattern.count and fluxdb_is_name(at, end, name.at, name.name_bytes)


cdef inline void leave_pattern(Members* members, Pattern* pattern, uint32_t begin) noexcept nogil:
    """The next name of the object ``begin`` is not the expected one: note the names before it, which were."""
    cdef uint32_t i
    for i in range(members.used - begin):
        members.list[begin + i].name = pattern.names[i]
        members.marks[begin + i] = pattern.names[i].mark


cdef inline void learn_pattern(Members* members, Pattern* pattern, uint32_t begin) noexcept nogil:
    """Expect the names of the object ``begin``, which ends now and was not as expected; not for the first such object,
    since there may be no other."""
    cdef uint32_t count = members.used - begin
    cdef uint32_t i
    pattern.count = 0
    pattern.misses += 1
    if pattern.misses == 1 or pattern.misses > PATTERN_MISSES_MAX or count > PATTERN_NAMES:
        return
    for i in range(count):
        if members.list[begin + i].name.name_bytes == NAME_REPLACED:
            return
        pattern.names[i] = members.list[begin + i].name
    pattern.count = count


cdef inline bint push_member(
    Members* members, Reading* reading, uint32_t begin, NameIndex* index, const uint8_t* upto
) noexcept nogil:
    """Take the member that was put at the end of the list into the object whose first one is ``begin``.

    One of the same name is replaced; before that, what is read ``upto`` there is copied. False: there is no memory.
    """
    cdef uint32_t number = members.used
    cdef uint32_t mark = members.list[number].name.mark
    members.marks[number] = mark
    members.used = number + 1
    if unlikely(number - begin >= NAMES_COMPARED_MAX):
        return push_to_index(members, reading, begin, index, upto)
    if unlikely(fluxdb_has_mark(members.marks + begin, number - begin, mark)):
        replace_equal(members, reading, begin, upto)
    return True


cdef inline void replace_equal(Members* members, Reading* reading, uint32_t begin, const uint8_t* upto) noexcept nogil:
    """Replace the member that has the name of the last one, if there is any."""
    cdef uint32_t last = members.used - 1
    cdef uint32_t i
    for i in range(begin, last):
        if same_name(&members.list[i].name, &members.list[last].name):
            replace_member(members, reading, i, upto)
            return


cdef inline bint push_to_index(
    Members* members, Reading* reading, uint32_t begin, NameIndex* index, const uint8_t* upto
) noexcept nogil:
    cdef uint32_t last = members.used - 1
    cdef uint32_t* slot
    if (index.slots == NULL or index_is_full(index)) and not build_index(members, begin, index):
        return False
    slot = index_slot(index, members.list, sizeof(Member), &members.list[last].name, members.seed)
    if slot[0] != 0:
        replace_member(members, reading, slot[0] - 1, upto)
    else:
        index.used += 1
    slot[0] = last + 1
    return True


cdef inline bint build_index(Members* members, uint32_t begin, NameIndex* index) noexcept nogil:
    """An index of the object's members but the last, with room for many more."""
    cdef uint32_t last = members.used - 1
    cdef uint32_t names = index.used if index.slots != NULL else last - begin
    cdef uint32_t i
    index_free(index)
    if index_init(index, 4 * names) != 0:
        return False
    for i in range(begin, last):
        if members.list[i].name.name_bytes != NAME_REPLACED:
            index_slot(index, members.list, sizeof(Member), &members.list[i].name, members.seed)[0] = i + 1
            index.used += 1
    return True


cdef inline void replace_member(
    Members* members, Reading* reading, uint32_t number, const uint8_t* upto
) noexcept nogil:
    """Overwrite a member in the output with a mark and its length, which reaches to the member after it.

    There is room for these five bytes: the shortest member is ``"":0`` and its comma.
    """
    cdef Member* member = &members.list[number]
    cdef uint8_t* place = reading.out_begin + member.out_offset
    cdef uint32_t member_bytes = members.list[number + 1].out_offset - member.out_offset
    flush(reading, upto)
    place[0] = GAP
    memcpy(place + 1, &member_bytes, sizeof(member_bytes))
    member.name.name_bytes = NAME_REPLACED
    members.replaced = True


cdef inline void squeeze(Reading* reading) noexcept nogil:
    """Close the gaps that replaced members left."""
    cdef uint8_t* end = reading.out
    cdef uint8_t* gap = <uint8_t*>memchr(reading.out_begin, GAP, end - reading.out_begin)
    cdef uint8_t* after
    cdef uint32_t gap_bytes
    reading.out = gap
    while gap != NULL:
        memcpy(&gap_bytes, gap + 1, sizeof(gap_bytes))
        after = gap + gap_bytes
        gap = <uint8_t*>memchr(after, GAP, end - after)
        memmove(reading.out, after, (gap if gap != NULL else end) - after)
        reading.out += (gap if gap != NULL else end) - after
