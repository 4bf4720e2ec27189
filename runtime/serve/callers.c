/* callers.c: who calls.
 *
 * A token is looked up by its hash under a key that is drawn when the service starts: whoever
 * measures how long that takes learns nothing about the tokens, however the search goes. Sessions
 * of the task manager are kept in the same way, and are forgotten when the service ends. */
#include "serve/impl.h"

#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "loop/loop.h"
#include "serve/tokens.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { HASH_BYTES = 32, ADMIN_BYTES_MAX = 4096 };

static const char pass_words[] = "the passes of afrun's pages";

struct token {
    unsigned char hash[HASH_BYTES];
    const struct af_serve_token *is;
};

struct session {
    unsigned char hash[HASH_BYTES];
    unsigned char digest[AF_SERVE_DIGEST_BYTES]; /* of the token that it is by; 0: of none */
    char *node;
    struct serve_node *share; /* where it is counted */
    int64_t until_ns;
};

/* What the files say; read anew when they change. */
struct secrets {
    struct af_serve_tokens read;
    struct token *tokens; /* sorted by their hashes; NULL: there is no file of them */
    const char **nodes;   /* sorted */
    size_t count;         /* of both: those that are not revoked */
    bool has_admin;
    unsigned char admin[HASH_BYTES];
    unsigned char pass_key[HASH_BYTES];  /* made of the admin's token alone */
    struct stat tokens_file, admin_file; /* as they were */
};

struct serve_callers {
    unsigned char key[HASH_BYTES];
    struct secrets secrets;
    unsigned char (*revoked)[AF_SERVE_DIGEST_BYTES]; /* of fronts: sorted, then the new ones */
    size_t revoked_count, revoked_new, revoked_cap;
    struct session *sessions;
    size_t session_count, sessions_max;
    struct serve_nodes nodes;
};

static void hash_token(const struct serve_callers *callers, const char *text, size_t len,
                       unsigned char hash[HASH_BYTES])
{
    crypto_generichash(hash, HASH_BYTES, (const unsigned char *)text, len, callers->key,
                       sizeof callers->key);
}

/* ---- Files that hold secrets. ---- */

static void hash_digest(const struct serve_callers *callers, const unsigned char *digest,
                        unsigned char hash[HASH_BYTES])
{
    hash_token(callers, (const char *)digest, AF_SERVE_DIGEST_BYTES, hash);
}

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(((const struct token *)a)->hash, ((const struct token *)b)->hash, HASH_BYTES);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, AF_SERVE_DIGEST_BYTES);
}

static bool is_revoked(const struct serve_callers *callers, const unsigned char *digest)
{
    return callers->revoked_count > 0 && bsearch(digest, callers->revoked, callers->revoked_count,
                                                 sizeof *callers->revoked, compare_digests) != NULL;
}

/* The file's tokens, without those that are revoked. */
static void sort_tokens(const struct serve_callers *callers, struct secrets *secrets)
{
    size_t count = 0;
    for (size_t i = 0; i < secrets->read.count; i++) {
        const struct af_serve_token *token = &secrets->read.items[i];
        if (is_revoked(callers, token->digest))
            continue;
        secrets->tokens[count].is = token;
        secrets->nodes[count] = token->node;
        hash_digest(callers, token->digest, secrets->tokens[count++].hash);
    }
    secrets->count = count;
    qsort(secrets->nodes, count, sizeof(const char *), compare_names);
    qsort(secrets->tokens, count, sizeof *secrets->tokens, compare_tokens);
}

static int read_tokens(const struct serve_callers *callers, struct secrets *secrets,
                       const char *path, struct af_failure *why)
{
    stat(path, &secrets->tokens_file);
    if (af_serve_tokens_read(&secrets->read, path, why) != 0)
        return -1;
    secrets->tokens = af_mem_zero(secrets->read.count + 1, sizeof *secrets->tokens);
    secrets->nodes = af_mem_zero(secrets->read.count + 1, sizeof(const char *));
    sort_tokens(callers, secrets);
    return 0;
}

