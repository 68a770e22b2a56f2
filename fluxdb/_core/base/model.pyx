"""Document and Event: small, immutable, and no tuples.

A tuple would be written as a JSON array by json.dumps and by web frameworks, [value, version], and stored as one.
"""

cimport cython
from libc.stdint cimport uint64_t

cdef extern from *:
    """
    static inline void fluxdb_name_type(PyObject *type, const char *name) { ((PyTypeObject *)type)->tp_name = name; }
    """
    void fluxdb_name_type(object type, const char* name)


@cython.final
@cython.freelist(64)
cdef class Document:
    """A value, its version (per key, from 1, strictly increasing), and when it expires.

    Equal to a Document with equal value, version and expiry; hashable if its value is.
    """
    __match_args__ = ("value", "version", "expires_at")

    def __init__(self, value, uint64_t version, expires_at=None):
        if self.is_made:
            raise TypeError("a Document can't be changed")
        self.value = value
        self.version = version
        self.expires_at = expires_at
        self.is_made = True

    def __repr__(self):
        expiry = "" if self.expires_at is None else f", expires_at={self.expires_at!r}"
        return f"Document(value={self.value!r}, version={self.version}{expiry})"

    def __eq__(self, other):
        if type(other) is not Document:
            return NotImplemented
        return (
            self.version == (<Document>other).version
            and self.value == (<Document>other).value
            and self.expires_at == (<Document>other).expires_at
        )

    def __hash__(self):
        return hash((self.value, self.version, self.expires_at))

    def __reduce__(self):
        if self.expires_at is None:
            return Document, (self.value, self.version)
        return Document, (self.value, self.version, self.expires_at)


@cython.final
@cython.freelist(64)
cdef class Event:
    """One committed change of a key.

    ``old`` and ``new`` are None where there was, or is, no document; and for null. Equal to an Event with equal fields;
    hashable where ``old`` and ``new`` are. ``commit`` is the revision of the last write of its batch: events with the
    same one were written together. For a lone write it is its own revision.
    """
    __match_args__ = ("key", "old", "new", "version", "op", "revision", "commit")

    def __init__(self, key, old, new, version, op, revision, commit=None):
        if self.is_made:
            raise TypeError("an Event can't be changed")
        self.key, self.old, self.new, self.version, self.op, self.revision = key, old, new, version, op, revision
        self.commit = revision if commit is None else commit
        self.is_made = True

    cdef tuple fields(self):
        return self.key, self.old, self.new, self.version, self.op, self.revision, self.commit

    def __repr__(self):
        return (
            f"Event(key={self.key!r}, old={self.old!r}, new={self.new!r}, version={self.version!r}, op={self.op!r}, "
            f"revision={self.revision!r}, commit={self.commit!r})"
        )

    def __eq__(self, other):
        return self.fields() == (<Event>other).fields() if type(other) is Event else NotImplemented

    def __hash__(self):
        return hash(self.fields())

    def __reduce__(self):
        return Event, self.fields()


cdef Document new_document(object value, uint64_t version, uint64_t expires_at_ms):
    cdef Document made = Document.__new__(Document)
    made.value = value
    made.version = version
    if expires_at_ms:
        made.expires_at = expires_at_ms / 1000.0
    made.is_made = True
    return made


cdef Event new_event(
    object key, object old, object new, object version, object op, object revision, object commit,
):
    cdef Event made = Event.__new__(Event)
    made.key = key
    made.old = old
    made.new = new
    made.version = version
    made.op = op
    made.revision = revision
    made.commit = commit
    made.is_made = True
    return made


# The public place of the classes: error messages, help() and pickles name it, and it stays when the core is moved.
fluxdb_name_type(Document, "fluxdb.Document")
fluxdb_name_type(Event, "fluxdb.Event")
