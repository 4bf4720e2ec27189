/* serve.h: the message service: the platform's federated-service API over a bus.
 *
 * What it speaks, and what it adds to the platform's, is described in README.md. A service knows
 * for each request who calls, by a token, a client's certificate, or, on this machine only, by
 * being the one node it serves or by the path; and it gives the bus that name, so that nobody acts
 * as another. */
#ifndef AF_SERVE_H
#define AF_SERVE_H

#include "base/bounds.h"
#include "serve/quotas.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_bus;
struct af_failure;
struct af_loop;
struct af_serve;

struct af_serve_list {
    const char *items[AF_SERVE_NAMES_MAX];
    size_t count;
};

struct af_serve_options { /* borrowed as long as the service lives; NULL: not given */
    const char *listen;
    const char *certificate, *key, *client_ca, *client_crl;
    const char *tokens;              /* a file of `token node-id` lines */
    const char *admin_token;         /* a file that holds one */
    const char *node;                /* who calls without a token */
    bool prefix_nodes;               /* /node/<id>/… names who calls without a token */
    const char *files;               /* a folder that is there, where the bus keeps files too */
    const char *shared_disk;         /* a folder of which uploads may name a file */
    const char *audit;               /* a log of what was done by whom, or NULL */
    const char *backups;             /* a folder for copies of the bus, or NULL */
    bool mock_uploads;               /* take what the platform's client uploads in its mock mode */
    const char *bus_name;            /* for people */
    struct af_serve_list hosts;      /* names it goes by, beside those it has anyway */
    struct af_serve_list proxies;    /* addresses of proxies that are believed */
    int64_t quotas[AF_SERVE_QUOTAS]; /* 0: as usual */
    int64_t hold_ns;                 /* how long a plain poll is held where nothing is there */
};

/* Options' setters: one more name, or address; the value is borrowed. Return 0, or -1 with *why
 * filled: it is none, or there are too many. */
int af_serve_add_host(void *list, const char *value, struct af_failure *why);
int af_serve_add_proxy(void *list, const char *value, struct af_failure *why);

/* Begins to serve. Returns NULL with *why filled: nobody could call, or everybody beyond this
 * machine could, a file cannot be read, the address is taken. */
struct af_serve *af_serve_new(struct af_loop *loop, struct af_bus *bus,
                              const struct af_serve_options *options, struct af_failure *why);

/* Where it listens. Borrowed. */
const char *af_serve_url(const struct af_serve *serve);

/* What it listens at, which bus it serves and how callers are known, as one line. The caller frees
 * it. */
char *af_serve_describe(const struct af_serve *serve);

/* Reads the files of tokens again: whose token is gone is known no more, its logins and waits end.
 * Where a file cannot be read, all stays as it is, which is told. Files that change are read again
 * by themselves, within AF_SERVE_LOOK_NS. */
void af_serve_reload(struct af_serve *serve);

/* Takes no more calls, ends polls that wait with an empty answer, finishes what is being answered,
 * and then calls done. */
void af_serve_stop(struct af_serve *serve, void (*done)(void *arg), void *arg);

/* The platform's number of a role: 1 for the initiator or, in a task without one, the aggregator;
 * else 2; 0 for none. */
int af_serve_role_number(const char *role, bool has_initiator);

/* The bus must be closed before, so that nothing waits for it any more. */
void af_serve_free(struct af_serve *serve);

#endif