static int read_admin(const struct serve_callers *callers, struct secrets *secrets,
                      const char *path, struct af_failure *why)
{
    size_t len = 0;
    stat(path, &secrets->admin_file);
    char *text = af_serve_secret_read(path, ADMIN_BYTES_MAX, &len, why);
    if (text == NULL)
        return -1;
    size_t token_len = strcspn(text, " \t\r\n");
    bool ok = token_len > 0 && strspn(text + token_len, " \t\r\n") == len - token_len;
    hash_token(callers, text, token_len, secrets->admin);
    crypto_generichash(secrets->pass_key, HASH_BYTES, (const unsigned char *)text, token_len,
                       (const unsigned char *)pass_words, sizeof pass_words);
    secrets->has_admin = ok;
    af_serve_secret_free(text, len);
    return ok ? 0 : af_failure_set(why, AF_FAILURE_USAGE, path, "expected one token");
}

static int read_secrets(const struct serve_callers *callers, struct secrets *secrets,
                        const struct af_serve_options *options, struct af_failure *why)
{
    memset(secrets, 0, sizeof *secrets);
    return (options->tokens == NULL || read_tokens(callers, secrets, options->tokens, why) == 0) &&
                   (options->admin_token == NULL ||
                    read_admin(callers, secrets, options->admin_token, why) == 0)
               ? 0
               : -1;
}

static void release_secrets(struct secrets *secrets)
{
    af_serve_tokens_release(&secrets->read);
    free(secrets->tokens);
    free(secrets->nodes);
    sodium_memzero(secrets, sizeof *secrets);
}

struct serve_callers *af_serve_callers_new(const struct af_serve_options *options,
                                           struct af_failure *why)
{
    struct serve_callers *callers = af_mem_zero(1, sizeof *callers);
    randombytes_buf(callers->key, sizeof callers->key);
    callers->sessions_max = (size_t)af_serve_quota(options, AF_SERVE_LOGINS);
    callers->sessions = af_mem_zero(callers->sessions_max, sizeof *callers->sessions);
    if (read_secrets(callers, &callers->secrets, options, why) == 0)
        return callers;
    af_serve_callers_free(callers);
    return NULL;
}

void af_serve_callers_free(struct serve_callers *callers)
{
    if (callers == NULL)
        return;
    for (size_t i = 0; i < callers->session_count; i++)
        free(callers->sessions[i].node);
    release_secrets(&callers->secrets);
    free(callers->revoked);
    free(callers->sessions);
    af_serve_nodes_release(&callers->nodes);
    sodium_memzero(callers, sizeof *callers);
    free(callers);
}

size_t af_serve_callers_count(const struct serve_callers *callers)
{
    return callers->secrets.count;
}

/* ---- Files that have changed. ---- */

static const struct af_serve_token *find_token(const struct serve_callers *callers,
                                               const struct secrets *secrets,
                                               const unsigned char *digest)
{
    struct token wanted;
    if (secrets->tokens == NULL)
        return NULL;
    hash_digest(callers, digest, wanted.hash);
    const struct token *found =
        bsearch(&wanted, secrets->tokens, secrets->count, sizeof wanted, compare_tokens);
    return found == NULL ? NULL : found->is;
}

const struct af_serve_token *af_serve_find_token(const struct serve_callers *callers,
                                                 const unsigned char *digest)
{
    return find_token(callers, &callers->secrets, digest);
}

bool af_serve_token_stands(const struct serve_callers *callers, const unsigned char *digest)
{
    return sodium_is_zero(digest, AF_SERVE_DIGEST_BYTES) ||
           af_serve_find_token(callers, digest) != NULL;
}

/* A login is by a token: it ends with it. */
static void end_sessions(struct serve_callers *callers)
{
    for (size_t i = 0; i < callers->session_count; i++)
        if (!af_serve_token_stands(callers, callers->sessions[i].digest))
            callers->sessions[i].until_ns = 0;
}

bool af_serve_callers_revoke(struct serve_callers *callers, const unsigned char *digest)
{
    if (is_revoked(callers, digest))
        return false;
    size_t count = callers->revoked_count + callers->revoked_new++;
    af_mem_reserve(&callers->revoked, &callers->revoked_cap, count + 1, sizeof *callers->revoked);
    memcpy(callers->revoked[count], digest, AF_SERVE_DIGEST_BYTES);
    return true;
}

