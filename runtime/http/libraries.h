/* libraries.h: libcurl, libmicrohttpd and GnuTLS, loaded when they are first needed
 * (base/library.h): with the thirty libraries that they bring along they take the dynamic loader
 * three times as long as all the rest of a short simulation, which never speaks HTTP. Whoever calls
 * the first function of one asks af_http_need_client() or af_http_need_server() before.
 *
 * libcurl's headers check the arguments of curl_easy_setopt() by macros of that name, which do not
 * see these calls: a number is written as the type that the option takes (1L, (curl_off_t)1). */
#ifndef AF_HTTP_LIBRARIES_H
#define AF_HTTP_LIBRARIES_H

#include "base/library.h"

#include <curl/curl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

/* clang-format off */
#define AF_CURL_FUNCTIONS(X) \
    X(curl_global_init) X(curl_easy_init) X(curl_easy_cleanup) X(curl_easy_strerror) \
    X(curl_multi_init) X(curl_multi_cleanup) X(curl_multi_add_handle) \
    X(curl_multi_remove_handle) X(curl_multi_assign) X(curl_multi_info_read) \
    X(curl_multi_socket_action) X(curl_slist_append) X(curl_slist_free_all) X(curl_url) \
    X(curl_url_cleanup) X(curl_url_get) X(curl_url_set) X(curl_free) X(curl_easy_setopt) \
    X(curl_easy_getinfo) X(curl_multi_setopt)

#define AF_MHD_FUNCTIONS(X) \
    X(MHD_start_daemon) X(MHD_stop_daemon) X(MHD_quiesce_daemon) X(MHD_get_timeout) X(MHD_run) \
    X(MHD_suspend_connection) X(MHD_resume_connection) X(MHD_lookup_connection_value) \
    X(MHD_lookup_connection_value_n) X(MHD_queue_response) X(MHD_create_response_from_buffer) \
    X(MHD_create_response_from_fd_at_offset64) X(MHD_create_response_from_callback) \
    X(MHD_add_response_header) X(MHD_destroy_response) \
    X(MHD_get_daemon_info) X(MHD_get_connection_info) X(MHD_get_connection_values_n) \
    X(MHD_get_version)

#define AF_GNUTLS_FUNCTIONS(X) \
    X(gnutls_strerror) X(gnutls_pcert_list_import_x509_raw) X(gnutls_pcert_deinit) \
    X(gnutls_privkey_init) X(gnutls_privkey_import_x509_raw) X(gnutls_privkey_deinit) \
    X(gnutls_pubkey_init) X(gnutls_pubkey_import_privkey) X(gnutls_pubkey_get_key_id) \
    X(gnutls_pubkey_deinit) X(gnutls_certificate_get_peers) X(gnutls_x509_trust_list_init) \
    X(gnutls_x509_trust_list_add_trust_mem) X(gnutls_x509_trust_list_verify_crt2) \
    X(gnutls_x509_trust_list_deinit) X(gnutls_x509_crt_init) X(gnutls_x509_crt_deinit) \
    X(gnutls_x509_crt_import) X(gnutls_x509_crt_get_subject_alt_name) \
    X(gnutls_x509_crt_get_dn_by_oid)

/* clang-format on */
AF_CURL_FUNCTIONS(AF_LIBRARY_DECLARE)
AF_MHD_FUNCTIONS(AF_LIBRARY_DECLARE)
AF_GNUTLS_FUNCTIONS(AF_LIBRARY_DECLARE)

/* Before anything of libcurl's, and before anything of libmicrohttpd's or GnuTLS's, is called.
 * Returns 0, or -1 with *why (may be NULL) filled: the library is not there. On any thread. */
int af_http_need_client(struct af_failure *why);
int af_http_need_server(struct af_failure *why);

#endif
