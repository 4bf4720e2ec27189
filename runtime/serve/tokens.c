/* tokens.c: see tokens.h. */
#include "serve/tokens.h"

#include "base/bounds.h"
#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

enum { TOKEN_BYTES_MAX = 4096, TOKEN_BYTES_SHORT = 16, HEX_BYTES = 64 };

static const char hashed[] = "sha256:", blanks[] = " \t\r";

/* ---- Files that hold secrets. ---- */

static int fail_errno(const char *path, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_USAGE, path, "%s", strerror(errno));
}

char *af_serve_secret_read(const char *path, size_t max, size_t *len, struct af_failure *why)
{
    struct stat status;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait */
    if (fd < 0 || fstat(fd, &status) != 0)
        fail_errno(path, why);
    else if (!S_ISREG(status.st_mode) || (size_t)status.st_size > max)
        af_failure_set(why, AF_FAILURE_USAGE, path, "is no file, or too large");
    else if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "holds secrets, and others may read or change it: chmod 600");
    else {
        text = af_mem_zero(1, (size_t)status.st_size + 1);
        ssize_t got = af_io_read(fd, text, (size_t)status.st_size);
        *len = got < 0 ? 0 : (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

void af_serve_secret_free(char *text, size_t len)
{
    if (text != NULL)
        sodium_memzero(text, len);
    free(text);
}

/* ---- Lines. ---- */

bool af_serve_is_id(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > AF_BUS_ID_BYTES_MAX || strcmp(text, "*") == 0 ||
        !af_json_is_utf8(text, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            return false;
    return true;
}

void af_serve_token_digest(const char *text, size_t len,
                           unsigned char digest[AF_SERVE_DIGEST_BYTES])
{
    crypto_hash_sha256(digest, (const unsigned char *)text, len);
}

static int fail_line(const char *path, size_t line, const char *message, struct af_failure *why)
{
    char what[200];
    snprintf(what, sizeof what, "%s:%zu", path, line);
    return af_failure_set(why, AF_FAILURE_USAGE, what, "%s", message);
}

/* The word at *at, which is ended by a 0 byte; *at goes behind it and its blanks. */
static char *next_word(char **at)
{
    char *word = *at;
    char *end = word + strcspn(word, blanks);
    *at = end + strspn(end, blanks);
    *end = '\0';
    return word;
}

/* Whether it is a time as we write it. */
static bool read_time(const char *text, int64_t *time_s)
{
    struct tm parts = {0};
    const char *end = strptime(text, TIME_FORMAT, &parts);
    *time_s = (int64_t)timegm(&parts);
    return end != NULL && *end == '\0' && *time_s > 0;
}

/* What stands behind the node; NULL, or what is wrong. */
static const char *read_rest(struct af_serve_token *token, char *rest)
{
    static const char expires[] = "expires=", label[] = "label=";
    while (*rest != '\0' && *rest != '#') {
        if (strncmp(rest, label, sizeof label - 1) == 0) {
            free(token->label);
            token->label = af_mem_string(rest + sizeof label - 1);
            return NULL;
        }
        const char *word = next_word(&rest);
        if (strncmp(word, expires, sizeof expires - 1) != 0)
            return "expected expires=TIME or label=TEXT behind the node";
        if (!read_time(word + sizeof expires - 1, &token->expires_s))
            return "expected expires=YYYY-MM-DDThh:mm:ssZ";
    }
    return NULL;
}

/* The token itself, or its digest; NULL, or what is wrong. */
static const char *read_digest(struct af_serve_token *token, const char *word)
{
    size_t len = strlen(word), bytes = 0;
    token->is_plain = strncmp(word, hashed, sizeof hashed - 1) != 0;
    if (len > TOKEN_BYTES_MAX)
        return "the token is too long";
    if (token->is_plain) {
        af_serve_token_digest(word, len, token->digest);
        return NULL;
    }
    word += sizeof hashed - 1;
    return strlen(word) == HEX_BYTES &&
                   sodium_hex2bin(token->digest, sizeof token->digest, word, HEX_BYTES, NULL,
                                  &bytes, NULL) == 0 &&
                   bytes == sizeof token->digest
               ? NULL
               : "expected sha256: and 64 hexadecimal digits";
}

static int read_line(struct af_serve_tokens *tokens, const char *path, size_t number, char *line,
                     struct af_failure *why)
{
    char *at = line + strspn(line, blanks);
    if (*at == '\0' || *at == '#')
        return 0;
    if (tokens->count >= AF_SERVE_TOKENS_MAX)
        return fail_line(path, number, "too many tokens", why);
    af_mem_reserve(&tokens->items, &tokens->cap, tokens->count + 1, sizeof *tokens->items);
    struct af_serve_token *token = &tokens->items[tokens->count++];
    *token = (struct af_serve_token){.label = af_mem_string("")};
    const char *word = next_word(&at);
    size_t len = strlen(word);
    const char *wrong = read_digest(token, word);
    token->node = af_mem_string(next_word(&at));
    if (wrong == NULL && !af_serve_is_id(token->node))
        wrong = "expected a token and a node's ID";
    if (wrong == NULL)
        wrong = read_rest(token, at);
    if (wrong != NULL)
        return fail_line(path, number, wrong, why);
    if (token->is_plain && len < TOKEN_BYTES_SHORT)
        af_log(AF_LOG_WARNING, "%s:%zu: a token so short can be guessed", path, number);
    return 0;
}

/* ---- All of them. ---- */

static int compare(const void *a, const void *b)
{
    const struct af_serve_token *const *left = a, *const *right = b;
    return memcmp((*left)->digest, (*right)->digest, AF_SERVE_DIGEST_BYTES);
}

static int refuse_doubles(const struct af_serve_tokens *tokens, const char *path,
                          struct af_failure *why)
{
    const struct af_serve_token **sorted =
        af_mem_zero(tokens->count + 1, sizeof(const struct af_serve_token *));
    int result = 0;
    for (size_t i = 0; i < tokens->count; i++)
        sorted[i] = &tokens->items[i];
    qsort(sorted, tokens->count, sizeof(const struct af_serve_token *), compare);
    for (size_t i = 1; i < tokens->count && result == 0; i++)
        if (compare(&sorted[i - 1], &sorted[i]) == 0)
            result =
                af_failure_set(why, AF_FAILURE_USAGE, path, "gives nodes '%s' and '%s' one token",
                               sorted[i - 1]->node, sorted[i]->node);
    free(sorted);
    return result;
}

static int read_lines(struct af_serve_tokens *tokens, const char *path, char *text, size_t len,
                      struct af_failure *why)
{
    size_t number = 0;
    if (strlen(text) != len)
        return af_failure_set(why, AF_FAILURE_USAGE, path, "holds a 0 byte");
    for (char *line = text, *end; line < text + len; line = end + 1) {
        end = line + strcspn(line, "\n");
        *end = '\0';
        if (read_line(tokens, path, ++number, line, why) != 0)
            return -1;
    }
    return refuse_doubles(tokens, path, why);
}

int af_serve_tokens_read_text(struct af_serve_tokens *tokens, const char *path, char *text,
                              size_t len, struct af_failure *why)
{
    int result = read_lines(tokens, path, text, len, why);
    if (result != 0)
        af_serve_tokens_release(tokens);
    return result;
}

int af_serve_tokens_read(struct af_serve_tokens *tokens, const char *path, struct af_failure *why)
{
    size_t len = 0;
    char *text = af_serve_secret_read(path, AF_SERVE_TOKENS_BYTES_MAX, &len, why);
    int result = text == NULL ? -1 : af_serve_tokens_read_text(tokens, path, text, len, why);
    af_serve_secret_free(text, len);
    return result;
}

void af_serve_tokens_release(struct af_serve_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->items[i].node);
        free(tokens->items[i].label);
    }
    free(tokens->items);
    memset(tokens, 0, sizeof *tokens);
}

/* ---- Changing the file. ---- */

/* Locks the file against other changes; it is made if it may be. -1 with *why filled. */
static int lock_file(const char *path, bool make, struct af_failure *why)
{
    struct stat locked, named;
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (make ? O_CREAT : 0), 0600);
        if (fd < 0 || flock(fd, LOCK_EX) != 0) {
            fail_errno(path, why);
            if (fd >= 0)
                close(fd);
            return -1;
        }
        if (fstat(fd, &locked) == 0 && stat(path, &named) == 0 && locked.st_ino == named.st_ino)
            return fd;
        close(fd); /* it was replaced while we waited */
    }
}

