/* impl.h: what the files of the service share. Only serve*.c include it. */
#ifndef AF_SERVE_IMPL_H
#define AF_SERVE_IMPL_H

#include "base/arena.h"
#include "base/metrics.h"
#include "bus/bus.h"
#include "http/server.h"
#include "serve/serve.h"
#include "serve/fields.h"
#include "serve/nodes.h"
#include "serve/tokens.h"

#include <stdint.h>
#include <string.h>

#define SERVE_BASE "/fed-service/api/v2"
#define SERVE_BASS "/alpha-med/fed-bass"
#define SERVE_FILES "/files/"
#define SERVE_UI "/ui"

struct serve_call;
struct serve_callers;
struct serve_events;
struct serve_sight;

enum serve_access {
    SERVE_ANYBODY,
    SERVE_NODE,     /* a node that is known */
    SERVE_ADMIN,    /* who has the admin's token */
    SERVE_OPERATOR, /* the admin, or somebody on this machine */
    SERVE_VIEWER,   /* of a page: the admin, by a cookie, too; where nobody has a token, somebody on
                       this machine */
};

enum serve_body { SERVE_BODY_NONE, SERVE_BODY_JSON, SERVE_BODY_PART };

/* The table of endpoints, in serve.c; ends with an empty row. */
struct serve_endpoint {
    const char *name; /* in metrics */
    const char *method;
    const char *path; /* one that ends with / is the beginning of a path */
    const char *cmb;  /* what this field of the query must be, or NULL */
    enum serve_access access;
    enum serve_body body;
    void (*run)(struct serve_call *call);   /* the body is there */
    void (*admit)(struct serve_call *call); /* before a part is taken; or NULL */
    bool is_audited;
};

enum { SERVE_ENDPOINTS_MAX = 40, SERVE_CODES = 12 };

struct serve_counts {
    uint64_t requests[SERVE_ENDPOINTS_MAX + 1][SERVE_CODES]; /* the last: no endpoint */
    struct af_histogram times[SERVE_ENDPOINTS_MAX + 1];
    uint64_t pushed, handed_out, acknowledged;
    uint64_t guesses; /* wrong tokens and passwords */
};

struct serve_guesses { /* wrong tokens of one place */
    int64_t since_ns, count;
};

struct serve_lost { /* a token that our file had */
    unsigned char digest[AF_SERVE_DIGEST_BYTES];
    char *node;
    int looks; /* for so many it has been gone */
};

struct serve_revoking { /* of a front */
    struct serve_lost *lost;
    size_t count, cap;
    unsigned char told[AF_SERVE_DIGEST_BYTES]; /* the bus is being told of it, … */
    bool tells, asks, knows;                   /* … or asked; it has answered */
};

struct af_serve {
    struct af_loop *loop;
    struct af_bus *bus;
    struct af_serve_options options;
    struct af_http_server *http;
    const struct serve_endpoint *endpoints; /* all that is served; its last has no name */
    struct serve_callers *callers;
    const struct serve_nodes *nodes; /* those that they are */
    void (*lost)(struct af_serve *serve, const struct af_serve_token *token); /* revoke.c's */
    struct serve_reading reading;
    struct serve_counts counts;
    struct serve_call *parked;  /* polls that wait */
    struct serve_call *held;    /* by af_serve_hold() */
    struct serve_call *streams; /* of pages */
    size_t held_count;
    int64_t used[AF_SERVE_QUOTAS]; /* by all nodes */
    struct serve_guesses guesses[AF_SERVE_GUESS_PLACES];
    unsigned char guess_key[16];
    int64_t time_s; /* of time_text */
    char time_text[32];
    struct af_audit *audit;     /* or NULL */
    struct serve_sight *sights; /* tasks that pages look at */
    struct serve_refusal *refusals;
    size_t refusal_count;
    struct af_timer *look; /* at files that may have changed */
    int shared_disk;       /* a folder's descriptor, or -1 */
    bool is_loopback, is_stopping;
    bool is_sidecar; /* another service, a hub, is behind the bus */
    bool is_front;   /* other services are beside it, which know what it does */
    struct serve_revoking revoking;
};

