/* tar.c: see tar.h. */
#include "code/tar.h"

#include "base/buf.h"
#include "base/failure.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, KIND_FILE = '0', KIND_OLD_FILE = '\0', KIND_FOLDER = '5' };

struct header { /* of ustar: numbers are octal digits */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], kind, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static unsigned sum_of(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    size_t at = offsetof(struct header, checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= at && i < at + sizeof header->checksum ? ' ' : bytes[i];
    return sum;
}

/* Octal digits, ended by a blank, a zero or the field. */
static bool read_octal(const char *field, size_t size, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i > 0 && (i == size || field[i] == ' ' || field[i] == '\0');
}

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != '\0')
            return false;
    return true;
}

static bool leads_out(const char *name)
{
    const char *at = name;
    while ((at = strstr(at, "..")) != NULL) {
        if ((at == name || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
            return true;
        at += 2;
    }
    return name[0] == '/';
}

static int refuse(struct af_failure *why, const char *name, const char *text)
{
    return af_failure_set(why, AF_FAILURE_USAGE, name, "%s", text);
}

static int check_header(const struct header *header, const char *name, struct af_failure *why)
{
    uint64_t sum;
    if (memcmp(header->magic, "ustar", sizeof header->magic) != 0)
        return refuse(why, "", "is no ustar archive (tar --format=ustar)");
    if (!read_octal(header->checksum, sizeof header->checksum, &sum) || sum != sum_of(header))
        return refuse(why, "", "has a header whose checksum is wrong: it was damaged");
    if (header->prefix[0] != '\0' || name[0] == '\0')
        return refuse(why, name, "has no name of 1 to 100 bytes");
    if (leads_out(name))
        return refuse(why, name, "leads out of the bundle");
    if (header->kind == '1' || header->kind == '2')
        return refuse(why, name, "is a link, and a bundle has none");
    if (header->kind != KIND_FILE && header->kind != KIND_OLD_FILE && header->kind != KIND_FOLDER)
        return refuse(why, name, "is neither a file nor a folder");
    return 0;
}

int af_tar_read(const char *bytes, size_t len, af_tar_take_fn *take, void *arg,
                struct af_failure *why)
{
    struct header header;
    char name[sizeof header.name + 1];
    uint64_t size;
    for (size_t at = 0; len - at >= BLOCK;) {
        memcpy(&header, bytes + at, BLOCK);
        at += BLOCK;
        if (is_zero((const char *)&header, BLOCK)) /* two such blocks, and zeros up to any length */
            return len - at >= BLOCK && is_zero(bytes + at, len - at)
                       ? 0
                       : refuse(why, "", "goes on behind its end, or ends too early");
        snprintf(name, sizeof name, "%.*s", (int)sizeof header.name, header.name);
        if (check_header(&header, name, why) != 0)
            return -1;
        if (!read_octal(header.size, sizeof header.size, &size) || size > len - at ||
            (header.kind == KIND_FOLDER && size > 0))
            return refuse(why, name, "has a size that is none, or ends too early");
        const char *given = strncmp(name, "./", 2) == 0 ? name + 2 : name;
        if (header.kind != KIND_FOLDER && take(arg, given, bytes + at, (size_t)size, why) != 0)
            return -1;
        size_t padded = (size_t)(size + BLOCK - 1) / BLOCK * BLOCK;
        if (padded > len - at)
            break;
        at += padded;
    }
    return refuse(why, "", "ends too early: it is not whole");
}

void af_tar_add(struct af_buf *out, const char *name, bool program, const void *bytes, size_t len)
{
    struct header header = {.kind = KIND_FILE, .magic = "ustar", .version = {'0', '0'}};
    char number[24];
    size_t name_len = strlen(name);
    assert(name_len <= sizeof header.name && len < (uint64_t)1 << 33);
    memcpy(header.name, name, name_len);
    memcpy(header.mode, program ? "0000755" : "0000644", sizeof header.mode);
    memcpy(header.uid, "0000000", sizeof header.uid);
    memcpy(header.gid, "0000000", sizeof header.gid);
    memcpy(header.mtime, "00000000000", sizeof header.mtime);
    snprintf(number, sizeof number, "%011llo", (unsigned long long)len);
    memcpy(header.size, number, sizeof header.size);
    snprintf(number, sizeof number, "%06o", sum_of(&header));
    memcpy(header.checksum, number, 7);
    header.checksum[7] = ' ';
    af_buf_append(out, &header, BLOCK);
    af_buf_append(out, bytes, len);
    static const char zeros[BLOCK];
    af_buf_append(out, zeros, (BLOCK - len % BLOCK) % BLOCK);
}

void af_tar_end(struct af_buf *out)
{
    static const char zeros[2 * BLOCK];
    af_buf_append(out, zeros, sizeof zeros);
}
