/* An LD_PRELOAD library between a process and the C library's file calls, for files below one directory.
 *
 * It records each call that can change what a disk holds (with its data) in a trace, and it makes calls fail, come back
 * short, or wait, as rules say. tests/support/shim.py compiles and drives it; tests/support/trace.py reads the trace.
 *
 * Order: a call is made and recorded under one lock, so the trace is the order in which the kernel saw the calls.
 * A sync is the exception: it is recorded when it begins and when it is done, and others go on in between.
 */
#include "shim_record.h"

/* ---- open, close, dup ---- */

static int opened(int dirfd, const char *name, int flags, int mode, int (*call)(int, const char *, int, int)) {
    char path[PATH_MAX];
    if (!prefix_bytes) return call(dirfd, name, flags, mode);
    absolute(dirfd, name, path);
    if (!below(path)) return call(dirfd, name, flags, mode);
    pthread_mutex_lock(&lock);
    struct rule *r = act(CALL_OPEN, path);
    int fd = -1, made = (flags & O_CREAT) && access(path, F_OK) != 0;
    if (failing(r)) {
        errno = (int)r->argument;
    } else {
        fd = call(dirfd, name, flags, mode);
        int error = errno;
        if (fd >= 0 && fd < FD_MAX) {
            tracked[fd] = 1;
            int refused = flags & (O_DSYNC | O_SYNC) || (flags & O_TMPFILE) == O_TMPFILE;
            emit(refused ? CALL_UNSUPPORTED : CALL_OPEN, fd, made, flags, 0, path, NULL, NULL, 0);
        }
        errno = error;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static int call_openat(int dirfd, const char *path, int flags, int mode) {
    REAL(openat);
    return real(dirfd, path, flags, mode);
}

static int mode_of(int flags, va_list more) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, int) : 0;
}

#define OPEN_BODY(dirfd) \
    va_list more; va_start(more, flags); int mode = mode_of(flags, more); va_end(more); \
    return opened(dirfd, path, flags, mode, call_openat)

int open(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int dirfd, const char *path, int flags, ...) { OPEN_BODY(dirfd); }
int openat64(int dirfd, const char *path, int flags, ...) { OPEN_BODY(dirfd); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0, call_openat); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0, call_openat); }
int __openat_2(int dirfd, const char *path, int flags) { return opened(dirfd, path, flags, 0, call_openat); }
int __openat64_2(int dirfd, const char *path, int flags) { return opened(dirfd, path, flags, 0, call_openat); }
int creat(const char *path, mode_t mode) {
    return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (int)mode, call_openat);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    REAL(close);
    if (!is_tracked(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_CLOSE, fd);
    tracked[fd] = 0;
    emit(CALL_CLOSE, fd, 0, 0, 0, NULL, NULL, NULL, 0);
    int result = real(fd);
    if (failing(r)) result = -1, errno = (int)r->argument;
    pthread_mutex_unlock(&lock);
    return result;
}

static int duplicated(int old, int fd) {
    if (fd >= 0 && fd < FD_MAX && is_tracked(old)) {
        pthread_mutex_lock(&lock);
        tracked[fd] = 1;
        emit(CALL_DUP, old, fd, 0, 0, NULL, NULL, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int dup(int fd) { REAL(dup); return duplicated(fd, real(fd)); }
int dup2(int fd, int to) { REAL(dup2); return duplicated(fd, real(fd, to)); }
int dup3(int fd, int to, int flags) { REAL(dup3); return duplicated(fd, real(fd, to, flags)); }

#define FCNTL_BODY(name) \
    REAL(name); \
    va_list more; va_start(more, command); void *argument = va_arg(more, void *); va_end(more); \
    int result = real(fd, command, argument); \
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result

int fcntl(int fd, int command, ...) { FCNTL_BODY(fcntl); }
int fcntl64(int fd, int command, ...) { FCNTL_BODY(fcntl64); }

/* ---- reading: faults only ---- */

#define READ_FAULT(fd) \
    if (is_tracked(fd) && rule_count) { \
        pthread_mutex_lock(&lock); \
        struct rule *r = act_fd(CALL_READ, fd); \
        pthread_mutex_unlock(&lock); \
        if (failing(r)) { errno = (int)r->argument; return -1; } \
        if (r && r->action == ACTION_SHORT && (size_t)r->argument < bytes) bytes = (size_t)r->argument; \
    }

ssize_t read(int fd, void *buffer, size_t bytes) { REAL(read); READ_FAULT(fd); return real(fd, buffer, bytes); }
ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset) {
    REAL(pread); READ_FAULT(fd); return real(fd, buffer, bytes, offset);
}
ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t offset) {
    REAL(pread64); READ_FAULT(fd); return real(fd, buffer, bytes, offset);
}

/* ---- writing ---- */

/* All writes of a tracked file end here. offset -1: at the file's own position. */
static ssize_t written(int fd, const struct iovec *pieces, int count, int64_t offset) {
    size_t bytes = 0, at = 0;
    for (int i = 0; i < count; i++) bytes += pieces[i].iov_len;
    char *data = malloc(bytes ? bytes : 1);
    if (!data) abort();
    for (int i = 0; i < count; i++) memcpy(data + at, pieces[i].iov_base, pieces[i].iov_len), at += pieces[i].iov_len;

    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_WRITE, fd);
    ssize_t done = -1;
    int error;
    if (failing(r)) {
        error = (int)r->argument;
        emit(CALL_WRITE, fd, offset, 0, error, NULL, NULL, NULL, 0);
    } else {
        if (r && r->action == ACTION_SHORT && (size_t)r->argument < bytes) bytes = (size_t)r->argument;
        if (offset >= 0) {
            REAL(pwrite64);
            done = real(fd, data, bytes, offset);
        } else {
            done = real_write(fd, data, bytes);
        }
        error = errno;
        if (done >= 0) {
            int64_t from = offset >= 0 ? offset : (int64_t)lseek(fd, 0, SEEK_CUR) - done;
            emit(CALL_WRITE, fd, from, 0, 0, NULL, NULL, data, (size_t)done);
        }
    }
    pthread_mutex_unlock(&lock);
    free(data);
    errno = error;
    return done;
}

