/* framing.c: whether a request says in one way only where it ends, RFC 9112.
 *
 * A proxy and a server that read one request differently let a second one hide in its body (request
 * smuggling). So what two readers could take for two things is refused, and its connection ends:
 * a field's name with a blank in it, a second length or host, a length beside chunks, codings
 * beside chunked, control characters, folded fields, and lines that end by LF alone.
 *
 * libmicrohttpd before 1.0 takes the last two (later ones refuse them by themselves), and leaves
 * traces of them: it ends name and value by zeros where they stand in what was received, so a value
 * of one line stands right behind its name, and CR LF leaves two zeros before the next name; a
 * field that goes on is moved. Of how the last field ends, and the lines of chunks, nothing is left
 * to see: there that library still takes LF alone. Blanks behind `chunked` are lawful, but the
 * library takes that for no coding it knows, and then looks for no end at all. */
#include "http/server_impl.h"

#include "base/bounds.h"

#include <string.h>
#include <strings.h>

#define GAP_MAX 8 /* bytes between a field and the next that are looked at */

struct fields {
    bool has_traces; /* of lines */
    const char *end; /* of the line before */
    const char *fault;
    bool has_length, has_codings, has_host;
};

static bool is_token(const char *name, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alnum && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return len > 0;
}

static bool has_control(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
            return true;
    return false;
}

/* Notes a field that may stand once. */
static void once(struct fields *fields, bool *seen, const char *fault)
{
    if (*seen)
        fields->fault = fault;
    *seen = true;
}

static void look_at_lines(struct fields *fields, const char *name, size_t name_len,
                          const char *value, size_t len)
{
    const char *at = name + name_len;
    while (at < value && value - at < AF_HTTP_CONNECTION_BYTES &&
           (*at == '\0' || *at == ' ' || *at == '\t'))
        at++;
    if (at != value)
        fields->fault = "a field goes on in a second line";
    if (name > fields->end && name - fields->end <= GAP_MAX &&
        (name - fields->end < 2 || fields->end[1] != '\0'))
        fields->fault = "a line ends without CR LF";
    fields->end = value + len;
}

static enum MHD_Result look_at(void *arg, enum MHD_ValueKind kind, const char *name,
                               size_t name_len, const char *value, size_t len)
{
    struct fields *fields = arg;
    (void)kind;
    if (value == NULL) /* such are not made of headers */
        return MHD_YES;
    if (!is_token(name, name_len))
        fields->fault = "the name of a field is no token";
    else if (has_control(value, len))
        fields->fault = "a field has a control character";
    else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
        once(fields, &fields->has_length, "it has two lengths");
    else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
        once(fields, &fields->has_host, "it has two hosts");
    else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        once(fields, &fields->has_codings, "it has two transfer codings");
        if (strcasecmp(value, "chunked") != 0)
            fields->fault = "its transfer coding is not 'chunked'";
    }
    if (fields->has_traces)
        look_at_lines(fields, name, name_len, value, len);
    return fields->fault == NULL ? MHD_YES : MHD_NO;
}

const char *af_http_framing_fault(struct MHD_Connection *connection, const char *version)
{
    struct fields fields = {.has_traces = strncmp(af_MHD_get_version(), "0.", 2) == 0,
                            .end = version + strlen(version)};
    af_MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at, &fields);
    if (fields.fault == NULL && fields.has_length && fields.has_codings)
        return "it has a length beside chunks";
    return fields.fault;
}
