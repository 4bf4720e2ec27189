/* hold.c: calls that wait for a while before they go on, or are answered.
 *
 * Who tries tokens is answered later and later: the first wrong one of an address, or for a name,
 * at once, each next one after longer, up to AF_SERVE_GUESS_MAX_NS; it is forgotten while none
 * comes. Only refusals wait, so whoever has a right token is never slowed, whatever comes from the
 * same address. Places are shared by chance: that slows the wrong of another address, and takes no
 * memory however many there are.
 *
 * A node that asks more often than it may has its requests begin later. */
#include "serve/impl.h"

#include "loop/loop.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

/* ---- Calls that are held. ---- */

void af_serve_list_add(struct serve_call **list, struct serve_call *call)
{
    call->previous = NULL;
    call->next = *list;
    if (call->next != NULL)
        call->next->previous = call;
    *list = call;
}

void af_serve_list_remove(struct serve_call **list, struct serve_call *call)
{
    *(call->previous == NULL ? list : &call->previous->next) = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
}

static void go_on(void *arg)
{
    struct serve_call *call = arg;
    call->hold = NULL; /* the loop has freed it */
    call->serve->held_count--;
    af_serve_list_remove(&call->serve->held, call);
    call->then(call);
}

void af_serve_hold(struct serve_call *call, int64_t wait_ns, void (*then)(struct serve_call *call))
{
    struct af_serve *serve = call->serve;
    call->has_waited = true;
    call->then = then;
    call->hold = af_timer_start(serve->loop, serve->is_stopping ? 0 : wait_ns, go_on, call);
    serve->held_count++;
    af_serve_list_add(&serve->held, call);
}

void af_serve_release(struct serve_call *call)
{
    if (call->hold == NULL)
        return;
    af_timer_cancel(call->hold);
    go_on(call);
}

/* ---- Wrong tokens. ---- */

/* Counts one more of the same, and tells how many there were. */
static int64_t count_guess(struct af_serve *serve, const void *bytes, size_t len)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, bytes, len, serve->guess_key, sizeof serve->guess_key);
    struct serve_guesses *place =
        &serve->guesses[(hash[0] + 256U * hash[1]) % AF_SERVE_GUESS_PLACES];
    int64_t now_ns = af_loop_now_ns(serve->loop);
    int64_t forgotten = (now_ns - place->since_ns) / AF_SERVE_GUESS_FORGET_NS;
    int64_t known = place->count > forgotten ? place->count - forgotten : 0;
    place->since_ns = known == 0 ? now_ns : place->since_ns + forgotten * AF_SERVE_GUESS_FORGET_NS;
    place->count = known < AF_SERVE_GUESSES_MAX ? known + 1 : known;
    return known;
}

int64_t af_serve_guess_ns(struct serve_call *call, const char *node)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *from = af_serve_address(call);
    bool is_v6 = inet_pton(AF_INET6, from, address) == 1; /* a network of which is one's */
    int64_t count = is_v6 ? count_guess(call->serve, address, sizeof address / 2)
                          : count_guess(call->serve, from, strlen(from));
    int64_t of_node = node == NULL ? 0 : count_guess(call->serve, node, strlen(node) + 1);
    count = of_node > count ? of_node : count;
    call->serve->counts.guesses++;
    int64_t wait_ns = count * count * AF_MS_NS;
    return wait_ns < AF_SERVE_GUESS_MAX_NS ? wait_ns : AF_SERVE_GUESS_MAX_NS;
}
