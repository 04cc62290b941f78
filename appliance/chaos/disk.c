/* A disk that fails or loses power, for the processes it is preloaded into.

   Everything that changes files below CHAOS_FOLDER is counted. CHAOS_FAIL_AT=N makes the Nth such call fail with
   CHAOS_ERRNO; with CHAOS_STAYS=1 all later writes fail too, as on a full disk. CHAOS_KILL_AT=N ends the process in
   place of the Nth call. CHAOS_LOG names a file that gets a record of every call that went through, so that the state
   of the disk can be made anew without what was never synced. Memory-mapped writes are not seen; SQLite uses them for its
   shared-memory index only, which it rebuilds. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long fail_at, kill_at, calls;
static int fail_errno, stays, log_fd = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define NEXT(name) static __typeof__(name) *next; if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *text;
    if (!(text = getenv("CHAOS_FOLDER")) || !realpath(text, folder)) return;
    fail_at = (text = getenv("CHAOS_FAIL_AT")) ? atol(text) : 0;
    kill_at = (text = getenv("CHAOS_KILL_AT")) ? atol(text) : 0;
    fail_errno = (text = getenv("CHAOS_ERRNO")) ? atoi(text) : EIO;
    stays = (text = getenv("CHAOS_STAYS")) && *text == '1';
    if ((text = getenv("CHAOS_LOG"))) log_fd = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD"); /* children are others: the browser, the site's server */
}

static int inside(const char *path) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* The absolute path in `out`; 0 where it lies outside. */
static int named(int at, const char *path, char *out) {
    char base[PATH_MAX], link[64];
    if (*path == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return inside(out);
    }
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    if (*path) { if (snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0; }
    else snprintf(out, PATH_MAX, "%s", base);
    return inside(out);
}

static int of_fd(int fd, char *out) { return named(fd, "", out); }

/* Whether this call must fail; it may not return at all. Called with the turn held. */
static int fails(int needs_space) {
    calls++;
    if (calls == kill_at) kill(getpid(), SIGKILL), pause();
    if (fail_at && (calls == fail_at || (stays && needs_space && calls > fail_at))) {
        errno = fail_errno;
        return 1;
    }
    return 0;
}

/* One record: a letter, the path, the other path, offset and length, then the bytes. */
static void note(char kind, const char *path, const char *other, int64_t offset, const void *bytes, int64_t length) {
    NEXT(write);
    if (log_fd < 0) return;
    char head[2 * PATH_MAX + 64];
    int size = snprintf(head, sizeof head, "%c\n%s\n%s\n%lld\n%lld\n", kind, path, other, (long long)offset, (long long)length);
    int saved = errno;
    if (next(log_fd, head, (size_t)size) != size || (bytes && next(log_fd, bytes, (size_t)length) != length)) abort();
    errno = saved;
}

#define HELD pthread_mutex_lock(&turn)
#define DONE(result) do { int saved_ = errno; pthread_mutex_unlock(&turn); errno = saved_; return (result); } while (0)

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(write);
    char path[PATH_MAX];
    if (fd == log_fd || !of_fd(fd, path)) return next(fd, bytes, length);
    HELD;
    if (fails(1)) DONE(-1);
    ssize_t done = next(fd, bytes, length);
    if (done > 0) note('w', path, "", lseek(fd, 0, SEEK_CUR) - done, bytes, done);
    DONE(done);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    NEXT(pwrite64);
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return next(fd, bytes, length, offset);
    HELD;
    if (fails(1)) DONE(-1);
    ssize_t done = next(fd, bytes, length, offset);
    if (done > 0) note('w', path, "", offset, bytes, done);
    DONE(done);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(writev);
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return next(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (done < 0) return total ? total : -1;
        total += done;
    }
    return total;
}

/* Copied through a buffer, so that the bytes are seen. */
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    NEXT(sendfile64);
    char path[PATH_MAX], bytes[65536];
    if (!of_fd(to, path)) return next(to, from, offset, length);
    if (length > sizeof bytes) length = sizeof bytes;
    ssize_t size = offset ? pread(from, bytes, length, *offset) : read(from, bytes, length);
    if (size <= 0) return size;
    ssize_t done = write(to, bytes, (size_t)size);
    if (done > 0 && offset) *offset += done;
    return done;
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

int ftruncate64(int fd, off64_t length) {
    NEXT(ftruncate64);
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return next(fd, length);
    HELD;
    if (fails(0)) DONE(-1);
    int done = next(fd, length);
    if (!done) note('t', path, "", length, NULL, 0);
    DONE(done);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, const char *name) {
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return next(fd);
    HELD;
    if (fails(0)) DONE(-1);
    int done = next(fd);
    if (!done) note('s', path, "", 0, NULL, 0);
    DONE(done);
}
int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

/* Opening counts where it makes or empties a file. */
static int opened(int at, const char *path, int flags, mode_t mode) {
    NEXT(openat64);
    char full[PATH_MAX];
    struct stat before;
    int changes = (flags & (O_CREAT | O_TRUNC)) && named(at, path, full);
    int is_new = changes && (flags & O_CREAT) && fstatat(at, path, &before, 0) != 0;
    if (!is_new && !(changes && (flags & O_TRUNC))) return next(at, path, flags, mode);
    HELD;
    if (fails(1)) DONE(-1);
    int fd = next(at, path, flags, mode);
    if (fd >= 0) note(is_new ? 'c' : 't', full, "", 0, NULL, 0);
    DONE(fd);
}

#define OPEN(...) { mode_t mode = 0; if (flags & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } return opened(__VA_ARGS__, mode); }
int open(const char *path, int flags, ...) OPEN(AT_FDCWD, path, flags)
int open64(const char *path, int flags, ...) OPEN(AT_FDCWD, path, flags)
int openat(int at, const char *path, int flags, ...) OPEN(at, path, flags)
int openat64(int at, const char *path, int flags, ...) OPEN(at, path, flags)

int mkdirat(int at, const char *path, mode_t mode) {
    NEXT(mkdirat);
    char full[PATH_MAX];
    if (!named(at, path, full)) return next(at, path, mode);
    HELD;
    if (fails(1)) DONE(-1);
    int done = next(at, path, mode);
    if (!done) note('m', full, "", 0, NULL, 0);
    DONE(done);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    NEXT(renameat);
    char old[PATH_MAX], new[PATH_MAX];
    int ours = named(from_at, from, old);
    if (!(named(to_at, to, new) && ours)) return next(from_at, from, to_at, to);
    HELD;
    if (fails(1)) DONE(-1);
    int done = next(from_at, from, to_at, to);
    if (!done) note('r', old, new, 0, NULL, 0);
    DONE(done);
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int at, const char *path, int flags) {
    NEXT(unlinkat);
    char full[PATH_MAX];
    if (!named(at, path, full)) return next(at, path, flags);
    HELD;
    if (fails(0)) DONE(-1);
    int done = next(at, path, flags);
    if (!done) note('u', full, "", 0, NULL, 0);
    DONE(done);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
