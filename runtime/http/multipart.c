/* multipart.c: see multipart.h.
 *
 * CR stands in a delimiter only at its beginning. So when a match breaks off, what was matched is
 * data, and the byte at which it broke is looked at anew as if nothing had been matched; nothing
 * else need be remembered. */
#include "http/multipart.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PREAMBLE, AFTER_DELIMITER, HEADERS, DATA, EPILOGUE, BROKEN };

static bool fail(struct af_multipart *multipart, const char *error)
{
    if (multipart->error == NULL)
        multipart->error = error;
    multipart->state = BROKEN;
    return false;
}

/* ---- Parameters: `; name=value` or `; name="value"`. ---- */

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* Appends a parameter's value, and returns where it ends; NULL if its quote is not closed. */
static const char *read_value(const char *at, struct af_buf *value)
{
    if (*at != '"') {
        while (*at != '\0' && *at != ';' && *at != ' ' && *at != '\t')
            af_buf_append_char(value, *at++);
        return at;
    }
    for (at++; *at != '"'; at++) {
        if (at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (*at == '\0')
            return NULL;
        af_buf_append_char(value, *at);
    }
    return at + 1;
}

/* The value of a header's parameter, or NULL. The caller frees it. */
static char *find_parameter(const char *header, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = header + strcspn(header, ";");
    while (at != NULL && *at == ';') {
        at = skip_blanks(at + 1);
        size_t len = strcspn(at, "=; \t");
        bool is_it = len == name_len && strncasecmp(at, name, len) == 0;
        at = skip_blanks(at + len);
        if (*at != '=')
            continue;
        struct af_buf value = AF_BUF_EMPTY;
        at = read_value(skip_blanks(at + 1), &value);
        if (is_it && at != NULL)
            return af_buf_take(&value);
        af_buf_release(&value);
        if (at != NULL)
            at = skip_blanks(at);
    }
    return NULL;
}

static bool is_boundary(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > AF_MULTIPART_BOUNDARY_MAX || text[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

bool af_multipart_init(struct af_multipart *multipart, const char *content_type, const char *wanted,
                       af_multipart_write_fn *write, void *arg)
{
    static const char type[] = "multipart/form-data";
    memset(multipart, 0, sizeof *multipart);
    multipart->wanted = wanted;
    multipart->write = write;
    multipart->arg = arg;
    if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0 ||
        strchr("; \t", content_type[sizeof type - 1]) == NULL)
        return false;
    char *boundary = find_parameter(content_type, "boundary");
    bool ok = boundary != NULL && is_boundary(boundary);
    if (ok) {
        memcpy(multipart->delimiter, "\r\n--", 4);
        multipart->delimiter_len = 4 + strlen(boundary);
        memcpy(multipart->delimiter + 4, boundary, multipart->delimiter_len - 4);
        multipart->matched = 2; /* the body's first line has no line end before it */
    }
    free(boundary);
    return ok;
}

void af_multipart_release(struct af_multipart *multipart)
{
    af_buf_release(&multipart->line);
    free(multipart->file_name);
    multipart->file_name = NULL;
}

/* ---- Lines of headers. ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 5987: charset'language'percent-encoded, as clients write a name that is not ASCII. */
static char *decode_extended(const char *text)
{
    const char *at = strchr(text, '\'');
    at = at == NULL ? NULL : strchr(at + 1, '\'');
    if (at == NULL)
        return NULL;
    struct af_buf name = AF_BUF_EMPTY;
    for (at++; *at != '\0'; at++) {
        int high = at[0] == '%' ? hex_digit(at[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(at[2]);
        af_buf_append_char(&name, low < 0 ? *at : (char)(high * 16 + low));
        at += low < 0 ? 0 : 2;
    }
    return af_buf_take(&name);
}

static char *find_file_name(const char *disposition)
{
    char *extended = find_parameter(disposition, "filename*");
    char *name = extended == NULL ? NULL : decode_extended(extended);
    free(extended);
    if (name == NULL)
        name = find_parameter(disposition, "filename");
    if (name != NULL && strlen(name) > AF_MULTIPART_FILE_NAME_MAX) {
        free(name);
        name = NULL;
    }
    return name;
}

static void take_disposition(struct af_multipart *multipart, const char *value)
{
    char *name = find_parameter(value, "name");
    if (!multipart->found &&
        (multipart->wanted == NULL || (name != NULL && strcmp(name, multipart->wanted) == 0))) {
        multipart->in_wanted = true;
        multipart->found = true;
        multipart->file_name = find_file_name(value);
    }
    free(name);
}

static void take_header(struct af_multipart *multipart)
{
    static const char disposition[] = "Content-Disposition:";
    const char *line = af_buf_text(&multipart->line);
    if (strncasecmp(line, disposition, sizeof disposition - 1) == 0)
        take_disposition(multipart, skip_blanks(line + sizeof disposition - 1));
}

static bool read_header_byte(struct af_multipart *multipart, char byte)
{
    if (++multipart->header_bytes > AF_MULTIPART_HEADERS_MAX)
        return fail(multipart, "a part's headers are too long");
    if (byte == '\0')
        return fail(multipart, "a part's headers hold a 0 byte");
    if (byte != '\n') {
        af_buf_append_char(&multipart->line, byte);
        return true;
    }
    struct af_buf *line = &multipart->line;
    if (line->len == 0 || line->data[line->len - 1] != '\r')
        return fail(multipart, "a part's header does not end with CR LF");
    line->len--;
    if (line->len == 0)
        multipart->state = DATA;
    else
        take_header(multipart);
    af_buf_clear(line);
    return true;
}

/* Behind a delimiter: `--` ends the body; else blanks and a line end, and a part begins. */
static bool read_after_delimiter(struct af_multipart *multipart, char byte)
{
    struct af_buf *line = &multipart->line;
    if (line->len == 0 && (byte == ' ' || byte == '\t'))
        return true;
    af_buf_append_char(line, byte);
    if (line->len < 2)
        return byte == '-' || byte == '\r' || fail(multipart, "a delimiter is broken");
    bool is_last = memcmp(line->data, "--", 2) == 0;
    bool is_line_end = memcmp(line->data, "\r\n", 2) == 0;
    af_buf_clear(line);
    if (!is_last && !is_line_end)
        return fail(multipart, "a delimiter is broken");
    multipart->state = is_last ? EPILOGUE : HEADERS;
    multipart->header_bytes = 0;
    return true;
}

/* ---- Data. ---- */

static bool emit(struct af_multipart *multipart, const char *bytes, size_t len)
{
    if (len == 0 || multipart->state != DATA || !multipart->in_wanted)
        return true;
    return multipart->write(multipart->arg, bytes, len) ||
           fail(multipart, "it could not be written");
}

static void end_part(struct af_multipart *multipart)
{
    if (multipart->in_wanted)
        multipart->complete = true;
    multipart->in_wanted = false;
    multipart->matched = 0;
    multipart->state = AFTER_DELIMITER;
}

/* Goes on with a delimiter that began in an earlier piece. Returns how many bytes belong to it. */
static size_t read_match(struct af_multipart *multipart, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && bytes[at] == multipart->delimiter[multipart->matched]) {
        at++;
        if (++multipart->matched == multipart->delimiter_len) {
            end_part(multipart);
            return at;
        }
    }
    if (at < len) {
        size_t matched = multipart->matched;
        multipart->matched = 0;
        emit(multipart, multipart->delimiter, matched);
    }
    return at;
}

/* Reads data, or what stands before the first part, up to and with a delimiter. Returns how many
 * bytes that were; the state is BROKEN if they could not be written. */
static size_t read_data(struct af_multipart *multipart, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len, *cr;
    if (multipart->matched > 0)
        return read_match(multipart, bytes, len);
    while ((cr = memchr(at, '\r', (size_t)(end - at))) != NULL) {
        size_t left = (size_t)(end - cr);
        size_t compared = left < multipart->delimiter_len ? left : multipart->delimiter_len;
        if (memcmp(cr, multipart->delimiter, compared) == 0) {
            if (!emit(multipart, bytes, (size_t)(cr - bytes)))
                return len;
            multipart->matched = compared;
            if (compared == multipart->delimiter_len)
                end_part(multipart);
            return (size_t)(cr - bytes) + compared;
        }
        at = cr + 1;
    }
    emit(multipart, bytes, len);
    return len;
}

bool af_multipart_read(struct af_multipart *multipart, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && multipart->state != BROKEN && multipart->state != EPILOGUE) {
        if (multipart->state == PREAMBLE || multipart->state == DATA)
            at += read_data(multipart, bytes + at, len - at);
        else if (multipart->state == HEADERS)
            read_header_byte(multipart, bytes[at++]);
        else
            read_after_delimiter(multipart, bytes[at++]);
    }
    return multipart->state != BROKEN;
}
