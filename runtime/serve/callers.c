/* callers.c: who calls.
 *
 * A token is looked up by its hash under a key that is drawn when the service starts: whoever
 * measures how long that takes learns nothing about the tokens, however the search goes. Sessions
 * of the task manager are kept in the same way, and are forgotten when the service ends. */
#include "serve/impl.h"

#include "base/failure.h"
#include "base/log.h"
#include "loop/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_BYTES = 32, TOKEN_BYTES_MAX = 4096, TOKEN_BYTES_SHORT = 16 };

struct token {
    unsigned char hash[HASH_BYTES];
    char *node;
};

struct session {
    unsigned char hash[HASH_BYTES];
    char *node;
    struct serve_node *share; /* where it is counted */
    int64_t until_ns;
};

struct serve_callers {
    unsigned char key[HASH_BYTES];
    struct token *tokens; /* sorted by their hashes */
    size_t count, cap;
    bool has_admin;
    unsigned char admin[HASH_BYTES];
    struct session *sessions;
    size_t session_count;
    struct serve_nodes nodes;
};

static void hash_token(const struct serve_callers *callers, const char *text, size_t len,
                       unsigned char hash[HASH_BYTES])
{
    crypto_generichash(hash, HASH_BYTES, (const unsigned char *)text, len, callers->key,
                       sizeof callers->key);
}

