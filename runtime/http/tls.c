/* tls.c: the service's certificate, and who a client's certificate says it is.
 *
 * The library asks a client for a certificate, but lets it in whatever it shows, or with none; it
 * is verified here. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_BYTES_MAX = 1 << 20 };

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

/* The library would only say that it cannot start. */
static int check(const struct af_http_server *server, struct af_failure *why)
{
    const struct af_http_server_options *options = &server->options;
    gnutls_certificate_credentials_t credentials = NULL;
    gnutls_datum_t certificate = datum(server->certificate), key = datum(server->key);
    int error = af_gnutls_certificate_allocate_credentials(&credentials);
    const char *what = options->certificate;
    if (error == 0)
        error = af_gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key,
                                                       GNUTLS_X509_FMT_PEM);
    if (error >= 0 && server->client_ca != NULL) {
        gnutls_datum_t ca = datum(server->client_ca);
        what = options->client_ca;
        error = af_gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
        if (error == 0)
            error = GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
    if (credentials != NULL)
        af_gnutls_certificate_free_credentials(credentials);
    if (error >= 0)
        return 0;
    return af_failure_set(why, AF_FAILURE_USAGE, what, "cannot be used: %s",
                          af_gnutls_strerror(error));
}

int af_http_tls_load(struct af_http_server *server, struct af_failure *why)
{
    const struct af_http_server_options *options = &server->options;
    if (options->certificate == NULL)
        return 0;
    server->certificate = read_pem(options->certificate, false, why);
    if (server->certificate == NULL)
        return -1;
    server->key = read_pem(options->key, true, why);
    if (server->key == NULL)
        return -1;
    if (options->client_ca != NULL) {
        server->client_ca = read_pem(options->client_ca, false, why);
        if (server->client_ca == NULL)
            return -1;
    }
    return check(server, why);
}

void af_http_tls_release(struct af_http_server *server)
{
    if (server->key != NULL)
        sodium_memzero(server->key, strlen(server->key));
    free(server->certificate);
    free(server->key);
    free(server->client_ca);
}

/* ---- Clients. ---- */

/* The common name of the certificate that the session's peer showed first; NULL if it has none, or
 * more than one. The caller frees it. */
static char *common_name(gnutls_session_t session)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = af_gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;
    char name[AF_BUS_ID_BYTES_MAX + 1], second[8];
    size_t len = sizeof name, second_len = sizeof second;
    bool ok = false;
    if (count == 0 || af_gnutls_x509_crt_init(&certificate) != 0)
        return NULL;
    if (af_gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0)
        ok =
            af_gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name,
                                             &len) == 0 &&
            af_gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 0, second,
                                             &second_len) == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    af_gnutls_x509_crt_deinit(certificate);
    return ok && strlen(name) == len ? af_mem_string(name) : NULL;
}

void af_http_tls_check_peer(struct MHD_Connection *connection, struct http_peer *peer)
{
    const union MHD_ConnectionInfo *info =
        af_MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned count = 0, status = 0;
    peer->is_checked = true;
    if (info == NULL)
        return;
    gnutls_session_t session = info->tls_session;
    if (af_gnutls_certificate_get_peers(session, &count) == NULL || count == 0)
        return; /* it showed none */
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID,
                                     (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    if (af_gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0)
        peer->name = common_name(session);
    peer->is_false = peer->name == NULL;
}