#define WRITTEN_ONE(offset) \
    if (is_tracked(fd)) { struct iovec one = {(void *)data, bytes}; return written(fd, &one, 1, offset); }

ssize_t write(int fd, const void *data, size_t bytes) { WRITTEN_ONE(-1); return real_write(fd, data, bytes); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
    REAL(pwrite); WRITTEN_ONE(offset); return real(fd, data, bytes, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    REAL(pwrite64); WRITTEN_ONE(offset); return real(fd, data, bytes, offset);
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    REAL(writev); return is_tracked(fd) ? written(fd, v, n, -1) : real(fd, v, n);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset) {
    REAL(pwritev); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t offset) {
    REAL(pwritev64); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset);
}
ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t offset, int flags) {
    REAL(pwritev2); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t offset, int flags) {
    REAL(pwritev64v2); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset, flags);
}

/* Recorded as the write that it comes to. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t bytes, unsigned flags) {
    REAL(copy_file_range);
    static ssize_t (*real_pread)(int, void *, size_t, off64_t);
    if (!real_pread) real_pread = (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    if (!is_tracked(out)) return real(in, from, out, to, bytes, flags);
    if (!from || !to) abort();
    char *data = malloc(bytes ? bytes : 1);
    if (!data) abort();
    ssize_t got = real_pread(in, data, bytes, *from);
    struct iovec one = {data, got < 0 ? 0 : (size_t)got};
    ssize_t done = got <= 0 ? got : written(out, &one, 1, *to);
    if (done > 0) *from += done, *to += done;
    free(data);
    return done;
}

/* ---- sizes ---- */

static int truncated(int fd, int64_t bytes) {
    REAL(ftruncate64);
    if (!is_tracked(fd)) return real(fd, bytes);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_TRUNCATE, fd);
    int result = -1;
    if (failing(r)) {
        errno = (int)r->argument;
    } else if ((result = real(fd, bytes)) == 0) {
        emit(CALL_TRUNCATE, fd, bytes, 0, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t bytes) { return truncated(fd, bytes); }
int ftruncate64(int fd, off64_t bytes) { return truncated(fd, bytes); }

static int allocated(int fd, int mode, int64_t offset, int64_t bytes) { /* returns the error number */
    REAL(fallocate64);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_ALLOCATE, fd);
    int error = 0;
    if (failing(r)) {
        error = (int)r->argument;
    } else if (mode != -1) {
        error = real(fd, mode, offset, bytes) ? errno : 0;
    } else {
        static int (*real_posix)(int, off64_t, off64_t);
        if (!real_posix) real_posix = (int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, "posix_fallocate64");
        error = real_posix(fd, offset, bytes);
    }
    if (!error) emit(mode > 0 ? CALL_UNSUPPORTED : CALL_ALLOCATE, fd, offset, bytes, 0, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return error;
}

#define POSIX_ALLOCATE_BODY(name) \
    REAL(name); \
    return is_tracked(fd) ? allocated(fd, -1, offset, bytes) : real(fd, offset, bytes)
int posix_fallocate(int fd, off_t offset, off_t bytes) { POSIX_ALLOCATE_BODY(posix_fallocate); }
int posix_fallocate64(int fd, off64_t offset, off64_t bytes) { POSIX_ALLOCATE_BODY(posix_fallocate64); }

#define ALLOCATE_BODY(name) \
    REAL(name); \
    if (!is_tracked(fd)) return real(fd, mode, offset, bytes); \
    int error = allocated(fd, mode, offset, bytes); \
    if (error) errno = error; \
    return error ? -1 : 0
int fallocate(int fd, int mode, off_t offset, off_t bytes) { ALLOCATE_BODY(fallocate); }
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) { ALLOCATE_BODY(fallocate64); }

/* ---- syncs ---- */

#define SYNC_BODY(name) \
    REAL(name); \
    if (!is_tracked(fd)) return real(fd); \
    pthread_mutex_lock(&lock); \
    emit(CALL_SYNC, fd, 0, 0, 0, NULL, NULL, NULL, 0); \
    struct rule *r = act_fd(CALL_SYNC, fd); \
    int result = -1, error = r ? (int)r->argument : 0; \
    pthread_mutex_unlock(&lock); \
    if (sync_delay_us) usleep((useconds_t)sync_delay_us); \
    if (!failing(r)) result = real(fd), error = result ? errno : 0; \
    pthread_mutex_lock(&lock); \
    emit(CALL_SYNC_DONE, fd, 0, 0, error, NULL, NULL, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    if (error) errno = error; \
    return result

int fsync(int fd) { SYNC_BODY(fsync); }
int fdatasync(int fd) { SYNC_BODY(fdatasync); }
/* sync_file_range makes nothing durable: it is not wrapped, and so counts as nothing. */

#include "shim_names.h"
