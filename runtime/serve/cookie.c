/* cookie.c: the pass that a browser has of this service. */
#include "serve/impl.h"

#include "http/server.h"

#include <stdio.h>
#include <string.h>

void af_serve_cookie_name(const struct af_serve *serve, char name[32])
{
    /* A browser has the cookies of all ports of a machine together. */
    snprintf(name, 32, "afrun_ui_%s", strrchr(af_http_server_url(serve->http), ':') + 1);
}

char *af_serve_cookie(const struct serve_call *call)
{
    const char *at = af_exchange_header(call->exchange, "Cookie");
    char name[32];
    af_serve_cookie_name(call->serve, name);
    size_t name_len = strlen(name);
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ";");
        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=')
            return strndup(at + name_len + 1, len - name_len - 1);
        at += len + strspn(at + len, "; ");
    }
    return NULL;
}
