/* tls.c: the service's certificate, and whose certificates it believes; read again while it runs.
 *
 * The library asks us for the certificate at each handshake, and may look at it until that is over:
 * one that was replaced is kept for so long. It asks a client for a certificate, but lets it in
 * whatever it shows, or with none: tls_peer.c verifies it by what is here. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_BYTES_MAX = 1 << 20, CHAIN_MAX = 16, FILES = 4 };

/* What a service shows. */
struct identity {
    struct identity *older;
    int64_t left_ns; /* when it was replaced */
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
};

struct http_tls {
    struct af_loop *loop;
    struct identity *identity; /* the newest first */
    gnutls_x509_trust_list_t clients;
    char *client_ca; /* the library's: whom it asks clients for */
    struct stat files[FILES];
};

/* Forward secrecy and authenticated encryption only. */
static const char ciphers[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"
    "+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE";

/* The library has no place for an argument of its question, so one service of a process has
 * certificates. */
static struct http_tls *asked;

/* ---- Files. ---- */

static char *read_all(int fd, const struct stat *status, const char *path, struct af_failure *why)
{
    if (!S_ISREG(status->st_mode) || status->st_size > PEM_BYTES_MAX) {
        af_failure_set(why, AF_FAILURE_USAGE, path, "is no PEM file");
        return NULL;
    }
    char *text = af_mem_zero(1, (size_t)status->st_size + 1);
    if (af_io_read(fd, text, (size_t)status->st_size) == status->st_size)
        return text;
    af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be read");
    free(text);
    return NULL;
}

static char *read_pem(const char *path, bool is_secret, struct af_failure *why)
{
    char *text = NULL;
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path, "%s", strerror(errno));
    else if (is_secret && (status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "holds a secret, and others may read or change it: chmod 600");
    else
        text = read_all(fd, &status, path, why);
    if (fd >= 0)
        close(fd);
    return text;
}

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

static int fail(const char *path, int error, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_USAGE, path, "cannot be used: %s",
                          af_gnutls_strerror(error));
}

/* ---- What is shown. ---- */

static void identity_free(struct identity *identity)
{
    for (unsigned i = 0; i < identity->count; i++)
        af_gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key != NULL)
        af_gnutls_privkey_deinit(identity->key);
    free(identity);
}

/* Whether the certificate is of this key. */
static int check_pair(const struct identity *identity)
{
    unsigned char ids[2][64];
    size_t lens[2] = {sizeof ids[0], sizeof ids[1]};
    gnutls_pubkey_t public = NULL;
    int error = af_gnutls_pubkey_init(&public);
    if (error < 0)
        return error;
    error = af_gnutls_pubkey_import_privkey(public, identity->key, 0, 0);
    if (error >= 0)
        error = af_gnutls_pubkey_get_key_id(public, 0, ids[0], &lens[0]);
    if (error >= 0)
        error = af_gnutls_pubkey_get_key_id(identity->chain[0].pubkey, 0, ids[1], &lens[1]);
    if (error >= 0 && (lens[0] != lens[1] || memcmp(ids[0], ids[1], lens[0]) != 0))
        error = GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
    af_gnutls_pubkey_deinit(public);
    return error;
}

static int import(struct identity *identity, const char *certificate, const char *key)
{
    gnutls_datum_t certificates = datum(certificate), secret = datum(key);
    unsigned count = CHAIN_MAX;
    int error = af_gnutls_pcert_list_import_x509_raw(identity->chain, &count, &certificates,
                                                     GNUTLS_X509_FMT_PEM, 0);
    if (error < 0)
        return error;
    identity->count = count;
    if (count == 0)
        return GNUTLS_E_NO_CERTIFICATE_FOUND;
    error = af_gnutls_privkey_init(&identity->key);
    if (error >= 0)
        error =
            af_gnutls_privkey_import_x509_raw(identity->key, &secret, GNUTLS_X509_FMT_PEM, NULL, 0);
    return error < 0 ? error : check_pair(identity);
}

static struct identity *read_identity(const struct af_http_server_options *options,
                                      struct af_failure *why)
{
    struct identity *identity = af_mem_zero(1, sizeof *identity);
    char *certificate = read_pem(options->certificate, false, why);
    char *key = certificate == NULL ? NULL : read_pem(options->key, true, why);
    int error = key == NULL ? 0 : import(identity, certificate, key);
    if (error < 0)
        fail(options->certificate, error, why);
    if (key != NULL)
        sodium_memzero(key, strlen(key));
    free(certificate);
    free(key);
    if (key != NULL && error >= 0)
        return identity;
    identity_free(identity);
    return NULL;
}

/* The library's question. What it is given must stay while the handshake goes on. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                    gnutls_pcert_st **chain, unsigned *chain_count, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)count, (void)algorithms, (void)algorithm_count;
    *chain = asked->identity->chain;
    *chain_count = asked->identity->count;
    *key = asked->identity->key;
    return 0;
}

/* What was replaced so long ago that no handshake can look at it any more. */
static void forget_old(struct http_tls *tls)
{
    int64_t now_ns = af_loop_now_ns(tls->loop);
    for (struct identity **at = &tls->identity->older; *at != NULL;) {
        struct identity *old = *at;
        if (now_ns - old->left_ns > 2 * AF_HTTP_IDLE_S * AF_S_NS) {
            *at = old->older;
            identity_free(old);
        } else {
            at = &old->older;
        }
    }
}

/* ---- Who is believed. ---- */

