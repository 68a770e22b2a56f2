"""Descriptors that an object owns. Nothing here is a step of Python code, so no signal handler runs in between."""

cimport cython

import errno
import os
import stat

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor) noexcept

# Other things that a folder may hold under the name of a file.
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}


@cython.no_gc
cdef class Descriptor:
    cdef int number     # -1: closed, or handed over

    def __cinit__(self):
        self.number = -1

    def __dealloc__(self):
        if self.number >= 0:
            close(self.number)

    def fileno(self):
        if self.number < 0:
            raise ValueError("the descriptor is closed")
        return self.number

    def close(self):
        cdef int number = self.number
        self.number = -1
        if number >= 0:
            os.close(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def owned(function, *arguments):
    cdef Descriptor descriptor = Descriptor()
    descriptor.number = function(*arguments)
    return descriptor


def give(taker, *descriptors, **arguments):
    cdef Descriptor descriptor
    taken = taker(**arguments)
    for given in descriptors:
        descriptor = <Descriptor?>given
        descriptor.number = -1
    return taken


def open_plain(path, int flags):
    cdef Descriptor descriptor
    try:
        # Without O_NONBLOCK, a named pipe is opened when somebody else opens its other end. To a file it means nothing.
        descriptor = owned(os.open, path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        refuse_link(path)
        refuse_special(path, error)
        raise
    number = descriptor.number
    kind = stat.S_IFMT(os.fstat(number).st_mode)
    if kind != stat.S_IFREG:
        raise not_a_file(path, kind)
    descriptor.number = -1
    return number


cdef int refuse_link(path) except -1:
    try:
        target = os.readlink(path)
    except OSError:
        return 0
    name = os.path.basename(path)
    message = f"{name} is a link to {target}, and links are not followed: move it out of the folder"
    raise OSError(errno.ELOOP, message, os.fspath(path)) from None


cdef int refuse_special(path, error) except -1:
    try:
        kind = stat.S_IFMT(os.lstat(path).st_mode)
    except OSError:
        return 0
    if kind != stat.S_IFREG:
        raise not_a_file(path, kind) from error
    return 0


cdef object not_a_file(path, kind):
    name = os.path.basename(path)
    what = KINDS.get(kind, "something else")
    return OSError(errno.ENOTSUP, f"{name} is {what}, not a file: move it out of the folder", os.fspath(path))
