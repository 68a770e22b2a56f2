"""Entries are made when they are asked for: a page holds bytes, and each value is parsed as its turn comes."""

from collections.abc import Sequence

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.string cimport memset

from fluxdb._core.base.model cimport new_document
from fluxdb._core.documents.page cimport PageEntry, page_free
from fluxdb._core.json.parse cimport parse_text

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char* text, Py_ssize_t size, const char* errors)


cdef class Entries:
    def __cinit__(self):
        memset(&self.page, 0, sizeof(Page))

    def __dealloc__(self):
        page_free(&self.page)

    def __len__(self):
        return <Py_ssize_t>self.page.count

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self.item(<size_t>i) for i in range(*index.indices(<Py_ssize_t>self.page.count))]
        place = index if index >= 0 else index + <Py_ssize_t>self.page.count
        if not 0 <= place < <Py_ssize_t>self.page.count:
            raise IndexError("the page has no such entry")
        return self.item(<size_t>place)

    def __iter__(self):
        cdef EntryIterator made = EntryIterator.__new__(EntryIterator)
        made.entries = self
        return made

    cdef object key(self, size_t i):
        cdef PageEntry* entry = &self.page.entries[i]
        return PyUnicode_DecodeUTF8(<const char*>self.page.bytes + entry.key, entry.key_bytes, NULL)

    cdef bytes text(self, size_t i):
        cdef PageEntry* entry = &self.page.entries[i]
        return PyBytes_FromStringAndSize(<const char*>self.page.bytes + entry.value, entry.value_bytes)

    cdef object expires_at(self, size_t i):
        """Seconds since 1970, or None."""
        cdef uint64_t expires_at_ms = self.page.entries[i].expires_at_ms
        return expires_at_ms / 1000.0 if expires_at_ms else None

    cdef object item(self, size_t i):
        if self.kind == ENTRY_KEY:
            return self.key(i)
        if self.kind == ENTRY_TEXT:
            return self.key(i), self.text(i), self.page.entries[i].version, self.expires_at(i)
        return self.key(i), new_document(
            parse_text(self.loads, self.text(i)), self.page.entries[i].version, self.page.entries[i].expires_at_ms
        )


cdef class EntryIterator:
    cdef Entries entries
    cdef size_t next

    def __iter__(self):
        return self

    def __next__(self):
        cdef size_t i = self.next
        if i == self.entries.page.count:
            raise StopIteration
        self.next = i + 1
        return self.entries.item(i)


Sequence.register(Entries)