static int add_clients(gnutls_x509_trust_list_t list, const struct af_http_server_options *options,
                       const char *ca, const char *crl, struct af_failure *why)
{
    gnutls_datum_t authorities = datum(ca);
    int count = af_gnutls_x509_trust_list_add_trust_mem(list, &authorities, NULL,
                                                        GNUTLS_X509_FMT_PEM, 0, 0);
    if (count <= 0)
        return fail(options->client_ca, count < 0 ? count : GNUTLS_E_NO_CERTIFICATE_FOUND, why);
    if (crl == NULL)
        return 0;
    gnutls_datum_t revoked = datum(crl);
    count = af_gnutls_x509_trust_list_add_trust_mem(list, NULL, &revoked, GNUTLS_X509_FMT_PEM,
                                                    GNUTLS_TL_VERIFY_CRL, 0);
    return count > 0
               ? 0
               : fail(options->client_crl, count < 0 ? count : GNUTLS_E_NO_CERTIFICATE_FOUND, why);
}

/* *list stays NULL where no certificate is asked for. *ca is the caller's to free. */
static int read_clients(const struct af_http_server_options *options, char **ca,
                        gnutls_x509_trust_list_t *list, struct af_failure *why)
{
    char *crl = NULL;
    if (options->client_ca == NULL)
        return 0;
    *ca = read_pem(options->client_ca, false, why);
    if (*ca == NULL)
        return -1;
    if (options->client_crl != NULL && (crl = read_pem(options->client_crl, false, why)) == NULL)
        return -1;
    int result = af_gnutls_x509_trust_list_init(list, 0) == 0
                     ? add_clients(*list, options, *ca, crl, why)
                     : fail(options->client_ca, GNUTLS_E_MEMORY_ERROR, why);
    free(crl);
    return result;
}

static void clients_free(gnutls_x509_trust_list_t list)
{
    if (list != NULL)
        af_gnutls_x509_trust_list_deinit(list, 1);
}

gnutls_x509_trust_list_t af_http_tls_clients(const struct af_http_server *server)
{
    return server->tls == NULL ? NULL : server->tls->clients;
}

/* ---- All of it. ---- */

static void paths_of(const struct af_http_server *server, const char *paths[FILES])
{
    const struct af_http_server_options *options = &server->options;
    paths[0] = options->certificate;
    paths[1] = options->key;
    paths[2] = options->client_ca;
    paths[3] = options->client_crl;
}

static void look_at(const struct af_http_server *server, struct stat files[FILES])
{
    const char *paths[FILES];
    paths_of(server, paths);
    memset(files, 0, FILES * sizeof *files);
    for (size_t i = 0; i < FILES; i++)
        if (paths[i] != NULL && stat(paths[i], &files[i]) != 0)
            memset(&files[i], 0, sizeof files[i]);
}

bool af_http_server_tls_changed(const struct af_http_server *server)
{
    const char *paths[FILES];
    if (server->tls == NULL)
        return false;
    paths_of(server, paths);
    for (size_t i = 0; i < FILES; i++)
        if (!af_io_is_same_file(paths[i], &server->tls->files[i]))
            return true;
    return false;
}

/* Who they are is looked at again with their next request. */
static void ask_peers_again(struct af_http_server *server)
{
    for (int list = 0; list < PEERS_LISTS; list++)
        for (struct http_peer *peer = server->lists[list].first; peer != NULL; peer = peer->next)
            peer->is_checked = false;
}

int af_http_server_tls_reload(struct af_http_server *server, struct af_failure *why)
{
    struct http_tls *tls = server->tls;
    gnutls_x509_trust_list_t clients = NULL;
    char *ca = NULL;
    if (tls == NULL)
        return 0;
    look_at(server, tls->files); /* before they are read: what changes meanwhile is seen */
    struct identity *identity = read_identity(&server->options, why);
    if (identity == NULL || read_clients(&server->options, &ca, &clients, why) != 0) {
        if (identity != NULL)
            identity_free(identity);
        clients_free(clients);
        free(ca);
        return -1;
    }
    clients_free(tls->clients);
    tls->clients = clients;
    if (tls->client_ca == NULL)
        tls->client_ca = ca; /* the library goes on asking for those that it began with */
    else
        free(ca);
    if (tls->identity != NULL)
        tls->identity->left_ns = af_loop_now_ns(tls->loop);
    identity->older = tls->identity;
    tls->identity = identity;
    forget_old(tls);
    ask_peers_again(server);
    return 0;
}

int af_http_tls_open(struct af_http_server *server, struct af_failure *why)
{
    if (server->options.certificate == NULL)
        return 0;
    assert(asked == NULL);
    asked = server->tls = af_mem_zero(1, sizeof *server->tls);
    server->tls->loop = server->loop;
    return af_http_server_tls_reload(server, why);
}

void af_http_tls_options(const struct af_http_server *server, struct MHD_OptionItem *options)
{
    options[0] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)retrieve};
    options[1] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)ciphers};
    options[2] =
        server->tls->client_ca == NULL
            ? (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL}
            : (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, server->tls->client_ca};
    options[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

void af_http_tls_close(struct af_http_server *server)
{
    struct http_tls *tls = server->tls;
    if (tls == NULL)
        return;
    while (tls->identity != NULL) {
        struct identity *identity = tls->identity;
        tls->identity = identity->older;
        identity_free(identity);
    }
    clients_free(tls->clients);
    free(tls->client_ca);
    free(tls);
    server->tls = asked = NULL;
}