/* One exchange. */
struct serve_call {
    struct af_serve *serve;
    struct af_exchange *exchange;
    const struct serve_endpoint *endpoint; /* NULL: none */
    const char *path;                      /* behind the prefix */
    char *prefix_node;                     /* whom the prefix names, or NULL */
    const char *node;                      /* who calls, if known */
    const char *login;                     /* whose the session is that another front has made */
    unsigned char token[AF_SERVE_DIGEST_BYTES]; /* the digest of what it is known by; 0: of none */
    struct serve_node *share;                   /* … and what it has of what all share */
    bool is_admin;
    bool has_waited;       /* for others: its time tells nothing of the service */
    int64_t answer_bytes;  /* of its answer, that its node has not read */
    const char *task;      /* whose it is, for the audit log; or NULL */
    struct af_arena arena; /* all that the call needs */
    void *request;         /* what was read of the body */
    int64_t began_ns;
    struct serve_call *previous, *next; /* of those that are parked, held, or streams */
    /* Of a poll that waits. */
    uint64_t ticket;
    bool is_parked;
    /* Of a page that looks at a task. */
    bool has_row;                /* it was told contracts of the task's, … */
    uint64_t row;                /* … from which on it was told nothing */
    struct serve_events *events; /* of its stream, or NULL; what it is answered goes there: */
    void (*takes)(struct serve_call *call, struct af_buf *text_take);
    /* Of one that is held. */
    struct af_timer *hold; /* NULL: it is not */
    void (*then)(struct serve_call *call);
    void (*after)(struct serve_call *call); /* when it is known what is revoked */
    int64_t late_ns;                        /* that its refusal comes later */
    int late_status;
    struct af_buf late;                  /* the refusal */
    const struct af_bus_take *unwritten; /* what the bus wants to know the fate of, or NULL */
    int fd;                              /* a file that must stay open, or -1 */
};

/* ---- What was answered: counts.c. ---- */

/* The codes that are told apart; the last, -1: any other. */
extern const int af_serve_codes[SERVE_CODES];

/* A call is answered with a code, and audited. */
void af_serve_count(struct serve_call *call, int code);

/* ---- Answers: answer.c. ---- */

/* Begins an envelope: {"code":0,"message":"","data":  ; its data follows, then af_serve_send(). */
struct af_buf af_serve_data(void);
void af_serve_send(struct serve_call *call, struct af_buf *envelope_take);
/* {"task_id": …} */
void af_serve_send_task(struct serve_call *call, const char *task);
/* The task manager's: {"Response":{"Data":{key: value}}} */
void af_serve_send_bass(struct serve_call *call, const char *key, const char *value);
void af_serve_send_text(struct serve_call *call, int status, const char *content_type,
                        struct af_buf *text_take);

/* Whether it came to the task manager, whose answers are other ones. */
static inline bool af_serve_is_bass(const struct serve_call *call)
{
    return strcmp(call->path, SERVE_BASS) == 0;
}