void af_serve_callers_revoked(struct serve_callers *callers)
{
    callers->revoked_count += callers->revoked_new;
    callers->revoked_new = 0;
    if (callers->revoked_count > 0)
        qsort(callers->revoked, callers->revoked_count, sizeof *callers->revoked, compare_digests);
    if (callers->secrets.tokens != NULL)
        sort_tokens(callers, &callers->secrets);
    end_sessions(callers);
}

bool af_serve_callers_changed(const struct serve_callers *callers,
                              const struct af_serve_options *options)
{
    return !af_io_is_same_file(options->tokens, &callers->secrets.tokens_file) ||
           !af_io_is_same_file(options->admin_token, &callers->secrets.admin_file);
}

int af_serve_callers_reload(struct af_serve *serve, struct af_failure *why)
{
    struct serve_callers *callers = serve->callers;
    struct secrets read;
    if (read_secrets(callers, &read, &serve->options, why) != 0) {
        callers->secrets.tokens_file = read.tokens_file; /* until it changes again */
        callers->secrets.admin_file = read.admin_file;
        release_secrets(&read);
        return -1;
    }
    for (size_t i = 0; i < callers->secrets.count; i++)
        if (find_token(callers, &read, callers->secrets.tokens[i].is->digest) == NULL)
            serve->lost(serve, callers->secrets.tokens[i].is);
    release_secrets(&callers->secrets);
    callers->secrets = read;
    end_sessions(callers);
    return 0;
}

/* ---- Looking up. ---- */

/* The node of a token, which the call is known by then, or NULL; *is_over: it is known, but has run
 * out. */
static const char *node_of_token(struct serve_call *call, const char *text, bool *is_over)
{
    unsigned char digest[AF_SERVE_DIGEST_BYTES];
    *is_over = false;
    af_serve_token_digest(text, strlen(text), digest);
    const struct af_serve_token *found = af_serve_find_token(call->serve->callers, digest);
    if (found == NULL)
        return NULL;
    int64_t now_s = af_loop_wall_ns(call->serve->loop) / AF_S_NS;
    *is_over = found->expires_s != 0 && found->expires_s <= now_s;
    if (*is_over)
        return NULL;
    memcpy(call->token, digest, sizeof digest);
    return found->node;
}

static bool is_admin(const struct serve_callers *callers, const char *text)
{
    unsigned char hash[HASH_BYTES];
    if (!callers->secrets.has_admin)
        return false;
    hash_token(callers, text, strlen(text), hash);
    return sodium_memcmp(hash, callers->secrets.admin, HASH_BYTES) == 0;
}

/* A pass is the second when it runs out, and that text's hash. */
static void write_pass(const struct serve_callers *callers, int64_t until_s,
                       char pass[SERVE_PASS_TEXT])
{
    unsigned char hash[HASH_BYTES];
    size_t len = (size_t)snprintf(pass, SERVE_PASS_TEXT, "%lld", (long long)until_s);
    crypto_generichash(hash, sizeof hash, (const unsigned char *)pass, len,
                       callers->secrets.pass_key, HASH_BYTES);
    pass[len] = '.';
    sodium_bin2hex(pass + len + 1, SERVE_PASS_TEXT - len - 1, hash, sizeof hash);
}

bool af_serve_pass_new(const struct serve_call *call, const char *token, char pass[SERVE_PASS_TEXT])
{
    int64_t now_s = af_loop_wall_ns(call->serve->loop) / AF_S_NS;
    if (!is_admin(call->serve->callers, token))
        return false;
    write_pass(call->serve->callers, now_s + AF_SERVE_SESSION_S, pass);
    return true;
}

static bool knows_pass(const struct serve_call *call, const char *pass)
{
    const struct serve_callers *callers = call->serve->callers;
    char own[SERVE_PASS_TEXT];
    int64_t until_s = strtoll(pass, NULL, 10), now_s = af_loop_wall_ns(call->serve->loop) / AF_S_NS;
    if (!callers->secrets.has_admin || until_s <= now_s)
        return false;
    write_pass(callers, until_s, own);
    return strlen(pass) == strlen(own) && sodium_memcmp(pass, own, strlen(own)) == 0;
}