bool af_serve_is_id(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > AF_BUS_ID_BYTES_MAX || strcmp(text, "*") == 0 ||
        !af_json_is_utf8(text, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            return false;
    return true;
}

/* ---- Files that hold secrets. ---- */

/* Reads a file that others cannot read; the caller wipes and frees the text. */
static char *read_secret(const char *path, size_t max, size_t *len, struct af_failure *why)
{
    struct stat status;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path, "%s", strerror(errno));
    else if (!S_ISREG(status.st_mode) || (size_t)status.st_size > max)
        af_failure_set(why, AF_FAILURE_USAGE, path, "is no file, or too large");
    else if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "holds secrets, and others may read or change it: chmod 600");
    else {
        text = af_mem_zero(1, (size_t)status.st_size + 1);
        ssize_t got = read(fd, text, (size_t)status.st_size);
        *len = got < 0 ? 0 : (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static void forget(char *text, size_t len)
{
    if (text != NULL)
        sodium_memzero(text, len);
    free(text);
}

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(((const struct token *)a)->hash, ((const struct token *)b)->hash, HASH_BYTES);
}

static int fail_line(const char *path, size_t line, const char *message, struct af_failure *why)
{
    char what[200];
    snprintf(what, sizeof what, "%s:%zu", path, line);
    return af_failure_set(why, AF_FAILURE_USAGE, what, "%s", message);
}

/* One line: token, blanks, node. */
static int read_token(struct serve_callers *callers, const char *path, size_t number, char *line,
                      struct af_failure *why)
{
    static const char blanks[] = " \t\r";
    char *token = line + strspn(line, blanks);
    if (*token == '\0' || *token == '#')
        return 0;
    char *node = token + strcspn(token, blanks);
    size_t token_len = (size_t)(node - token);
    node += strspn(node, blanks);
    node[strcspn(node, blanks)] = '\0';
    if (token_len > TOKEN_BYTES_MAX || !af_serve_is_id(node))
        return fail_line(path, number, "expected a token and a node's ID", why);
    if (callers->count >= AF_SERVE_TOKENS_MAX)
        return fail_line(path, number, "too many tokens", why);
    if (token_len < TOKEN_BYTES_SHORT)
        af_log(AF_LOG_WARNING, "%s:%zu: a token so short can be guessed", path, number);
    af_mem_reserve(&callers->tokens, &callers->cap, callers->count + 1, sizeof *callers->tokens);
    struct token *entry = &callers->tokens[callers->count++];
    hash_token(callers, token, token_len, entry->hash);
    entry->node = af_mem_string(node);
    return 0;
}

static int read_tokens(struct serve_callers *callers, const char *path, struct af_failure *why)
{
    size_t len = 0, number = 0;
    char *text = read_secret(path, AF_SERVE_TOKENS_BYTES_MAX, &len, why);
    int result = text == NULL ? -1 : 0;
    if (text != NULL && strlen(text) != len)
        result = af_failure_set(why, AF_FAILURE_USAGE, path, "holds a 0 byte");
    for (char *line = text, *end; result == 0 && line < text + len; line = end + 1) {
        end = line + strcspn(line, "\n");
        *end = '\0';
        result = read_token(callers, path, ++number, line, why);
    }
    forget(text, len);
    if (result != 0)
        return -1;
    if (callers->count > 1)
        qsort(callers->tokens, callers->count, sizeof *callers->tokens, compare_tokens);
    for (size_t i = 1; i < callers->count; i++)
        if (compare_tokens(&callers->tokens[i - 1], &callers->tokens[i]) == 0)
            return af_failure_set(why, AF_FAILURE_USAGE, path,
                                  "gives nodes '%s' and '%s' one token",
                                  callers->tokens[i - 1].node, callers->tokens[i].node);
    return 0;
}

static int read_admin(struct serve_callers *callers, const char *path, struct af_failure *why)
{
    size_t len = 0;
    char *text = read_secret(path, TOKEN_BYTES_MAX, &len, why);
    if (text == NULL)
        return -1;
    size_t token_len = strcspn(text, " \t\r\n");
    bool ok = token_len > 0 && strspn(text + token_len, " \t\r\n") == len - token_len;
    hash_token(callers, text, token_len, callers->admin);
    callers->has_admin = ok;
    forget(text, len);
    return ok ? 0 : af_failure_set(why, AF_FAILURE_USAGE, path, "expected one token");
}

struct serve_callers *af_serve_callers_new(const struct af_serve_options *options,
                                           struct af_failure *why)
{
    struct serve_callers *callers = af_mem_zero(1, sizeof *callers);
    randombytes_buf(callers->key, sizeof callers->key);
    callers->sessions = af_mem_zero(AF_SERVE_SESSIONS_MAX, sizeof *callers->sessions);
    if ((options->tokens == NULL || read_tokens(callers, options->tokens, why) == 0) &&
        (options->admin_token == NULL || read_admin(callers, options->admin_token, why) == 0))
        return callers;
    af_serve_callers_free(callers);
    return NULL;
}

void af_serve_callers_free(struct serve_callers *callers)
{
    if (callers == NULL)
        return;
    for (size_t i = 0; i < callers->count; i++)
        free(callers->tokens[i].node);
    for (size_t i = 0; i < callers->session_count; i++)
        free(callers->sessions[i].node);
    free(callers->tokens);
    free(callers->sessions);
    af_serve_nodes_release(&callers->nodes);
    sodium_memzero(callers, sizeof *callers);
    free(callers);
}

size_t af_serve_callers_count(const struct serve_callers *callers)
{
    return callers->count;
}

/* ---- Looking up. ---- */

static const char *node_of_token(const struct serve_callers *callers, const char *text)
{
    struct token wanted;
    if (callers->count == 0)
        return NULL;
    hash_token(callers, text, strlen(text), wanted.hash);
    const struct token *found =
        bsearch(&wanted, callers->tokens, callers->count, sizeof *callers->tokens, compare_tokens);
    return found == NULL ? NULL : found->node;
}

static bool is_admin(const struct serve_callers *callers, const char *text)
{
    unsigned char hash[HASH_BYTES];
    if (!callers->has_admin)
        return false;
    hash_token(callers, text, strlen(text), hash);
    return sodium_memcmp(hash, callers->admin, HASH_BYTES) == 0;
}

bool af_serve_knows_password(const struct serve_call *call, const char *node, const char *password)
{
    const struct serve_callers *callers = call->serve->callers;
    const char *owner = node_of_token(callers, password);
    if (owner != NULL)
        return strcmp(owner, node) == 0;
    if (callers->count > 0 || !af_serve_is_here(call))
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
    size_t left = AF_SERVE_SESSIONS_MAX - callers->session_count;
    if (share->sessions < left)
        return &callers->sessions[callers->session_count++];
    return find_oldest(callers, share->sessions > 0 ? share : NULL);
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
        session->share->sessions--;
    session->share = share;
    share->sessions++;
    free(session->node);
    session->node = af_mem_string(node);
    session->until_ns = af_loop_now_ns(call->serve->loop) + AF_SERVE_SESSION_S * AF_S_NS;
    hash_token(callers, text, strlen(text), session->hash);
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
    const char *token = bearer_of(call);
    const char *session =
        af_serve_is_bass(call) ? af_exchange_header(call->exchange, "token") : NULL;
    if (session != NULL && session[0] != '\0') {
        /* A copy: a session may be replaced while the call is under way. */
        call->node = af_arena_string(&call->arena, node_of_session(call, session));
        return call->node != NULL || refuse_unknown(call, "the login is not known, or has run out");
    }
    if (token == NULL)
        return true;
    call->is_admin = is_admin(call->serve->callers, token);
    call->node = call->is_admin ? NULL : node_of_token(call->serve->callers, token);
    return call->is_admin || call->node != NULL || refuse_unknown(call, "the token is not known");
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

static bool may(struct serve_call *call)
{
    bool has_admin = call->serve->callers->has_admin;
    switch (call->endpoint->access) {
    case SERVE_ANYBODY:
        return true;
    case SERVE_NODE:
        return call->node != NULL || refuse_unknown(call, "who calls is not known");
    case SERVE_OPERATOR:
        if (call->is_admin || af_serve_is_here(call))
            return true;
        break;
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
        snprintf(call->share->address, sizeof call->share->address, "%s", af_serve_address(call));
    }
    return true;
}
