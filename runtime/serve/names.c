/* names.c: what callers call this service, and which proxies are believed.
 *
 * A page in a browser of this machine can lead its own name here (DNS rebinding), and who is on
 * this machine may be trusted without a token. The request then says the page's name in Host, so
 * only names that are ours are answered. Over TLS the certificate says which these are, and no
 * browser goes on with another.
 *
 * A proxy says for whom it asks. Whoever could say so would be whom it likes, so only those that
 * are named (--proxy) are believed, and nobody who comes through one is on this machine. */
#include "serve/impl.h"

#include "base/bounds.h"
#include "base/failure.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

struct host {
    char name[256]; /* without port and brackets */
    bool is_address;
};

/* Reads NAME, NAME:PORT, [IPV6] or [IPV6]:PORT; an address is written in its one shortest way. */
static bool read_host(const char *text, struct host *host)
{
    static const char others[] = ".-_";
    unsigned char address[sizeof(struct in6_addr)];
    bool is_v6 = text[0] == '[';
    size_t len = strcspn(text += is_v6, is_v6 ? "]" : ":");
    if (len == 0 || len >= sizeof host->name || (is_v6 && text[len] != ']'))
        return false;
    memcpy(host->name, text, len);
    host->name[len] = '\0';
    const char *port = text + len + is_v6;
    if (*port != '\0' && (*port != ':' || port[1 + strspn(port + 1, "0123456789")] != '\0'))
        return false;
    int family = is_v6 ? AF_INET6 : AF_INET;
    host->is_address = inet_pton(family, host->name, address) == 1;
    if (host->is_address)
        return inet_ntop(family, address, host->name, sizeof host->name) != NULL;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)host->name[i]) && strchr(others, host->name[i]) == NULL)
            return false;
    return !is_v6;
}

static bool is_listed(const struct af_serve_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i], name) == 0)
            return true;
    return false;
}

/* ---- Options. ---- */

static int add(struct af_serve_list *list, const char *value, struct af_failure *why)
{
    if (list->count == AF_SERVE_NAMES_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "there are at most %d",
                              AF_SERVE_NAMES_MAX);
    list->items[list->count++] = value;
    return 0;
}

int af_serve_add_host(void *list, const char *value, struct af_failure *why)
{
    struct host host;
    if (!read_host(value, &host) || strcasecmp(host.name, value) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected a name or an IPv4 address, without a port, got '%.200s'",
                              value);
    return add(list, value, why);
}

int af_serve_add_proxy(void *list, const char *value, struct af_failure *why)
{
    unsigned char address[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];
    int family = strchr(value, ':') == NULL ? AF_INET : AF_INET6;
    if (inet_pton(family, value, address) != 1 ||
        inet_ntop(family, address, text, sizeof text) == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected an IP address, got '%.200s'",
                              value);
    if (strcmp(text, value) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected '%s' in its short way, '%s'",
                              value, text);
    return add(list, value, why);
}

/* ---- What we are called. ---- */

static bool is_listened_at(const struct serve_call *call, const struct host *host)
{
    struct host listened;
    return read_host(call->serve->options.listen, &listened) &&
           strcasecmp(listened.name, host->name) == 0;
}

static bool is_our_address(const struct serve_call *call, const struct host *host)
{
    return host->is_address &&
           (strncmp(host->name, "127.", 4) == 0 || strcmp(host->name, "::1") == 0 ||
            strcmp(host->name, af_exchange_own_address(call->exchange)) == 0);
}

bool af_serve_is_our_name(const struct serve_call *call, const char *name)
{
    static const struct af_serve_list always = {
        .items = {"localhost", "federated-service", "playground-backend"}, .count = 3};
    struct host host;
    if (af_exchange_is_tls(call->exchange))
        return true;
    return read_host(name, &host) &&
           (is_listed(&always, host.name) || is_listed(&call->serve->options.hosts, host.name) ||
            is_listened_at(call, &host) || is_our_address(call, &host));
}

/* ---- Proxies. ---- */

static bool is_proxy(const struct serve_call *call)
{
    return is_listed(&call->serve->options.proxies, af_exchange_address(call->exchange));
}

bool af_serve_is_here(const struct serve_call *call)
{
    return af_exchange_is_local(call->exchange) && !is_proxy(call) &&
           af_exchange_header(call->exchange, "Forwarded") == NULL &&
           af_exchange_header(call->exchange, "X-Forwarded-For") == NULL;
}

const char *af_serve_address(struct serve_call *call)
{
    const char *address = af_exchange_address(call->exchange);
    const char *list = af_exchange_header(call->exchange, "X-Forwarded-For");
    if (!is_proxy(call) || list == NULL)
        return address;
    const char *comma = strrchr(list, ','); /* what stands before the last came from its caller */
    const char *last = comma == NULL ? list : comma + 1;
    unsigned char bytes[sizeof(struct in6_addr)];
    last += strspn(last, " \t");
    char *own = af_arena_copy(&call->arena, last, strcspn(last, " \t"));
    return inet_pton(AF_INET, own, bytes) == 1 || inet_pton(AF_INET6, own, bytes) == 1 ? own
                                                                                       : address;
}

void af_serve_append_base(struct af_buf *out, const struct serve_call *call)
{
    const char *name = af_exchange_header(call->exchange, "Host"), *other = NULL;
    bool is_tls = af_exchange_is_tls(call->exchange);
    struct host host;
    if (is_proxy(call)) {
        const char *scheme = af_exchange_header(call->exchange, "X-Forwarded-Proto");
        is_tls = scheme == NULL ? is_tls : strcasecmp(scheme, "https") == 0;
        other = af_exchange_header(call->exchange, "X-Forwarded-Host");
    }
    if (other != NULL && read_host(other, &host))
        name = other;
    if (name != NULL && read_host(name, &host))
        af_buf_printf(out, "http%s://%s", is_tls ? "s" : "", name);
    else
        af_buf_append_string(out, af_http_server_url(call->serve->http));
}
