/* grants.c: see grants.h. */
#include "script/grants.h"

#include "base/failure.h"
#include "http/url.h"
#include "base/mem.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void af_grants_release(struct af_grants *grants)
{
    af_file_access_release(&grants->files);
    for (size_t i = 0; i < grants->host_count; i++)
        free(grants->hosts[i].name);
    for (size_t i = 0; i < grants->program_count; i++) {
        free(grants->programs[i].name);
        free(grants->programs[i].path);
    }
    free(grants->hosts);
    free(grants->programs);
    *grants = (struct af_grants){0};
}

/* ---- Hosts. ---- */

/* Whether a host's text ends in :PORT, outside of an IPv6 address's brackets. */
static bool names_port(const char *host)
{
    const char *bracket = strrchr(host, ']');
    return strchr(bracket != NULL ? bracket : host, ':') != NULL;
}

int af_grants_add_host(struct af_grants *grants, const char *host, struct af_failure *why)
{
    char url[300];
    struct af_http_url parts;
    int size = snprintf(url, sizeof url, "http://%s/", host);
    if (size >= (int)sizeof url || host[0] == '\0' || strpbrk(host, "/?#@\\") != NULL ||
        af_http_url_read(url, &parts, NULL) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected HOST or HOST:PORT, got '%.200s'",
                              host);
    af_mem_reserve(&grants->hosts, &grants->host_cap, grants->host_count + 1,
                   sizeof *grants->hosts);
    grants->hosts[grants->host_count++] =
        (struct af_grants_host){af_mem_string(parts.host), names_port(host) ? parts.port : 0};
    return 0;
}

int af_grants_host(const struct af_grants *grants, const char *url, struct af_failure *why)
{
    struct af_http_url parts;
    char shown[AF_HTTP_SHOWN_BYTES];
    if (af_http_url_read(url, &parts, why) != 0)
        return -1;
    for (size_t i = 0; i < grants->host_count; i++) {
        const struct af_grants_host *host = &grants->hosts[i];
        if (strcmp(host->name, parts.host) == 0 && (host->port == 0 || host->port == parts.port))
            return 0;
    }
    af_http_url_show(url, shown);
    return af_failure_set(why, AF_FAILURE_FLOW, shown,
                          "is outside of what the script may reach; grant its host with "
                          "--allow-net %s:%d or, where the service keeps its files there, name "
                          "it as files_hosts in the file of --config",
                          parts.host, parts.port);
}

int af_grants_add_hosts(struct af_grants *grants, const char *hosts, struct af_failure *why)
{
    static const char between[] = " \t,";
    int result = 0;
    for (const char *at = hosts == NULL ? "" : hosts; result == 0 && *at != '\0';) {
        size_t len = strcspn(at, between);
        char *host = af_mem_copy(at, len);
        struct af_failure own = AF_FAILURE_INIT;
        if (len > 0)
            result = af_grants_add_host(grants, host, &own);
        if (result != 0)
            af_failure_set(why, AF_FAILURE_USAGE, "files_hosts",
                           "expected HOST or HOST:PORT, got '%.200s'", host);
        free(host);
        at += len + strspn(at + len, between);
    }
    return result;
}

/* ---- Programs. ---- */

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* The program's absolute path, or NULL; the caller frees it. A name found in PATH keeps its last
 * part, for programs that look at what they are called. */
static char *find_program(const char *program)
{
    char path[PATH_MAX];
    const char *folders = getenv("PATH");
    if (strchr(program, '/') != NULL)
        return is_program(program) ? realpath(program, NULL) : NULL;
    for (const char *at = folders == NULL ? "/usr/bin:/bin" : folders; *at != '\0';) {
        size_t len = strcspn(at, ":");
        int size = snprintf(path, sizeof path, "%.*s/%s", (int)len, at, program);
        if (len > 0 && at[0] == '/' && size < (int)sizeof path && is_program(path))
            return af_mem_string(path);
        at += at[len] == ':' ? len + 1 : len;
    }
    return NULL;
}

int af_grants_add_program(struct af_grants *grants, const char *program, struct af_failure *why)
{
    char *path = program[0] == '\0' ? NULL : find_program(program);
    if (path == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "'%.200s' is no program%s", program,
                              strchr(program, '/') != NULL ? "" : " that is found in PATH");
    af_mem_reserve(&grants->programs, &grants->program_cap, grants->program_count + 1,
                   sizeof *grants->programs);
    grants->programs[grants->program_count++] =
        (struct af_grants_program){af_mem_string(program), path};
    return 0;
}

const char *af_grants_program(const struct af_grants *grants, const char *program,
                              struct af_failure *why)
{
    char *real = strchr(program, '/') != NULL ? realpath(program, NULL) : NULL;
    const char *found = NULL;
    for (size_t i = 0; i < grants->program_count && found == NULL; i++) {
        const struct af_grants_program *granted = &grants->programs[i];
        if (strcmp(granted->name, program) == 0 ||
            (real != NULL && strcmp(granted->path, real) == 0))
            found = granted->path;
    }
    free(real);
    if (found == NULL)
        af_failure_set(why, AF_FAILURE_FLOW, program,
                       "is outside of what the script may run; grant it with --allow-run %.100s",
                       program);
    return found;
}

/* ---- What is wished for. ---- */

static bool has_host(const struct af_grants *grants, const char *what)
{
    struct af_grants wanted = {0};
    bool found = false;
    bool is_host = af_grants_add_host(&wanted, what, NULL) == 0 && wanted.host_count == 1;
    for (size_t i = 0; is_host && i < grants->host_count && !found; i++) {
        const struct af_grants_host *host = &grants->hosts[i];
        found = strcmp(host->name, wanted.hosts[0].name) == 0 &&
                (host->port == 0 || host->port == wanted.hosts[0].port);
    }
    af_grants_release(&wanted);
    return found;
}

bool af_grants_has(const struct af_grants *grants, const char *word, const char *what)
{
    if (strcmp(word, "net") == 0)
        return has_host(grants, what);
    if (strcmp(word, "run") == 0)
        return af_grants_program(grants, what, NULL) != NULL;
    return af_file_access_has(&grants->files, strcmp(word, "write") == 0, what);
}
