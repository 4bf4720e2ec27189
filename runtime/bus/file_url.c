/* file_url.c: see file_url.h. */
#include "bus/file_url.h"

#include "base/arena.h"
#include "base/buf.h"

#include <ctype.h>
#include <string.h>

enum { EXTENSION_MAX = 16 };

const char *af_bus_file_extension(struct af_arena *arena, const char *name)
{
    const char *slash = name == NULL ? NULL : strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    const char *dot = base == NULL ? NULL : strrchr(base, '.');
    size_t len = dot == NULL ? 0 : strlen(dot);
    if (dot == base || len < 2 || len > EXTENSION_MAX)
        return "";
    char *extension = af_arena_string(arena, dot);
    for (char *at = extension + 1; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at))
            return "";
        *at = (char)tolower((unsigned char)*at);
    }
    return extension;
}

static bool is_plain(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '_' || byte == '.';
}

void af_bus_file_url_write(struct af_buf *out, const char *head, const char *task,
                           const char *sha256, const char *extension)
{
    af_buf_append_string(out, head);
    for (; *task != '\0'; task++) {
        if (is_plain(*task))
            af_buf_append_char(out, *task);
        else
            af_buf_printf(out, "%%%02X", (unsigned char)*task);
    }
    af_buf_printf(out, "/%s%s", sha256, extension);
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

bool af_bus_file_url_read(struct af_arena *arena, const char *head, const char *url,
                          const char **task, char sha256[65], const char **extension)
{
    if (strncmp(url, head, strlen(head)) != 0)
        return false;
    const char *at = url + strlen(head);
    char *name = af_arena_alloc(arena, strlen(at) + 1), *to = name;
    for (; *at != '/' && *at != '\0'; at++) {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;
        if (*at == '%' && low < 0)
            return false;
        *to++ = *at == '%' ? (char)(high * 16 + low) : *at;
        at += *at == '%' ? 2 : 0;
    }
    *to = '\0';
    if (*at != '/' || strlen(at + 1) < 64 || strspn(at + 1, "0123456789abcdef") != 64)
        return false;
    memcpy(sha256, at + 1, 64);
    sha256[64] = '\0';
    *extension = af_arena_string(arena, at + 65);
    *task = name;
    return true;
}
