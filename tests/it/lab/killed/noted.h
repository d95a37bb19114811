/* What processes are told, what they have noted, and whose they are. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BEFORE, TORN, WRITTEN, SYNCED, NONE };
static const char *const PHASES[] = {"before", "torn", "written", "synced"};
/* Descriptors that are watched; more points of one effect than are noted. */
enum { FDS = 1024, MOST = 200 };

static const char *notes, *lines, *effects, *where, *below;
/* The attempt's folder, in an attempt and in what it started. */
static const char *folder;
static int is_attempt, began, attempt;
static char effect[512], opened[FDS];
static __thread int inside;

/* Whole; the caller frees it. By system calls, since the others are ours. */
static char *content(const char *path) {
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n = 1; fd >= 0 && n > 0; size += (size_t)(n > 0 ? n : 0)) {
        if (size + 4096 > room) text = realloc(text, room *= 2);
        n = syscall(SYS_read, fd, text + size, room - size - 1);
    }
    if (fd >= 0) syscall(SYS_close, fd);
    text[size] = 0;
    return text;
}

static void note(const char *format, ...) {
    char text[1024];
    va_list more;
    va_start(more, format);
    int size = vsnprintf(text, sizeof text - 1, format, more);
    va_end(more);
    if (size > (int)sizeof text - 2) size = (int)sizeof text - 2;
    text[size++] = '\n';
    int fd = (int)syscall(SYS_openat, AT_FDCWD, notes, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) return;
    syscall(SYS_write, fd, text, (size_t)size);
    syscall(SYS_close, fd);
}

/* How many notes begin so. */
static int noted(const char *format, ...) {
    char wanted[1024] = "\n";
    va_list more;
    va_start(more, format);
    vsnprintf(wanted + 1, sizeof wanted - 1, format, more);
    va_end(more);
    int found = 0;
    char *all = content(notes);
    for (char *at = all; (at = strstr(at, wanted)); at++) found++;
    free(all);
    return found;
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **env) {
    (void)env;
    notes = getenv("KILL_NOTES");
    /* Another user's programs may not write there, and are left alone. */
    if (notes && access(notes, W_OK) != 0) notes = NULL;
    lines = getenv("KILL_LINES");
    effects = getenv("KILL_EFFECTS");
    where = getenv("KILL_POINT");
    below = getenv("KILL_BELOW");
    folder = getenv("KILL_FOLDER");
    attempt = getenv("KILL_ATTEMPT") ? atoi(getenv("KILL_ATTEMPT")) : getpid();
    if (!folder && argc == 3 && strcmp(argv[1], "__attempt") == 0) {
        is_attempt = 1;
        folder = strdup(argv[2]);
    }
}

/* `…/20261126T044907Z-BOOK-1a2b/…` gives BOOK; 0 where it is no run's. */
static int book_of(const char *path, char *book) {
    const char *run = strstr(path, "/runs/");
    if (!run) return 0;
    run += 6;
    if (strncmp(run, ".new-", 5) == 0) run += 5;
    const char *from = strchr(run, '-'), *end = strchr(run, '/');
    if (!from || !end || end - from < 7 || end - from > 200) return 0;
    sprintf(book, "%.*s", (int)(end - from - 6), from + 1);
    return 1;
}
