/* ui.c: the service in a browser: who may look, and what only a page asks for.
 *
 * The page has what the service tells anyway (/status, /metrics, /admin/tasks), by the same
 * functions under its own paths: there alone a cookie counts. The cookie says until when it is
 * good, and has that time's hash under a key that the admin's token makes: nothing is kept of it
 * here, it outlives a restart of the service, and ends with the token. A page reads, and changes
 * nothing. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/io.h"
#include "http/pages.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- Who looks. ---- */

bool af_serve_ui_is_own_origin(const struct serve_call *call, const char *origin)
{
    struct af_buf own = AF_BUF_EMPTY;
    af_serve_append_base(&own, call);
    bool is_own = strcmp(origin, af_buf_text(&own)) == 0;
    af_buf_release(&own);
    return is_own;
}

static void set_cookie(struct serve_call *call, const char *value, int seconds)
{
    struct af_buf cookie = AF_BUF_EMPTY, base = AF_BUF_EMPTY;
    char name[32];
    af_serve_cookie_name(call->serve, name);
    af_serve_append_base(&base, call);
    af_buf_printf(&cookie, "%s=%s; Path=%s; Max-Age=%d; HttpOnly; SameSite=Strict%s", name, value,
                  SERVE_UI, seconds,
                  strncmp(af_buf_text(&base), "https", 5) == 0 ? "; Secure" : "");
    af_exchange_add_header(call->exchange, "Set-Cookie", af_buf_text(&cookie));
    af_buf_release(&cookie);
    af_buf_release(&base);
}

struct login {
    const char *token;
};

static const struct serve_field login_rows[] = {
    {"token", SERVE_TEXT, SERVE_NEEDED, offsetof(struct login, token), 1, 4096, NULL, 0},
    {0},
};

static void send_kind(struct serve_call *call, const char *kind)
{
    struct af_buf out = af_serve_data();
    af_buf_printf(&out, "{\"format\":1,\"kind\":\"%s\"}", kind);
    af_serve_send(call, &out);
}

/* POST /ui/login {"token"}: the admin's. */
void af_serve_ui_login(struct serve_call *call)
{
    const struct login *login = af_serve_read_body(call, login_rows, sizeof *login);
    char pass[SERVE_PASS_TEXT];
    if (login == NULL)
        return;
    if (!af_serve_pass_new(call, login->token, pass)) {
        call->late_ns = af_serve_guess_ns(call, NULL);
        af_serve_error(call, 401, 401, "this is not the admin's token");
        return;
    }
    call->is_admin = true;
    set_cookie(call, pass, AF_SERVE_SESSION_S);
    send_kind(call, "ui-login");
}

void af_serve_ui_logout(struct serve_call *call)
{
    set_cookie(call, "", 0);
    send_kind(call, "ui-logout");
}

/* ---- Files of the page. ---- */

void af_serve_ui_page(struct serve_call *call)
{
    const char *name = call->path + strlen(SERVE_UI);
    size_t len;
    name = strcmp(name, "/") == 0 ? "service.html" : name + (name[0] == '/');
    if (name[0] == '\0') { /* what the page names stands below */
        struct af_buf none = AF_BUF_EMPTY;
        af_exchange_add_header(call->exchange, "Location", "ui/");
        af_serve_count(call, 0);
        af_serve_send_text(call, 307, "text/plain", &none);
    } else if (af_pages_find(name, &len) == NULL) {
        af_serve_error(call, 404, 404, "there is no such page");
    } else {
        af_serve_count(call, 0);
        af_pages_answer(call->exchange, name);
    }
}

/* ---- The audit log's last lines. ---- */

/* Whole lines of the end of a file, each a JSON object of ours. */
static void append_last_lines(struct af_buf *out, const char *path)
{
    char text[AF_SERVE_UI_AUDIT_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text ? size - (off_t)sizeof text : 0;
    ssize_t len = fd < 0 ? 0 : pread(fd, text, sizeof text, from);
    if (fd >= 0)
        close(fd);
    const char *at = text, *end = text + (len < 0 ? 0 : len), *newline;
    bool is_whole = from == 0, is_first = true;
    for (; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1) {
        if (is_whole)
            af_buf_printf(out, "%s%.*s", is_first ? "" : ",", (int)(newline - at), at);
        is_first = is_first && !is_whole;
        is_whole = true;
    }
}

void af_serve_ui_audit(struct serve_call *call)
{
    const char *path = call->serve->options.audit;
    struct af_buf out = af_serve_data();
    af_buf_printf(&out, "{\"format\":1,\"kind\":\"ui-audit\",\"is_kept\":%s,\"lines\":[",
                  path == NULL ? "false" : "true");
    if (path != NULL)
        append_last_lines(&out, path);
    af_buf_append_string(&out, "]}");
    af_serve_send(call, &out);
}
