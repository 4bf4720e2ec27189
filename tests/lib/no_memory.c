/* no_memory.c: preloaded into the program, it lets one statement of SQLite run out of memory: the
 * WITHOUT_MEMORY_AT-th that begins with WITHOUT_MEMORY. KILL_BEHIND: the program is killed after
 * the next statement that begins so, unless what was begun has been given up by then. Each is told
 * to standard error. For tests/e2e/faults_memory.sh. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static __thread bool is_out;
static atomic_int seen;
static atomic_bool is_in_transaction; /* that ran out of memory */

void *malloc(size_t size)
{
    return is_out ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_out ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_out ? NULL : __libc_realloc(old, size);
}

static bool begins(const char *sql, const char *variable)
{
    const char *with = getenv(variable);
    return sql != NULL && with != NULL && strncmp(sql, with, strlen(with)) == 0;
}

int sqlite3_step(void *statement)
{
    int (*step)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "sqlite3_step");
    const char *(*text)(void *) = (const char *(*)(void *))dlsym(RTLD_NEXT, "sqlite3_sql");
    const char *sql = text(statement), *at = getenv("WITHOUT_MEMORY_AT");
    if (begins(sql, "WITHOUT_MEMORY") && at != NULL && ++seen == atoi(at)) {
        is_out = true;
        int code = step(statement);
        is_out = false;
        is_in_transaction = true;
        dprintf(2, "no memory for: %.30s: %d\n", sql, code);
        return code;
    }
    int code = step(statement);
    if (is_in_transaction && begins(sql, "KILL_BEHIND")) {
        dprintf(2, "killed behind: %.30s\n", sql);
        kill(getpid(), SIGKILL);
    }
    if (sql != NULL && strncmp(sql, "BEGIN", 5) == 0)
        is_in_transaction = false;
    return code;
}