/* Changes a file whose lines are right and stay right: change(arg, text of it, new text). */
static int change_file(const char *path, bool make,
                       int (*change)(void *arg, const char *text, size_t len, struct af_buf *out,
                                     struct af_failure *why),
                       void *arg, struct af_failure *why)
{
    struct af_serve_tokens tokens = {0};
    struct af_buf out = AF_BUF_EMPTY;
    size_t len = 0;
    char *text = NULL;
    int result = -1, fd = lock_file(path, make, why);
    if (fd >= 0 && af_serve_tokens_read(&tokens, path, why) == 0)
        text = af_serve_secret_read(path, AF_SERVE_TOKENS_BYTES_MAX, &len, why);
    if (text != NULL && change(arg, text, len, &out, why) == 0)
        result = af_io_replace(path, out.data, out.len)
                     ? 0
                     : af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be written: %s",
                                      strerror(errno));
    af_serve_secret_free(text, len);
    if (out.data != NULL)
        sodium_memzero(out.data, out.len);
    af_buf_release(&out);
    af_serve_tokens_release(&tokens);
    if (fd >= 0)
        close(fd);
    return result;
}

static int append_line(void *line, const char *text, size_t len, struct af_buf *out,
                       struct af_failure *why)
{
    (void)why;
    af_buf_append(out, text, len);
    if (len > 0 && text[len - 1] != '\n')
        af_buf_append_char(out, '\n');
    af_buf_append_string(out, line);
    return 0;
}

