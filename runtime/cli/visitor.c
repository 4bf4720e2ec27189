/* visitor.c: see visitor.h. */
#include "cli/visitor.h"

#include "http/server.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void make_secret(char text[AF_VISITOR_SECRET_TEXT])
{
    unsigned char bytes[AF_VISITOR_SECRET_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(text, AF_VISITOR_SECRET_TEXT, bytes, sizeof bytes);
}

static bool is_secret(const char *typed, size_t len, const char *secret)
{
    return len == AF_VISITOR_SECRET_TEXT - 1 && secret[0] != '\0' &&
           sodium_memcmp(typed, secret, len) == 0;
}

void af_visitor_invite(struct af_visitor *visitor, const char *url)
{
    make_secret(visitor->token);
    snprintf(visitor->link, sizeof visitor->link, "%s/?token=%s", url, visitor->token);
}

void af_visitor_begin(struct af_visitor *visitor, const char *page, const char *url)
{
    visitor->page = page;
    make_secret(visitor->cookie);
    snprintf(visitor->cookie_name, sizeof visitor->cookie_name, "afrun_%s_%s", page,
             strrchr(url, ':') + 1);
    af_visitor_invite(visitor, url);
}

/* A page elsewhere may give its own name this machine's address. */
static bool is_own_name(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(host, names[i], len) == 0 && (host[len] == ':' || host[len] == '\0'))
            return true;
    }
    return false;
}

static bool is_own_origin(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    return strncmp(origin, scheme, sizeof scheme - 1) == 0 &&
           strcmp(origin + sizeof scheme - 1, host) == 0;
}

static bool has_cookie(const struct af_visitor *visitor, const struct af_exchange *exchange)
{
    const char *at = af_exchange_header(exchange, "Cookie");
    size_t name = strlen(visitor->cookie_name);
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ";");
        if (len > name && strncmp(at, visitor->cookie_name, name) == 0 && at[name] == '=' &&
            is_secret(at + name + 1, len - name - 1, visitor->cookie))
            return true;
        at += len + strspn(at + len, "; ");
    }
    return false;
}

/* The link, the first time. */
static bool takes_token(struct af_visitor *visitor, struct af_exchange *exchange)
{
    const char *token = af_exchange_query(exchange, "token");
    char cookie[256];
    if (token == NULL || !is_secret(token, strlen(token), visitor->token))
        return false;
    snprintf(cookie, sizeof cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/",
             visitor->cookie_name, visitor->cookie);
    af_exchange_add_header(exchange, "Set-Cookie", cookie);
    visitor->token[0] = '\0';
    return true;
}

bool af_visitor_admit(struct af_visitor *visitor, struct af_exchange *exchange, bool is_page,
                      bool works, int *status, const char **words)
{
    static char text[160];
    const char *host = af_exchange_header(exchange, "Host");
    const char *origin = af_exchange_header(exchange, "Origin");
    *words = text;
    *status = 403;
    if (!is_own_name(host)) {
        *status = 421;
        snprintf(text, sizeof text, "This is no name of the %s: use the link that it has printed.",
                 visitor->page);
    } else if (origin == NULL ? works : !is_own_origin(origin, host)) {
        snprintf(text, sizeof text, "Pages of others may not ask the %s for anything.",
                 visitor->page);
    } else if (has_cookie(visitor, exchange) || (is_page && takes_token(visitor, exchange))) {
        return true;
    } else {
        snprintf(text, sizeof text,
                 "The %s is open to the browser in which its link was first opened. Start it again "
                 "for another link.",
                 visitor->page);
    }
    return false;
}
