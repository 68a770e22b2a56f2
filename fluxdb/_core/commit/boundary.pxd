"""Between Python's objects and the write path: arguments on their way in, exceptions on their way out."""

from libc.stdint cimport int64_t, uint64_t

from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport Write
from fluxdb._core.commit.state cimport Commit

# The write points into key and text: they must outlive it. Raises InvalidKeyError, ValueError.
cdef int write_from_arguments(Write* write, int kind, object key, bytes text, int64_t if_version) except -1
# How long its document lives, 0: that is not named. Raises ValueError.
cdef int write_set_ttl(Write* write, uint64_t ttl_ms, bint keep_ttl) except -1
# The exception for an outcome that is one; key may be None. path: of an INCREMENT, None if it is not at hand.
cdef object outcome_exception(const Outcome* outcome, const Commit* commit, object key, object path=*)
# Why no writes are taken, or None.
cdef object displaced_words(const Commit* commit)
cdef object failure_words(const Commit* commit)
