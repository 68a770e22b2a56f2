"""Open addressing with linear probing; a removal shifts what follows back, so there are no markers to sweep.

The 16 bits of the hash that a slot keeps are the lowest of those that say where the search for it begins. So a shard of
up to 65,536 slots grows, and closes a gap, without a look at its records, each of which would be a miss of the cache.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

cdef enum:
    SLOTS_MIN = 8


cdef inline uint64_t make_slot(Record* record, uint64_t hash) noexcept nogil:
    return (hash >> 32 << 48) | <uint64_t><size_t>record


cdef inline uint32_t home_of_slot(const Table* table, uint64_t slot, uint32_t mask) noexcept nogil:
    cdef Record* record
    if mask <= 0xFFFF:
        return <uint32_t>(slot >> 48) & mask
    record = slot_record(slot)
    return home_of(table_hash(table, record_key(record), record.key_bytes)) & mask


cdef inline bint has_key(Record* record, const uint8_t* key, size_t key_bytes) noexcept nogil:
    return record.key_bytes == key_bytes and memcmp(record_key(record), key, key_bytes) == 0


cdef int table_init(Table* table, uint32_t shard_bits, uint64_t seed) noexcept nogil:
    table.shards = <Shard*>calloc(<size_t>1 << shard_bits, sizeof(Shard))
    table.shard_bits = shard_bits
    table.seed = seed
    table.used = 0
    return 0 if table.shards != NULL else -1


cdef void table_free(Table* table, bint owns_records) noexcept nogil:
    cdef size_t i
    cdef uint32_t at
    cdef Shard* shard
    if table.shards == NULL:
        return
    for i in range(<size_t>1 << table.shard_bits):
        shard = &table.shards[i]
        if owns_records and shard.slots != NULL:
            for at in range(shard.mask + 1):
                free(slot_record(shard.slots[at]))
        free(shard.slots)
    free(table.shards)
    table.shards = NULL


cdef void table_clear(Table* table) noexcept nogil:
    cdef size_t i
    for i in range(<size_t>1 << table.shard_bits):
        free(table.shards[i].slots)
        table.shards[i].slots = NULL
        table.shards[i].mask = 0
        table.shards[i].used = 0
    table.used = 0


cdef inline uint64_t* probe(Shard* shard, const uint8_t* key, size_t key_bytes, uint64_t hash) noexcept nogil:
    """The key's slot, or the empty one at which the search for it ended."""
    cdef uint32_t at = home_of(hash) & shard.mask
    cdef uint64_t slot
    while True:
        slot = shard.slots[at]
        if slot == 0 or (slot_may_match(slot, hash) and has_key(slot_record(slot), key, key_bytes)):
            return &shard.slots[at]
        at = (at + 1) & shard.mask


cdef Record* table_find(Table* table, const uint8_t* key, size_t key_bytes, uint64_t hash) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    if shard.slots == NULL:
        return NULL
    return slot_record(probe(shard, key, key_bytes, hash)[0])


cdef Record* table_find_revision(Table* table, uint64_t hash, uint64_t revision) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    cdef uint32_t at
    cdef uint64_t slot
    if shard.slots == NULL:
        return NULL
    at = home_of(hash) & shard.mask
    while True:
        slot = shard.slots[at]
        if slot == 0:
            return NULL
        if slot_may_match(slot, hash) and slot_record(slot).revision == revision:
            return slot_record(slot)
        at = (at + 1) & shard.mask


cdef int grow(Table* table, Shard* shard) noexcept nogil:
    cdef uint32_t slots = SLOTS_MIN if shard.slots == NULL else (shard.mask + 1) * 2
    cdef uint64_t* larger = <uint64_t*>calloc(slots, sizeof(uint64_t))
    cdef uint32_t mask = slots - 1
    cdef uint32_t at, old
    if larger == NULL:
        return -1
    if shard.slots != NULL:
        for old in range(shard.mask + 1):
            if shard.slots[old] == 0:
                continue
            at = home_of_slot(table, shard.slots[old], mask)
            while larger[at] != 0:
                at = (at + 1) & mask
            larger[at] = shard.slots[old]
        free(shard.slots)
    shard.slots = larger
    shard.mask = mask
    return 0


cdef int table_put(Table* table, Record* record, uint64_t hash, Record** replaced) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    cdef uint64_t* slot
    if shard.slots == NULL or (shard.used + 1) * 4 > (shard.mask + 1) * 3:
        # Without memory for more slots it goes on in those that it has, as long as one stays empty.
        if grow(table, shard) != 0 and (shard.slots == NULL or shard.used + 1 > shard.mask):
            return -1
    slot = probe(shard, record_key(record), record.key_bytes, hash)
    replaced[0] = slot_record(slot[0])
    if slot[0] == 0:
        shard.used += 1
        table.used += 1
    slot[0] = make_slot(record, hash)
    return 0


cdef void table_restore(Table* table, Record* record, uint64_t hash) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    probe(shard, record_key(record), record.key_bytes, hash)[0] = make_slot(record, hash)


cdef Record* table_remove(Table* table, const uint8_t* key, size_t key_bytes, uint64_t hash) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    cdef Record* removed
    cdef uint32_t hole, at, home
    if shard.slots == NULL:
        return NULL
    hole = <uint32_t>(probe(shard, key, key_bytes, hash) - shard.slots)
    removed = slot_record(shard.slots[hole])
    if removed == NULL:
        return NULL
    at = hole
    while True:
        at = (at + 1) & shard.mask
        if shard.slots[at] == 0:
            break
        home = home_of_slot(table, shard.slots[at], shard.mask)
        # It may move back into the hole only where that does not put it before its home.
        if ((at - home) & shard.mask) >= ((at - hole) & shard.mask):
            shard.slots[hole] = shard.slots[at]
            hole = at
    shard.slots[hole] = 0
    shard.used -= 1
    table.used -= 1
    return removed