int af_serve_token_add(const char *path, const char *node, const char *label, int64_t expires_s,
                       char text[AF_SERVE_TOKEN_TEXT], struct af_failure *why)
{
    unsigned char bytes[32], digest[AF_SERVE_DIGEST_BYTES];
    char hex[HEX_BYTES + 1], until[40];
    struct af_buf line = AF_BUF_EMPTY;
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, AF_SERVE_TOKEN_TEXT, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
    af_serve_token_digest(text, strlen(text), digest);
    af_buf_printf(&line, "%s%s %s", hashed, sodium_bin2hex(hex, sizeof hex, digest, sizeof digest),
                  node);
    if (expires_s > 0) {
        struct tm parts;
        time_t time_s = (time_t)expires_s;
        strftime(until, sizeof until, TIME_FORMAT, gmtime_r(&time_s, &parts));
        af_buf_printf(&line, " expires=%s", until);
    }
    if (label[0] != '\0')
        af_buf_printf(&line, " label=%s", label);
    af_buf_append_char(&line, '\n');
    int result = change_file(path, true, append_line, (void *)(uintptr_t)af_buf_text(&line), why);
    af_buf_release(&line);
    return result;
}

/* Whether a line of the file, which is right, is of the token with this digest. */
static bool is_of(const char *line, size_t len, const unsigned char *digest)
{
    struct af_serve_token token = {0};
    char *copy = af_mem_copy(line, len), *at = copy + strspn(copy, blanks);
    bool is = *at != '\0' && *at != '#' && read_digest(&token, next_word(&at)) == NULL &&
              memcmp(token.digest, digest, AF_SERVE_DIGEST_BYTES) == 0;
    af_serve_secret_free(copy, len);
    return is;
}

static int drop_line(void *digest, const char *text, size_t len, struct af_buf *out,
                     struct af_failure *why)
{
    bool found = false;
    for (const char *line = text, *end; line < text + len; line = end) {
        end = line + strcspn(line, "\n");
        bool is = is_of(line, (size_t)(end - line), digest);
        end += *end == '\n';
        found |= is;
        if (!is)
            af_buf_append(out, line, (size_t)(end - line));
    }
    return found ? 0 : af_failure_set(why, AF_FAILURE_USAGE, "", "the token is gone already");
}

int af_serve_token_remove(const char *path, const unsigned char digest[AF_SERVE_DIGEST_BYTES],
                          struct af_failure *why)
{
    return change_file(path, false, drop_line, (void *)(uintptr_t)digest, why);
}
