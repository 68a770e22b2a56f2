"""A batch of Python's operations (fluxdb.engine.operation.Operation), as writes."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fluxdb._core.commit.boundary cimport outcome_exception, write_from_arguments, write_set_ttl
from fluxdb._core.commit.outcome cimport BATCH_TOO_LARGE, CONFLICT, MISSING, is_rejection, outcome_with
from fluxdb._core.commit.write cimport WRITE_CHECK, WRITE_INCREMENT, writes_free, writes_prepare
from fluxdb._core.json.pointer cimport path_utf8

from fluxdb.errors import LimitError


cdef class Batch:
    def __cinit__(self, operations, size_t operations_max):
        cdef size_t i
        self.operations = list(operations)
        self.count = <size_t>len(self.operations)
        if self.count > operations_max:
            raise LimitError(
                f"the batch has {self.count} operations, over the limit of {operations_max} (batch_operations_max); "
                "nothing was written: write it in several batches"
            )
        self.writes = <Write*>calloc(self.count + 1, sizeof(Write))
        self.outcomes = <Outcome*>calloc(self.count + 1, sizeof(Outcome))
        if self.writes == NULL or self.outcomes == NULL:
            raise MemoryError
        for i in range(self.count):
            try:
                take_operation(&self.writes[i], self.operations[i])
            except (TypeError, ValueError) as error:
                error.index = i
                raise

    def __dealloc__(self):
        if self.writes != NULL:
            writes_free(self.writes, self.count)
        free(self.writes)
        free(self.outcomes)

    cdef int prepare(self, Commit* commit) noexcept nogil:
        return writes_prepare(self.writes, self.count, &commit.limits, commit.state, self.outcomes)

    cdef bint names_ttl(self):
        cdef size_t i
        for i in range(self.count):
            if self.writes[i].ttl_ms or self.writes[i].keep_ttl:
                return True
        return False

    cdef tuple written(self, const Commit* commit):
        cdef size_t i
        cdef uint64_t revision = commit.state.revision if self.count == 0 else 0
        cdef list versions = [None] * <Py_ssize_t>self.count
        cdef list sums = [None] * <Py_ssize_t>self.count
        for i in range(self.count):
            revision = max(revision, self.outcomes[i].revision)
            if self.writes[i].kind == WRITE_CHECK or self.outcomes[i].status == MISSING:
                continue
            versions[i] = self.outcomes[i].version
            if self.writes[i].kind == WRITE_INCREMENT:
                sums[i] = self.outcomes[i].sum
        return revision, versions, sums

    cdef object staged(self, const Commit* commit):
        cdef size_t i
        for i in range(self.count):
            if is_rejection(self.outcomes[i].status):
                return self.exception(self.outcomes[i].status, commit)
        return self.written(commit)

    cdef object exception(self, int status, const Commit* commit):
        cdef size_t i = outcome_with(self.outcomes, self.count, status)
        cdef Outcome whole
        if i < self.count and status != BATCH_TOO_LARGE:
            operation = self.operations[i]
            error = outcome_exception(&self.outcomes[i], commit, operation.key, operation.path)
            error.index = i
            if status == CONFLICT:
                error = type(error)(operation.key, error.expected, error.actual, i, self.conflicts())
            return error
        memset(&whole, 0, sizeof(Outcome))
        if status == BATCH_TOO_LARGE:
            whole = self.outcomes[0]
        whole.status = status
        return outcome_exception(&whole, commit, None)

    cdef list conflicts(self):
        """Every condition that does not hold."""
        cdef Outcome* outcome
        cdef list found = []
        cdef size_t i
        for i in range(self.count):
            outcome = &self.outcomes[i]
            if outcome.status == CONFLICT:
                expected = None if outcome.detail else outcome.expected
                found.append((i, self.operations[i].key, expected, outcome.actual))
        return found


cdef int take_operation(Write* write, operation) except -1:
    """Raises InvalidKeyError, InvalidValueError, ValueError, TypeError."""
    cdef int kind = operation.kind
    cdef int64_t if_version = operation.if_version
    cdef Py_ssize_t path_bytes = 0
    if kind == WRITE_CHECK and if_version < 0 and not operation.exists:
        raise ValueError("a CHECK needs a version, or exists")
    write_from_arguments(write, kind, operation.key, operation.text, if_version)
    if operation.ttl_ms or operation.keep_ttl:
        write_set_ttl(write, operation.ttl_ms, operation.keep_ttl)
    if kind == WRITE_CHECK:
        write.must_exist = operation.exists
    elif kind == WRITE_INCREMENT:
        write.path = path_utf8(operation.path, &path_bytes)
        write.path_bytes = <size_t>path_bytes
        write.by = operation.by
    return 0
