/* tls_peer.c: who a client's certificate says it is. */
#include "http/server_impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

enum { CHAIN_MAX = 16, NAMES_MAX = 64 };

/* The DNS name among the certificate's alternative names: 1 if there is one, 0 if none, -1 if more
 * than one is there, or one that is no ID. */
static int alternative_name(gnutls_x509_crt_t certificate, char name[AF_BUS_ID_BYTES_MAX + 1])
{
    int found = 0;
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        char text[AF_BUS_ID_BYTES_MAX + 1];
        size_t len = sizeof text;
        int type = af_gnutls_x509_crt_get_subject_alt_name(certificate, i, text, &len, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return found;
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) /* of whichever type: too long for an ID */
            return -1;
        if (type != GNUTLS_SAN_DNSNAME)
            continue;
        if (found > 0 || len >= sizeof text || memchr(text, '\0', len) != NULL)
            return -1;
        memcpy(name, text, len);
        name[len] = '\0';
        found = 1;
    }
    return -1;
}

static int common_name(gnutls_x509_crt_t certificate, char name[AF_BUS_ID_BYTES_MAX + 1])
{
    char second[8];
    size_t len = AF_BUS_ID_BYTES_MAX + 1, second_len = sizeof second;
    if (af_gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name,
                                         &len) != 0 ||
        af_gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 0, second,
                                         &second_len) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return -1;
    return strlen(name) == len ? 1 : -1;
}

/* The one DNS name, or without any the one common name, of a certificate; the caller frees it. */
static char *name_of(gnutls_x509_crt_t certificate)
{
    char name[AF_BUS_ID_BYTES_MAX + 1];
    int found = alternative_name(certificate, name);
    if (found == 0)
        found = common_name(certificate, name);
    return found == 1 ? af_mem_string(name) : NULL;
}

static char *verify(gnutls_x509_trust_list_t clients, gnutls_x509_crt_t *chain, unsigned count)
{
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID,
                                     (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned status = 0;
    if (af_gnutls_x509_trust_list_verify_crt2(clients, chain, count, &purpose, 1, 0, &status,
                                              NULL) != 0)
        return NULL;
    if ((status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED) != 0)
        af_log(AF_LOG_WARNING, "serve: a certificate is refused since the list of revoked ones is "
                               "out of date");
    return status == 0 ? name_of(chain[0]) : NULL;
}

void af_http_tls_check_peer(const struct af_http_server *server, struct MHD_Connection *connection,
                            struct http_peer *peer)
{
    const union MHD_ConnectionInfo *info =
        af_MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned shown = 0, count = 0;
    peer->is_checked = true;
    peer->is_false = false;
    free(peer->name);
    peer->name = NULL;
    if (info == NULL)
        return;
    const gnutls_datum_t *certificates = af_gnutls_certificate_get_peers(info->tls_session, &shown);
    if (certificates == NULL || shown == 0)
        return; /* it showed none */
    while (count < shown && count < CHAIN_MAX && af_gnutls_x509_crt_init(&chain[count]) == 0) {
        count++;
        if (af_gnutls_x509_crt_import(chain[count - 1], &certificates[count - 1],
                                      GNUTLS_X509_FMT_DER) != 0)
            break;
    }
    if (count == shown)
        peer->name = verify(af_http_tls_clients(server), chain, count);
    while (count > 0)
        af_gnutls_x509_crt_deinit(chain[--count]);
    peer->is_false = peer->name == NULL;
}