/* Whether it comes from a page of ours whose user is the admin. */
static bool is_page(const struct serve_call *call)
{
    char *pass = af_serve_cookie(call);
    bool knows = pass != NULL && knows_pass(call, pass);
    free(pass);
    return knows;
}

bool af_serve_knows_password(struct serve_call *call, const char *node, const char *password)
{
    const struct serve_callers *callers = call->serve->callers;
    bool is_over;
    const char *owner = node_of_token(call, password, &is_over);
    if (owner != NULL)
        return strcmp(owner, node) == 0;
    if (callers->secrets.tokens != NULL || !af_serve_is_here(call))
        return false;
    const char *own = call->serve->options.node; /* nobody has a token: whoever is here is known */
    return own != NULL ? strcmp(own, node) == 0 : call->serve->options.prefix_nodes;
}

/* The oldest session, of those of one node if it is given; NULL: there is none. */
static struct session *find_oldest(struct serve_callers *callers, const struct serve_node *of)
{
    struct session *oldest = NULL;
    for (size_t i = 0; i < callers->session_count; i++) {
        struct session *session = &callers->sessions[i];
        if ((of == NULL || session->share == of) &&
            (oldest == NULL || session->until_ns < oldest->until_ns))
            oldest = session;
    }
    return oldest;
}

/* Where a session of the node goes: whoever has its share loses its own oldest. */
static struct session *place_session(struct serve_callers *callers, const struct serve_node *share)
{
    int64_t left = (int64_t)(callers->sessions_max - callers->session_count);
    if (share->used[AF_SERVE_LOGINS] < left)
        return &callers->sessions[callers->session_count++];
    return find_oldest(callers, share->used[AF_SERVE_LOGINS] > 0 ? share : NULL);
}

void af_serve_session_new(struct serve_call *call, const char *node, char text[65])
{
    struct serve_callers *callers = call->serve->callers;
    struct serve_node *share = af_serve_nodes_get(&callers->nodes, node);
    unsigned char secret[HASH_BYTES];
    randombytes_buf(secret, sizeof secret);
    sodium_bin2hex(text, 65, secret, sizeof secret);
    struct session *session = place_session(callers, share);
    if (session->share != NULL)
        af_serve_use(call->serve, session->share, AF_SERVE_LOGINS, -1);
    session->share = share;
    af_serve_use(call->serve, share, AF_SERVE_LOGINS, 1);
    free(session->node);
    session->node = af_mem_string(node);
    memcpy(session->digest, call->token, sizeof session->digest);
    session->until_ns = af_loop_now_ns(call->serve->loop) + AF_SERVE_SESSION_S * AF_S_NS;
    hash_token(callers, text, strlen(text), session->hash);
}

