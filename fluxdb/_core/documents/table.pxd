"""The table: key -> record, in shards that grow one at a time, so that no write pays for the whole.

A record is one allocation: a 24-byte head, the key, the value, and the expiry of a document that has one. A slot is 8
bytes: the record's address in 48 bits, 16 bits of the key's hash above it, so most misses are noticed without touching
the record. With 0.75 as the greatest load of a shard, a 10-byte key and a 37-byte value cost about 97 bytes.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "base/hash.h" nogil:
    uint64_t fluxdb_hash(const void* data, size_t data_bytes, uint64_t seed) noexcept

cdef extern from "base/fetch.h" nogil:
    void fluxdb_fetch_slot(void* const* slots, const uint32_t* mask, uint32_t home) noexcept
    void fluxdb_fetch_bytes(const void* begin, size_t bytes) noexcept

cdef extern from *:
    const uint64_t NUMBER_MAX "INT64_MAX"   # of versions and revisions: a client names a version in 63 bits

cdef enum RecordFlag:
    RECORD_TOMBSTONE = 1    # the key was deleted; there is no value
    RECORD_DEAD = 2         # out of the table, kept for the holder of a pin
    RECORD_EXPIRES = 4      # the document expires; the time follows the value
    RECORD_DUE = 8          # its time is over, and it waits for its removal (documents/expiry.pxd)

cdef enum:
    PINS_MAX = 255
    RECORD_EXPIRY_BYTES = 8
    FETCHED_BYTES = 128     # of a record: all of a small one

cdef packed struct Record:
    uint64_t revision       # of the write that made it
    uint64_t version
    uint32_t value_bytes
    uint16_t key_bytes
    uint8_t flags
    uint8_t pins            # who reads the value without the lock; at most PINS_MAX
    # the key follows, then the value, then with RECORD_EXPIRES the expiry: u64, milliseconds since 1970

cdef inline uint8_t* record_key(Record* record) noexcept nogil:
    return <uint8_t*>record + sizeof(Record)

cdef inline uint8_t* record_value(Record* record) noexcept nogil:
    return <uint8_t*>record + sizeof(Record) + record.key_bytes

cdef inline size_t record_bytes(const Record* record) noexcept nogil:
    return (sizeof(Record) + record.key_bytes + record.value_bytes
            + (RECORD_EXPIRY_BYTES if record.flags & RECORD_EXPIRES else 0))

# 0: the document never expires.
cdef inline uint64_t record_expires_at(const Record* record) noexcept nogil:
    cdef uint64_t expires_at_ms = 0
    if record.flags & RECORD_EXPIRES:
        memcpy(&expires_at_ms, <const uint8_t*>record + record_bytes(record) - RECORD_EXPIRY_BYTES, RECORD_EXPIRY_BYTES)
    return expires_at_ms

# The record's allocation must have room for the expiry behind the value. 0: it never expires.
cdef inline void record_set_expiry(Record* record, uint64_t expires_at_ms) noexcept nogil:
    if expires_at_ms:
        record.flags |= RECORD_EXPIRES
        memcpy(<uint8_t*>record + record_bytes(record) - RECORD_EXPIRY_BYTES, &expires_at_ms, RECORD_EXPIRY_BYTES)
    else:
        record.flags &= ~RECORD_EXPIRES

cdef struct Shard:
    uint64_t* slots         # 0: empty
    uint32_t mask           # slots - 1; slots are a power of two
    uint32_t used

cdef struct Table:
    Shard* shards
    uint32_t shard_bits     # 2^shard_bits shards, chosen by the top bits of the hash
    uint64_t seed
    size_t used

# 0, or -1 where there is no memory.
cdef int table_init(Table* table, uint32_t shard_bits, uint64_t seed) noexcept nogil
# Frees the table; its records, too, where it owns them.
cdef void table_free(Table* table, bint owns_records) noexcept nogil
# Forgets all entries; frees no record.
cdef void table_clear(Table* table) noexcept nogil
cdef Record* table_find(Table* table, const uint8_t* key, size_t key_bytes, uint64_t hash) noexcept nogil
# The record of that hash and revision: for the queue of tombstones, which holds no keys.
cdef Record* table_find_revision(Table* table, uint64_t hash, uint64_t revision) noexcept nogil
# Puts record under its key; replaced is the one that was there, or NULL. -1 where there is no memory: nothing changed.
cdef int table_put(Table* table, Record* record, uint64_t hash, Record** replaced) noexcept nogil
# Puts record in the place of the one that stands under its key, which must be there. Can't fail.
cdef void table_restore(Table* table, Record* record, uint64_t hash) noexcept nogil
# Takes the key's record out and returns it, or NULL.
cdef Record* table_remove(Table* table, const uint8_t* key, size_t key_bytes, uint64_t hash) noexcept nogil

cdef inline uint32_t table_shard_of(const Table* table, uint64_t hash) noexcept nogil:
    return <uint32_t>(hash >> (64 - table.shard_bits)) if table.shard_bits else 0

cdef inline uint64_t table_hash(const Table* table, const uint8_t* key, size_t key_bytes) noexcept nogil:
    return fluxdb_hash(key, key_bytes, table.seed)

# Returns where the search for a key begins, before the mask.
cdef inline uint32_t home_of(uint64_t hash) noexcept nogil:
    return <uint32_t>((hash >> 32) & 0xFFFF) | <uint32_t>(hash << 16)

# Begins to fetch the slot at which the search for a key will begin: of a large table it is a miss of every cache, and
# the caller may have something to do meanwhile. Needs no lock.
cdef inline void table_fetch(const Table* table, uint64_t hash) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    fluxdb_fetch_slot(<void* const*>&shard.slots, &shard.mask, home_of(hash))

cdef inline bint slot_may_match(uint64_t slot, uint64_t hash) noexcept nogil:
    return (slot >> 48) == ((hash >> 32) & 0xFFFF)

cdef inline Record* slot_record(uint64_t slot) noexcept nogil:
    return <Record*><size_t>(slot & 0x0000FFFFFFFFFFFFULL)

# Begins to fetch the first record whose slot may be the key's, as table_find will look for it: nearly always the record
# of the key. With the lock held, after table_fetch.
cdef inline void table_fetch_record(const Table* table, uint64_t hash) noexcept nogil:
    cdef Shard* shard = &table.shards[table_shard_of(table, hash)]
    cdef uint32_t at
    if shard.slots == NULL:
        return
    at = home_of(hash) & shard.mask
    while shard.slots[at] != 0 and not slot_may_match(shard.slots[at], hash):
        at = (at + 1) & shard.mask
    fluxdb_fetch_bytes(slot_record(shard.slots[at]), FETCHED_BYTES)
