/* Fails calls on files below one folder, for a program that is started with
 * this in LD_PRELOAD: the n-th, or all from the n-th on until it is lifted.
 * The count is kept in a file that all its processes map, so that it goes on
 * in those that the program starts.
 *
 *   FAULT_CONTROL  the file, see `struct control`
 *   FAULT_BELOW    the folder
 *   FAULT_CALLS    which calls count, a sum of the letters' bits below
 *   FAULT_AT       which of them fails; 0 only counts
 *   FAULT_ON       1: all later ones fail too, and a write that fails first
 *                  writes the half of its bytes, as a disk that fills up does
 *   FAULT_ERRNO    with what
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, RENAME = 4, OPEN = 8, SIZE = 16 };

struct control {
    atomic_long count, lifted, at_ns, failed;
    char what[4000];
};

static struct control *control;
static const char *below;
static long calls, at, on, error;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CONTROL");
    below = getenv("FAULT_BELOW");
    if (!path || !below) return;
    calls = atol(getenv("FAULT_CALLS"));
    at = atol(getenv("FAULT_AT"));
    on = atol(getenv("FAULT_ON"));
    error = atol(getenv("FAULT_ERRNO"));
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    close(fd);
}

static int fails(int call, const char *name, const char *path) {
    if (!control || !(calls & call) || strncmp(path, below, strlen(below))) return 0;
    long n = atomic_fetch_add(&control->count, 1) + 1;
    if (!at || n < at || (n > at && !on) || atomic_load(&control->lifted)) return 0;
    if (atomic_fetch_add(&control->failed, 1) == 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(control->what, sizeof control->what, "%s %s", name, path);
        atomic_store(&control->at_ns, now.tv_sec * 1000000000L + now.tv_nsec);
    }
    errno = (int)error;
    return 1;
}

static int fails_fd(int call, const char *name, int fd) {
    if (!control || !(calls & call)) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return fails(call, name, path);
}

static int fails_at(int call, const char *name, int dir, const char *path) {
    if (!control || !(calls & call)) return 0;
    char link[64], whole[8192];
    if (path[0] == '/') return fails(call, name, path);
    if (dir == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, whole, 4095);
    if (n <= 0) return 0;
    snprintf(whole + n, sizeof whole - (size_t)n, "/%s", path);
    return fails(call, name, whole);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    if (!fails_fd(WRITE, "write", fd)) return real(fd, bytes, size);
    int told = errno;
    if (on && size > 1 && atomic_load(&control->failed) == 1) return real(fd, bytes, size / 2);
    errno = told;
    return -1;
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t to) {
    REAL(pwrite64);
    return fails_fd(WRITE, "pwrite", fd) ? -1 : real(fd, bytes, size, to);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t to) {
    REAL(pwrite);
    return fails_fd(WRITE, "pwrite", fd) ? -1 : real(fd, bytes, size, to);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return fails_fd(WRITE, "writev", fd) ? -1 : real(fd, parts, count);
}
ssize_t copy_file_range(int from, off64_t *at_from, int to, off64_t *at_to, size_t size, unsigned flags) {
    REAL(copy_file_range);
    return fails_fd(WRITE, "copy_file_range", to) ? -1 : real(from, at_from, to, at_to, size, flags);
}
int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    return fails_fd(SIZE, "ftruncate", fd) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    return fails_fd(SIZE, "ftruncate", fd) ? -1 : real(fd, size);
}
int fsync(int fd) {
    REAL(fsync);
    return fails_fd(SYNC, "fsync", fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    return fails_fd(SYNC, "fdatasync", fd) ? -1 : real(fd);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    return fails(RENAME, "rename", to) ? -1 : real(from, to);
}
int link(const char *from, const char *to) {
    REAL(link);
    return fails(RENAME, "link", to) ? -1 : real(from, to);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return fails(OPEN, "mkdir", path) ? -1 : real(path, mode);
}

/* Only what makes a file or writes to one. */
#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT))
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    MODE(flags)
    REAL(open);
    return WRITES(flags) && fails_at(OPEN, "open", AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    REAL(open64);
    return WRITES(flags) && fails_at(OPEN, "open", AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags)
    REAL(openat);
    return WRITES(flags) && fails_at(OPEN, "open", dir, path) ? -1 : real(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags)
    REAL(openat64);
    return WRITES(flags) && fails_at(OPEN, "open", dir, path) ? -1 : real(dir, path, flags, mode);
}