/* An error of the platform's kind (HTTP 200), or with a status of HTTP's own. */
void af_serve_error(struct serve_call *call, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What af_serve_read() complained of. */
void af_serve_malformed(struct serve_call *call);
/* What the bus said no to. */
void af_serve_bus_error(struct serve_call *call, const struct af_bus_result *result);

/* How many were counted. */
uint64_t af_serve_requests(const struct af_serve *serve);

/* Reads the body into a struct of the call's arena, which is zeroed first; NULL: it was answered
 * as malformed. */
void *af_serve_read_body(struct serve_call *call, const struct serve_field *rows, size_t bytes);

/* ---- The audit log: audit.c. ---- */

/* Whether what the call asks for may be done: it can be logged, or need not be. */
bool af_serve_audit_is_ready(const struct serve_call *call);
/* A call is answered with a code. */
void af_serve_audit(struct serve_call *call, int code);
/* Writes refusals that have been counted long enough, or all. */
void af_serve_audit_flush(struct af_serve *serve, bool all);
/* A token of the node is revoked. */
void af_serve_audit_revoked(struct af_serve *serve, const char *node);

/* ---- Who calls: callers.c. ---- */

struct serve_callers *af_serve_callers_new(const struct af_serve_options *options,
                                           struct af_failure *why);
void af_serve_callers_free(struct serve_callers *callers);
size_t af_serve_callers_count(const struct serve_callers *callers); /* tokens */

/* Whether the files of tokens are others than those that were read last; and reads them: -1 with
 * *why filled, and all is as before. */
bool af_serve_callers_changed(const struct serve_callers *callers,
                              const struct af_serve_options *options);
int af_serve_callers_reload(struct af_serve *serve, struct af_failure *why);

const struct serve_nodes *af_serve_nodes_of(const struct serve_callers *callers);

/* The token of this digest, NULL: none is known; whether it is, or the digest is 0: of none. */
const struct af_serve_token *af_serve_find_token(const struct serve_callers *callers,
                                                 const unsigned char *digest);
bool af_serve_token_stands(const struct serve_callers *callers, const unsigned char *digest);

/* Adds one to those that are revoked, whatever the file says; false: it was there. Then the other
 * is to be called, once for all. */
bool af_serve_callers_revoke(struct serve_callers *callers, const unsigned char *digest);
void af_serve_callers_revoked(struct serve_callers *callers);

/* Finds out who calls, and whether that one may; else answers and returns false. */
bool af_serve_identify(struct serve_call *call);

/* Whether a page's call, which was let in, still would be. */
bool af_serve_may_view(const struct serve_call *call);

/* Whether the password is a token of the node; and a new session of it, as text. */
bool af_serve_knows_password(struct serve_call *call, const char *node, const char *password);
void af_serve_session_new(struct serve_call *call, const char *node, char text[65]);

/* Of fronts: keeps a session so that all of them know it; whether the call names one that only
 * another may know, which then is asked for. */
void af_serve_session_keep(struct serve_call *call, const char *node, const char *text,
                           af_bus_done_fn *done);
bool af_serve_session_asked(struct serve_call *call, af_bus_done_fn *done);
void af_serve_session_came(struct serve_call *call, const char *value, size_t len);

/* The same of the address of a node. */
void af_serve_address_ask(struct serve_call *call, const char *node, af_bus_done_fn *done);

/* A pass is what a page's cookie holds: the admin is known by it until it has run out, or has
 * another token. False: the text is not the admin's token. */
enum { SERVE_PASS_TEXT = 96 };
bool af_serve_pass_new(const struct serve_call *call, const char *token,
                       char pass[SERVE_PASS_TEXT]);

/* ---- Tokens that are revoked, of fronts: revoke.c. ---- */

/* Our file has a token no more. */
void af_serve_lost(struct af_serve *serve, const struct af_serve_token *token);
/* Tells the bus of what is lost, and asks it; now and then. */
void af_serve_look_revoked(struct af_serve *serve);
/* Whether the call may be by a token, and the bus has not answered yet: then it goes on later, or
 * is refused. */
bool af_serve_awaits_revoked(struct serve_call *call, void (*then)(struct serve_call *call));
void af_serve_revoking_free(struct af_serve *serve);

/* ---- What a browser has: cookie.c. ---- */

void af_serve_cookie_name(const struct af_serve *serve, char name[32]);

/* The pass that came with the call, for the caller to free; or NULL. */
char *af_serve_cookie(const struct serve_call *call);

/* ---- Pages: ui.c. ---- */

/* Whether a page of ours is where it comes from. */
bool af_serve_ui_is_own_origin(const struct serve_call *call, const char *origin);

/* ---- Contracts as they pass: sight.c. ---- */

/* A push has been taken; a pop or an acknowledgement answered. */
void af_serve_saw_push(struct serve_call *call, const struct af_bus_result *result);
void af_serve_saw_pop(struct serve_call *call, const struct af_bus_result *result);
void af_serve_sights_free(struct af_serve *serve);
/* Whether there are some of the task that the call names that it was not told. */
bool af_serve_sees_more(struct serve_call *call);

/* ---- What pages are told without asking: events.c. ---- */

/* Ends it, if the call is one. Its peer may still be told what it was to be told. */
void af_serve_events_end(struct serve_call *call);
void af_serve_events_free(struct serve_call *call);

/* ---- What callers share: quotas.c. ---- */

int64_t af_serve_quota(const struct af_serve_options *options, enum af_serve_quota which);

/* Whether the caller may have so much more of what all share. */
bool af_serve_has_share(const struct serve_call *call, enum af_serve_quota which, int64_t more);
void af_serve_use(struct af_serve *serve, struct serve_node *share, enum af_serve_quota which,
                  int64_t more);

/* One more request of the caller's: how long it is to wait, 0 or less: not at all. */
int64_t af_serve_request_ns(struct serve_call *call);

/* The limits, and what is used of them: members of an object; and metrics. */
void af_serve_append_quotas(struct af_buf *out, const struct af_serve *serve);
void af_serve_measure_quotas(struct af_buf *out, const struct af_serve *serve);

/* ---- What waits: hold.c. ---- */

void af_serve_list_add(struct serve_call **list, struct serve_call *call);
void af_serve_list_remove(struct serve_call **list, struct serve_call *call);

/* Has the call go on later: then() runs once, at the latest when its peer is gone or the service
 * stops. Nothing of it may have been answered, nor its body be on its way. */
void af_serve_hold(struct serve_call *call, int64_t wait_ns, void (*then)(struct serve_call *call));
/* Has it go on at once, if it is held. */
void af_serve_release(struct serve_call *call);

/* A token, or a password of the node, was wrong: how much later that is to be answered. */
int64_t af_serve_guess_ns(struct serve_call *call, const char *node);

/* ---- What we are called, and proxies: names.c. ---- */

/* Whether a Host says a name or an address of this service. */
bool af_serve_is_our_name(const struct serve_call *call, const char *host);

/* Whether the caller is on this machine itself, and not only a proxy of somebody. */
bool af_serve_is_here(const struct serve_call *call);

/* The caller's numeric address, as a proxy that is believed tells it. Borrowed until the next. */
const char *af_serve_address(struct serve_call *call);

/* Our address as this caller knows it: where its next request will go, too. */
void af_serve_append_base(struct af_buf *out, const struct serve_call *call);

/* The address of a node, as it last called from; or NULL. */
const char *af_serve_address_of(const struct serve_callers *callers, const char *node);

/* ---- Endpoints. ---- */

void af_serve_push(struct serve_call *call);
void af_serve_pop(struct serve_call *call);
void af_serve_ack(struct serve_call *call);
void af_serve_again(struct serve_call *call);       /* of the node's own … */
void af_serve_admin_again(struct serve_call *call); /* … of any node's */
void af_serve_unpark(struct serve_call *call);

/* Ends the waits of those whose token is gone. */
void af_serve_end_polls(struct af_serve *serve);

void af_serve_nodelist(struct serve_call *call);
void af_serve_node_detail(struct serve_call *call);
void af_serve_progress(struct serve_call *call);
void af_serve_result(struct serve_call *call);

/* Where the bus is another service, each node knows its files by another address: in a text, those
 * that this caller knows become the bus' (`outward`), or the bus' become the caller's. */
struct af_json_span af_serve_translate(struct serve_call *call, const char *text, size_t len,
                                       bool outward);

void af_serve_upload(struct serve_call *call);
void af_serve_admit_upload(struct serve_call *call);
void af_serve_download(struct serve_call *call);
void af_serve_open_mock(
    struct af_serve *serve); /* the task of mock uploads, where they are taken */

void af_serve_login(struct serve_call *call);
void af_serve_launch(struct serve_call *call);
void af_serve_open_launches(struct af_serve *serve); /* so that nodes may wait for them */
void af_serve_dataset(struct serve_call *call);
void af_serve_upload_bundle(struct serve_call *call);
/* What the caller has, on the disk, is counted. */
void af_serve_measure_bundles(struct serve_call *call);
/* Keeps one more of the caller's; false: there is no room, even if its older ones go. */
bool af_serve_keep_bundle(struct serve_call *call, const struct af_exchange_part *part);
/* Of fronts: under which it is kept so that all of them can launch what it describes. */
char *af_serve_bundle_key(struct serve_call *call, const char *key);
/* Opens one of the caller's by its key; -1: it has none such. */
int af_serve_open_bundle(const struct serve_call *call, const char *key);
void af_serve_admit_bundle(struct serve_call *call);

void af_serve_create_task(struct serve_call *call);
void af_serve_list_tasks(struct serve_call *call);
void af_serve_show_task(struct serve_call *call);
void af_serve_end_task(struct serve_call *call);
void af_serve_backup(struct serve_call *call);

void af_serve_ui_page(struct serve_call *call);
void af_serve_ui_login(struct serve_call *call);
void af_serve_ui_logout(struct serve_call *call);
void af_serve_ui_audit(struct serve_call *call);
void af_serve_ui_live(struct serve_call *call);
void af_serve_ui_events(struct serve_call *call);

void af_serve_health(struct serve_call *call);
void af_serve_ready(struct serve_call *call);
void af_serve_metrics(struct serve_call *call);
void af_serve_status(struct serve_call *call);

#endif
