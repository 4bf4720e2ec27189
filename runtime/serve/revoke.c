/* revoke.c: tokens that are revoked, at all fronts.
 *
 * A front whose file has lost a token notes its digest on the bus, for good, and all of them ask
 * for what is noted there, again and again: it is refused whatever their own files say. A line that
 * is back at the next look was not revoked: whoever writes a file may have been in the middle. */
#include "serve/impl.h"

#include "base/log.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_BYTES = 2 * AF_SERVE_DIGEST_BYTES };

static void note(struct af_serve *serve, const char *node, const unsigned char *digest,
                 const char *what)
{
    char hex[HEX_BYTES + 1];
    af_log(AF_LOG_INFO, "serve: the token %.12s of '%s' %s",
           sodium_bin2hex(hex, sizeof hex, digest, AF_SERVE_DIGEST_BYTES), node, what);
    af_serve_audit_revoked(serve, node);
}

/* ---- Telling. ---- */

void af_serve_lost(struct af_serve *serve, const struct af_serve_token *token)
{
    struct serve_revoking *revoking = &serve->revoking;
    if (!serve->is_front)
        return;
    af_mem_reserve(&revoking->lost, &revoking->cap, revoking->count + 1, sizeof *revoking->lost);
    struct serve_lost *lost = &revoking->lost[revoking->count++];
    *lost = (struct serve_lost){.node = af_mem_string(token->node)};
    memcpy(lost->digest, token->digest, sizeof lost->digest);
}

static void forget(struct serve_revoking *revoking, size_t at)
{
    free(revoking->lost[at].node);
    revoking->lost[at] = revoking->lost[--revoking->count];
}

static void tell_next(struct af_serve *serve);

static void told(void *arg, const struct af_bus_result *result)
{
    struct af_serve *serve = arg;
    struct serve_revoking *revoking = &serve->revoking;
    revoking->tells = false;
    if (result->code != AF_BUS_OK) {
        af_log(AF_LOG_WARNING,
               "serve: the other fronts are not told yet that a token is revoked: %s",
               result->why == NULL ? "it failed" : result->why);
        return;
    }
    for (size_t i = revoking->count; i-- > 0;)
        if (memcmp(revoking->lost[i].digest, revoking->told, sizeof revoking->told) == 0) {
            note(serve, revoking->lost[i].node, revoking->told, "is revoked, at all fronts");
            forget(revoking, i);
        }
    tell_next(serve);
}

static void tell_next(struct af_serve *serve)
{
    struct serve_revoking *revoking = &serve->revoking;
    char hex[HEX_BYTES + 1];
    for (size_t i = 0; i < revoking->count && !revoking->tells; i++) {
        if (revoking->lost[i].looks < 2)
            continue;
        revoking->tells = true;
        memcpy(revoking->told, revoking->lost[i].digest, sizeof revoking->told);
        af_bus_revoke(serve->bus,
                      sodium_bin2hex(hex, sizeof hex, revoking->told, sizeof revoking->told), told,
                      serve);
    }
}

/* ---- Asking. ---- */

static void go_on(struct serve_call *call)
{
    if (call->serve->revoking.knows)
        call->after(call);
    else
        af_serve_error(call, call->endpoint->run == af_serve_ready ? 503 : 200, 503,
                       "which tokens are revoked is not known yet: the NATS servers have not said");
}

static void came(void *arg, const struct af_bus_result *result)
{
    struct af_serve *serve = arg;
    unsigned char digest[AF_SERVE_DIGEST_BYTES];
    const char *at = result->bytes;
    bool any = false;
    size_t bytes;
    serve->revoking.asks = false;
    if (result->code != AF_BUS_OK)
        return;
    while (at != NULL && (at = strchr(at, '\n')) != NULL) {
        if (strcspn(++at, "\n") != HEX_BYTES ||
            sodium_hex2bin(digest, sizeof digest, at, HEX_BYTES, NULL, &bytes, NULL) != 0 ||
            bytes != sizeof digest)
            continue;
        const struct af_serve_token *token = af_serve_find_token(serve->callers, digest);
        bool is_new = af_serve_callers_revoke(serve->callers, digest);
        any = any || is_new;
        if (is_new && token != NULL)
            note(serve, token->node, digest, "is refused: another front has revoked it");
    }
    if (any) {
        af_serve_callers_revoked(serve->callers);
        af_serve_end_polls(serve);
    }
    serve->revoking.knows = true;
    for (struct serve_call *call = serve->held, *next; call != NULL; call = next) {
        next = call->next;
        if (call->then == go_on)
            af_serve_release(call);
    }
}

void af_serve_look_revoked(struct af_serve *serve)
{
    struct serve_revoking *revoking = &serve->revoking;
    if (!serve->is_front)
        return;
    for (size_t i = revoking->count; i-- > 0;)
        if (af_serve_find_token(serve->callers, revoking->lost[i].digest) != NULL)
            forget(revoking, i);
        else
            revoking->lost[i].looks++;
    tell_next(serve);
    if (!revoking->asks) {
        revoking->asks = true;
        af_bus_revoked(serve->bus, came, serve);
    }
}

bool af_serve_awaits_revoked(struct serve_call *call, void (*then)(struct serve_call *call))
{
    const struct serve_endpoint *endpoint = call->endpoint;
    bool by_token = endpoint->access == SERVE_NODE || endpoint->run == af_serve_login ||
                    endpoint->run == af_serve_ready;
    if (!call->serve->is_front || call->serve->revoking.knows || !by_token)
        return false;
    call->after = then;
    af_serve_hold(call, AF_SERVE_REVOKED_NS, go_on);
    return true;
}

void af_serve_revoking_free(struct af_serve *serve)
{
    for (size_t i = 0; i < serve->revoking.count; i++)
        free(serve->revoking.lost[i].node);
    free(serve->revoking.lost);
}
