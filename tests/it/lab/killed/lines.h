/* Whether the driver dies at a line of a journal, and in which phase. */
#include "noted.h"

/* Appends the value of a key that lies in the event itself. */
static void add(char *key, const char *event, const char *end, const char *name) {
    char wanted[32];
    sprintf(wanted, "\"%s\":", name);
    const char *at = memmem(event, (size_t)(end - event), wanted, strlen(wanted));
    if (!at) return;
    at += strlen(wanted);
    size_t size = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ",}");
    sprintf(key + strlen(key), "%s%.*s", *key ? "/" : "", (int)(size > 60 ? 60 : size), at);
}

/* What a line is told by; `notes.rs` makes the same of a journal. */
static int key_of(const char *line, const char *end, char *key) {
    static const char *const FIELDS[][5] = {
        {"answered", "step", "number", "question", "answer"},
        {"probe_turned", "step", "holds"},
        {"attempt_intended", "step", "number"},
        {"attempt_ended", "step", "number"},
        {"child_intended", "step", "number"},
        {"child_ended", "step", "number"},
        {"operator", "verb", "step"},
        {"run_started"}, {"taken_up"}, {"prechecked"}, {"run_ended"}, {"clock_jumped"},
    };
    const char *event = memmem(line, (size_t)(end - line), "\"event\":{", 9);
    if (!event) return 0;
    *key = 0;
    add(key, event, end, "type");
    for (size_t n = 0; n < sizeof FIELDS / sizeof *FIELDS; n++) {
        if (strcmp(key, FIELDS[n][0])) continue;
        for (int f = 1; f < 5 && FIELDS[n][f]; f++) add(key, event, end, FIELDS[n][f]);
        return 1;
    }
    add(key, event, end, "step");
    return 1;
}

/* What comes again in each life, or for as long as something is watched. */
static int repeats(const char *key) {
    static const char *const ALL[] = {"taken_up", "probe_turned", "guarded", "clock_jumped"};
    for (size_t n = 0; n < sizeof ALL / sizeof *ALL; n++)
        if (strncmp(key, ALL[n], strlen(ALL[n])) == 0) return 1;
    return strstr(key, "/cannot_tell") != NULL;
}

/* The how-manieth of its kind the line is in its journal. */
static int how_many(const char *path, const char *key) {
    char other[512];
    int found = 1;
    char *all = content(path);
    for (char *line = all, *end; (end = strchr(line, '\n')); line = end + 1)
        found += key_of(line, end, other) && strcmp(other, key) == 0;
    free(all);
    return found;
}

static unsigned turn_of(const char *text) {
    unsigned sum = 0;
    for (; *text; text++) sum = sum * 31 + (unsigned char)*text;
    return sum;
}

/* At which phase of this line the driver dies now; its name is left in `key`. */
static int due(const char *path, const char *line, size_t size, char *key) {
    char book[256], of[600];
    if (!book_of(path, book)) return NONE;
    if (noted("driver\t%d\n", getpid()) == 0) note("driver\t%d", getpid());
    if (!lines || !key_of(line, line + size, of)) return NONE;
    sprintf(key, "%s\t%s#%d", book, of, repeats(of) ? 1 : how_many(path, of));
    unsigned turn = turn_of(key);
    if (strcmp(lines, "all") != 0) {
        turn = (turn + (unsigned)atoi(lines)) % 4;
        return noted("line\t%s\t", key) ? NONE : (int)turn;
    }
    /* A line that is written does not come again, unless its kind does. */
    int order[] = {BEFORE, TORN, turn % 2 ? WRITTEN : SYNCED, NONE};
    for (int n = 0; n < 3; n++)
        if (noted("line\t%s\t%s\t", key, PHASES[order[n]]) == 0) return order[n];
    return NONE;
}

static void die(const char *key, int phase) {
    note("line\t%s\t%s\t%d", key, PHASES[phase], getpid());
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static __thread char unsynced[1024];
static __thread int unsynced_fd = -1;

static int is_journal(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    if (n < 14) return 0;
    path[n] = 0;
    return strcmp(path + n - 14, "/journal.jsonl") == 0;
}
