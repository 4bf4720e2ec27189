/* config.c: see config.h. What was read is wiped, and no message holds a value. */
#include "bus/config.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "json/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct row {
    const char *name;
    size_t offset; /* of its field */
    bool is_file;
} rows[] = {
    {"token", offsetof(struct af_config, token), false},
    {"ca", offsetof(struct af_config, ca), true},
    {"certificate", offsetof(struct af_config, certificate), true},
    {"key", offsetof(struct af_config, key), true},
    {"bass_url", offsetof(struct af_config, bass_url), false},
    {"bass_user", offsetof(struct af_config, bass_user), false},
    {"bass_password", offsetof(struct af_config, bass_password), false},
    {"bass_captcha", offsetof(struct af_config, bass_captcha), false},
    {"files_hosts", offsetof(struct af_config, files_hosts), false},
    {"creds", offsetof(struct af_config, creds), true},
    {"nkey", offsetof(struct af_config, nkey), false},
    {"nkey_seed", offsetof(struct af_config, nkey_seed), true},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static char **field(struct af_config *config, const struct row *row)
{
    return (char **)(void *)((char *)config + row->offset);
}

void af_config_release(struct af_config *config)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char *value = *field(config, &rows[i]);
        if (value != NULL)
            sodium_memzero(value, strlen(value));
        free(value);
    }
    *config = (struct af_config){0};
}

bool af_config_is_empty(const struct af_config *config)
{
    static const struct af_config nothing;
    return memcmp(config, &nothing, sizeof nothing) == 0;
}

static const struct row *find_row(const char *name, size_t len)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return &rows[i];
    return NULL;
}

/* A file's path as seen from the folder that the config is in. */
static char *path_beside(const char *config_path, const char *path)
{
    const char *slash = strrchr(config_path, '/');
    if (path[0] == '/' || slash == NULL)
        return af_mem_string(path);
    size_t folder_len = (size_t)(slash - config_path) + 1;
    char *joined = af_mem_alloc(folder_len + strlen(path) + 1);
    memcpy(joined, config_path, folder_len);
    memcpy(joined + folder_len, path, strlen(path) + 1);
    return joined;
}

/* ---- Lines. ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **start, const char **end)
{
    while (*start < *end && is_blank(**start))
        (*start)++;
    while (*end > *start && is_blank((*end)[-1]))
        (*end)--;
}

static bool is_text(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
            return false;
    return af_json_is_utf8(value, len);
}

struct reading {
    const char *path;
    struct af_config *config;
    af_config_other_fn *other; /* or NULL */
    void *arg;
};

/* Gives a line that is none of ours to who may know it. */
static int give_other(const struct reading *reading, const char *what, const char *name,
                      const char *value, struct af_failure *why)
{
    struct af_failure own = AF_FAILURE_INIT;
    if (reading->other(reading->arg, name, value, &own) == 0)
        return 0;
    return af_failure_set(why, AF_FAILURE_USAGE, what, "%s%s%s", own.what,
                          own.what[0] == '\0' ? "" : ": ", own.why);
}

/* Takes one line; the message never holds what stands behind the = of a secret. */
static int read_line(const struct reading *reading, int number, const char *line, const char *end,
                     struct af_failure *why)
{
    const char *path = reading->path;
    struct af_config *config = reading->config;
    char what[256];
    snprintf(what, sizeof what, "%.200s:%d", path, number);
    trim(&line, &end);
    if (line == end || *line == '#')
        return 0;
    const char *equals = memchr(line, '=', (size_t)(end - line));
    if (equals == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "expected `name = value`");
    const char *name_end = equals, *value = equals + 1;
    trim(&line, &name_end);
    trim(&value, &end);
    const struct row *row = find_row(line, (size_t)(name_end - line));
    if (row == NULL && reading->other != NULL && is_text(value, (size_t)(end - value))) {
        char *own_name = af_mem_copy(line, (size_t)(name_end - line));
        char *own_value = af_mem_copy(value, (size_t)(end - value));
        int result = give_other(reading, what, own_name, own_value, why);
        free(own_name);
        free(own_value);
        return result;
    }
    if (row == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "unknown name; known are token, ca, certificate, key, bass_url, "
                              "bass_user, bass_password, bass_captcha, files_hosts, creds, nkey, "
                              "nkey_seed");
    if (*field(config, row) != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "'%s' is given twice", row->name);
    if (value == end)
        return af_failure_set(why, AF_FAILURE_USAGE, what, "'%s' has no value", row->name);
    if (!is_text(value, (size_t)(end - value)))
        return af_failure_set(why, AF_FAILURE_USAGE, what,
                              "'%s': the value has a control character in it, or is no UTF-8",
                              row->name);
    char *text = af_mem_copy(value, (size_t)(end - value));
    *field(config, row) = row->is_file ? path_beside(path, text) : text;
    if (row->is_file)
        free(text);
    return 0;
}

static int read_lines(const struct reading *reading, const char *text, size_t len,
                      struct af_failure *why)
{
    const char *path = reading->path;
    const struct af_config *config = reading->config;
    const char *at = text, *end = text + len;
    for (int number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline == NULL ? end : newline;
        if (read_line(reading, number, at, line_end, why) != 0)
            return -1;
        at = newline == NULL ? end : newline + 1;
    }
    if ((config->certificate == NULL) != (config->key == NULL))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "'certificate' and 'key' go together, and only one is given");
    if ((config->nkey == NULL) != (config->nkey_seed == NULL))
        return af_failure_set(why, AF_FAILURE_USAGE, path,
                              "'nkey' and 'nkey_seed' go together, and only one is given");
    return 0;
}

/* ---- The file. ---- */

/* Reads a whole small file into text, of AF_CONFIG_BYTES_MAX + 1 bytes. */
static int read_file(const char *path, char *text, size_t *len, struct af_failure *why)
{
    struct stat info;
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = 0;
    if (fd < 0 || fstat(fd, &info) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        af_failure_set(why, AF_FAILURE_USAGE, path, "is not a file");
    else if ((info.st_mode & 077) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "holds secrets, and others may read it; mend it with: chmod 600 '%s'", path);
    else
        result = 0;
    if (result == 0 && (got = af_io_read(fd, text, AF_CONFIG_BYTES_MAX + 1)) < 0)
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read: %s", strerror(errno));
    *len = got < 0 ? 0 : (size_t)got;
    if (result == 0 && *len > AF_CONFIG_BYTES_MAX)
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "is larger than %d bytes",
                                AF_CONFIG_BYTES_MAX);
    if (fd >= 0)
        close(fd);
    return result;
}

int af_config_read(const char *path, struct af_config *config, struct af_failure *why)
{
    return af_config_read_with(path, config, NULL, NULL, why);
}

int af_config_read_with(const char *path, struct af_config *config, af_config_other_fn *other,
                        void *arg, struct af_failure *why)
{
    struct reading reading = {path, config, other, arg};
    size_t size = AF_CONFIG_BYTES_MAX + 1, len = 0;
    char *text = af_mem_alloc(size);
    int result = read_file(path, text, &len, why);
    if (result == 0)
        result = read_lines(&reading, text, len, why);
    sodium_memzero(text, size);
    free(text);
    if (result != 0)
        af_config_release(config);
    return result;
}
