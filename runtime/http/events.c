/* events.c: see events.h. */
#include "http/events.h"

#include <sodium.h>
#include <string.h>

void af_events_write(struct af_buf *out, const char *name, const char *text, size_t len)
{
    const char *end = text + len, *newline;
    af_buf_printf(out, "event: %s\n", name);
    do {
        newline = memchr(text, '\n', (size_t)(end - text));
        const char *to = newline == NULL ? end : newline;
        af_buf_append_string(out, "data: ");
        af_buf_append(out, text, (size_t)(to - text));
        af_buf_append_char(out, '\n');
        text = to + 1;
    } while (newline != NULL);
    af_buf_append_char(out, '\n');
}

/* What stands before a number that is no news; all end in one of two characters. */
static bool is_before_time(const char *text, const char *at)
{
    static const char *const heads[] = {
        "_s\":",         "\"now\":", "uptime_seconds\":", "\"ms\":", "resident_bytes\":",
        "free_bytes\":", "' in ",    "is over in "};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        size_t len = strlen(heads[i]);
        if ((size_t)(at - text) >= len && memcmp(at - len, heads[i], len) == 0)
            return true;
    }
    return false;
}

bool af_events_is_news(unsigned char told[AF_EVENTS_DIGEST_BYTES], const struct af_buf *text)
{
    static const char digits[] = "0123456789.";
    crypto_generichash_state state;
    unsigned char digest[AF_EVENTS_DIGEST_BYTES];
    const char *all = text->data == NULL ? "" : text->data, *end = all + text->len, *from = all;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    for (const char *at = all + 1; at < end; at++) {
        if (*at < '0' || *at > '9' || (at[-1] != ':' && at[-1] != ' ') || !is_before_time(all, at))
            continue;
        crypto_generichash_update(&state, (const unsigned char *)from, (size_t)(at - from));
        while (at < end && *at != '\0' && strchr(digits, *at) != NULL)
            at++;
        from = at;
    }
    crypto_generichash_update(&state, (const unsigned char *)from, (size_t)(end - from));
    crypto_generichash_final(&state, digest, sizeof digest);
    if (memcmp(told, digest, sizeof digest) == 0)
        return false;
    memcpy(told, digest, sizeof digest);
    return true;
}