/* The session that the call names, or NULL. */
static const char *session_of(const struct serve_call *call)
{
    const char *text = af_serve_is_bass(call) ? af_exchange_header(call->exchange, "token") : NULL;
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const char *node_of_session(const struct serve_call *call, const char *text)
{
    const struct serve_callers *callers = call->serve->callers;
    unsigned char hash[HASH_BYTES];
    hash_token(callers, text, strlen(text), hash);
    for (size_t i = 0; i < callers->session_count; i++)
        if (sodium_memcmp(hash, callers->sessions[i].hash, HASH_BYTES) == 0)
            return callers->sessions[i].until_ns > af_loop_now_ns(call->serve->loop)
                       ? callers->sessions[i].node
                       : NULL;
    return NULL;
}

/* ---- What all fronts know: by the digest of a session, whose it is; where a node is. ----
 *
 * A session's value is the digest of the token that it is by, in hexadecimal, and its node. */

enum { HEX_BYTES = 2 * AF_SERVE_DIGEST_BYTES };

static const char *session_key(struct serve_call *call, const char *text)
{
    char digest[AF_SHA256_HEX_BYTES], key[AF_SHA256_HEX_BYTES + 8];
    af_sha256_of(text, strlen(text), digest);
    snprintf(key, sizeof key, "session-%s", digest);
    return af_arena_string(&call->arena, key);
}

void af_serve_session_keep(struct serve_call *call, const char *node, const char *text,
                           af_bus_done_fn *done)
{
    size_t len = HEX_BYTES + 1 + strlen(node);
    char *value = af_arena_alloc(&call->arena, len + 1);
    sodium_bin2hex(value, HEX_BYTES + 1, call->token, sizeof call->token);
    snprintf(value + HEX_BYTES, len + 1 - HEX_BYTES, " %s", node);
    af_bus_put_value(call->serve->bus, session_key(call, text), value, len, done, call);
}

void af_serve_session_came(struct serve_call *call, const char *value, size_t len)
{
    const struct secrets *secrets = &call->serve->callers->secrets;
    unsigned char digest[AF_SERVE_DIGEST_BYTES];
    size_t bytes = 0;
    const char *node = len < HEX_BYTES + 1 ? ""
                                           : af_arena_copy(&call->arena, value + HEX_BYTES + 1,
                                                           len - HEX_BYTES - 1);
    if (af_serve_is_id(node) && value[HEX_BYTES] == ' ' &&
        sodium_hex2bin(digest, sizeof digest, value, HEX_BYTES, NULL, &bytes, NULL) == 0 &&
        bytes == sizeof digest && !is_revoked(call->serve->callers, digest) &&
        (secrets->tokens == NULL ||
         bsearch(&node, secrets->nodes, secrets->count, sizeof node, compare_names) != NULL))
        call->login = node;
}

bool af_serve_session_asked(struct serve_call *call, af_bus_done_fn *done)
{
    const char *text = session_of(call);
    if (!call->serve->is_front || text == NULL || node_of_session(call, text) != NULL)
        return false;
    af_bus_get_value(call->serve->bus, session_key(call, text), done, call);
    return true;
}

static const char *address_key(struct serve_call *call, const char *node)
{
    size_t size = strlen(node) + 9;
    char *key = af_arena_alloc(&call->arena, size);
    snprintf(key, size, "address %s", node);
    return key;
}

static void nobody_waits(void *arg, const struct af_bus_result *result)
{
    (void)arg;
    (void)result;
}

static void note_address(struct serve_call *call)
{
    struct serve_node *share = call->share;
    const char *address = af_serve_address(call);
    bool same = strcmp(share->address, address) == 0;
    snprintf(share->address, sizeof share->address, "%s", address);
    if (call->serve->is_front && !same)
        af_bus_put_value(call->serve->bus, address_key(call, call->node), share->address,
                         strlen(share->address), nobody_waits, NULL);
}

void af_serve_address_ask(struct serve_call *call, const char *node, af_bus_done_fn *done)
{
    af_bus_get_value(call->serve->bus, address_key(call, node), done, call);
}

const struct serve_nodes *af_serve_nodes_of(const struct serve_callers *callers)
{
    return &callers->nodes;
}

const char *af_serve_address_of(const struct serve_callers *callers, const char *node)
{
    const struct serve_node *known = af_serve_nodes_find(&callers->nodes, node);
    return known == NULL || known->address[0] == '\0' ? NULL : known->address;
}

/* ---- Who calls. ---- */

static bool refuse_unknown(struct serve_call *call, const char *why)
{
    af_serve_error(call, 401, 401, "%s", why);
    return false;
}

/* Whoever goes on trying hears of it later and later. */
static bool refuse_guess(struct serve_call *call, const char *why)
{
    call->late_ns = af_serve_guess_ns(call, NULL);
    return refuse_unknown(call, why);
}

/* The text behind `Authorization: Bearer`, or NULL. */
static const char *bearer_of(const struct serve_call *call)
{
    const char *header = af_exchange_header(call->exchange, "Authorization");
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    return header + 7 + strspn(header + 7, " ");
}

/* By a token: sets node or is_admin. Returns false if it was answered. */
static bool identify_by_token(struct serve_call *call)
{
    const char *token = bearer_of(call), *session = session_of(call);
    if (session != NULL) {
        /* A copy: a session may be replaced while the call is under way. */
        const char *node = node_of_session(call, session);
        call->node = af_arena_string(&call->arena, node == NULL ? call->login : node);
        return call->node != NULL || refuse_guess(call, "the login is not known, or has run out");
    }
    if (token == NULL) {
        call->is_admin = call->endpoint->access == SERVE_VIEWER && is_page(call);
        return true;
    }
    call->is_admin = is_admin(call->serve->callers, token);
    bool is_over = false;
    if (!call->is_admin) /* a copy: the files may change while the call is under way */
        call->node = af_arena_string(&call->arena, node_of_token(call, token, &is_over));
    if (call->is_admin || call->node != NULL)
        return true;
    return is_over ? refuse_unknown(call, "the token has run out")
                   : refuse_guess(call, "the token is not known");
}

static bool identify_by_certificate(struct serve_call *call)
{
    const char *name = af_exchange_peer_name(call->exchange);
    if (af_exchange_peer_is_false(call->exchange))
        return refuse_unknown(call, "the certificate is not to be trusted, or names no one node");
    if (name == NULL || call->is_admin)
        return true;
    if (call->node != NULL && strcmp(call->node, name) != 0)
        return refuse_unknown(call, "token and certificate name two nodes");
    if (call->node == NULL && !af_serve_is_id(name))
        return refuse_unknown(call, "the certificate's name is no node's ID");
    call->node = name;
    return true;
}

static bool identify_by_place(struct serve_call *call)
{
    const struct af_serve_options *options = &call->serve->options;
    bool is_local = af_serve_is_here(call);
    if (call->prefix_node != NULL) {
        if (call->node != NULL && strcmp(call->node, call->prefix_node) != 0) {
            af_serve_error(call, 403, 403, "the path names another node than the caller");
            return false;
        }
        if (call->node == NULL && is_local && !call->is_admin)
            call->node = call->prefix_node;
    } else if (call->node == NULL && is_local && !call->is_admin) {
        call->node = options->node;
    }
    return true;
}

/* Nobody has a token or a certificate here, and the caller is on this machine. */
static bool is_open_to(const struct serve_call *call)
{
    const struct af_serve_options *options = &call->serve->options;
    return !call->serve->callers->secrets.has_admin && options->tokens == NULL &&
           options->client_ca == NULL && af_serve_is_here(call);
}

bool af_serve_may_view(const struct serve_call *call)
{
    const char *token = bearer_of(call);
    return is_open_to(call) ||
           (token == NULL ? is_page(call) : is_admin(call->serve->callers, token));
}

static bool may(struct serve_call *call)
{
    bool has_admin = call->serve->callers->secrets.has_admin;
    switch (call->endpoint->access) {
    case SERVE_ANYBODY:
        return true;
    case SERVE_NODE:
        return call->node != NULL || refuse_unknown(call, "who calls is not known");
    case SERVE_OPERATOR:
        if (call->is_admin || af_serve_is_here(call))
            return true;
        break;
    case SERVE_VIEWER:
        if (is_open_to(call))
            return true;
        __attribute__((fallthrough));
    case SERVE_ADMIN:
        if (call->is_admin)
            return true;
        break;
    }
    if (!has_admin)
        af_serve_error(call, 403, 403, "this service has no admin (--admin-token)");
    else
        af_serve_error(call, call->node == NULL ? 401 : 403, call->node == NULL ? 401 : 403,
                       "this is for the admin");
    return false;
}

/* A client of ours says which node it means to be: another's token is a mistake of its operator. */
static bool is_who_it_means(struct serve_call *call)
{
    const char *meant = af_exchange_header(call->exchange, "Afrun-Node");
    if (meant == NULL || call->node == NULL || strcmp(meant, call->node) == 0)
        return true;
    af_serve_error(call, 403, 403, "the caller is known as '%s', but means to be '%s'", call->node,
                   meant);
    return false;
}

bool af_serve_identify(struct serve_call *call)
{
    if (!identify_by_token(call) || !identify_by_certificate(call) || !identify_by_place(call) ||
        !may(call) || !is_who_it_means(call))
        return false;
    if (call->node != NULL) {
        call->share = af_serve_nodes_get(&call->serve->callers->nodes, call->node);
        call->share->used[AF_SERVE_CONNECTIONS]++;
        if (call->share->address[0] == '\0')
            af_serve_measure_bundles(call);
        note_address(call);
    }
    return true;
}
