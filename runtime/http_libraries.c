/* http_libraries.c: libcurl, libmicrohttpd and GnuTLS, loaded when they are first needed.
 *
 * With the thirty libraries that they bring along they take the dynamic loader three times as long
 * as all the rest of a short simulation, which never speaks HTTP. So the program is not linked with
 * them: each function of theirs that the room calls is defined here, as their headers declare it,
 * and goes on to the one that dlsym() found. Whoever calls the first function of a library asks
 * af_http_need_client() or af_http_need_server() before. */
#include "http_libraries.h"

#include "failure.h"

#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* X(type, name, parameters, arguments); those that take any arguments are written out below. */
#define CURL_FUNCTIONS(X)                                                                          \
    X(CURLcode, curl_global_init, (long flags), (flags))                                           \
    X(CURL *, curl_easy_init, (void), ())                                                          \
    X(void, curl_easy_cleanup, (CURL * easy), (easy))                                              \
    X(const char *, curl_easy_strerror, (CURLcode code), (code))                                   \
    X(CURLM *, curl_multi_init, (void), ())                                                        \
    X(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))                                     \
    X(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL * easy), (multi, easy))               \
    X(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL * easy), (multi, easy))            \
    X(CURLMcode, curl_multi_assign, (CURLM * multi, curl_socket_t fd, void *own),                  \
      (multi, fd, own))                                                                            \
    X(CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left))                  \
    X(CURLMcode, curl_multi_socket_action,                                                         \
      (CURLM * multi, curl_socket_t fd, int events, int *running), (multi, fd, events, running))   \
    X(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *line),        \
      (list, line))                                                                                \
    X(void, curl_slist_free_all, (struct curl_slist * list), (list))                               \
    X(CURLU *, curl_url, (void), ())                                                               \
    X(void, curl_url_cleanup, (CURLU * url), (url))                                                \
    X(CURLUcode, curl_url_get, (CURLU * url, CURLUPart what, char **part, unsigned flags),         \
      (url, what, part, flags))                                                                    \
    X(CURLUcode, curl_url_set, (CURLU * url, CURLUPart what, const char *part, unsigned flags),    \
      (url, what, part, flags))                                                                    \
    X(void, curl_free, (void *memory), (memory))

#define MHD_FUNCTIONS(X)                                                                           \
    X(struct MHD_Daemon *, MHD_start_daemon_va,                                                    \
      (unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept, void *accept_arg,           \
       MHD_AccessHandlerCallback handler, void *handler_arg, va_list options),                     \
      (flags, port, accept, accept_arg, handler, handler_arg, options))                            \
    X(void, MHD_stop_daemon, (struct MHD_Daemon * daemon), (daemon))                               \
    X(MHD_socket, MHD_quiesce_daemon, (struct MHD_Daemon * daemon), (daemon))                      \
    X(enum MHD_Result, MHD_get_timeout, (struct MHD_Daemon * daemon, MHD_UNSIGNED_LONG_LONG * ms), \
      (daemon, ms))                                                                                \
    X(enum MHD_Result, MHD_run, (struct MHD_Daemon * daemon), (daemon))                            \
    X(void, MHD_suspend_connection, (struct MHD_Connection * connection), (connection))            \
    X(void, MHD_resume_connection, (struct MHD_Connection * connection), (connection))             \
    X(const char *, MHD_lookup_connection_value,                                                   \
      (struct MHD_Connection * connection, enum MHD_ValueKind kind, const char *key),              \
      (connection, kind, key))                                                                     \
    X(enum MHD_Result, MHD_lookup_connection_value_n,                                              \
      (struct MHD_Connection * connection, enum MHD_ValueKind kind, const char *key,               \
       size_t key_len, const char **value, size_t *value_len),                                     \
      (connection, kind, key, key_len, value, value_len))                                          \
    X(enum MHD_Result, MHD_queue_response,                                                         \
      (struct MHD_Connection * connection, unsigned status, struct MHD_Response *response),        \
      (connection, status, response))                                                              \
    X(struct MHD_Response *, MHD_create_response_from_buffer,                                      \
      (size_t len, void *bytes, enum MHD_ResponseMemoryMode mode), (len, bytes, mode))             \
    X(struct MHD_Response *, MHD_create_response_from_fd64, (uint64_t len, int fd), (len, fd))     \
    X(enum MHD_Result, MHD_add_response_header,                                                    \
      (struct MHD_Response * response, const char *header, const char *content),                   \
      (response, header, content))                                                                 \
    X(void, MHD_destroy_response, (struct MHD_Response * response), (response))

#define GNUTLS_FUNCTIONS(X)                                                                        \
    X(const char *, gnutls_strerror, (int error), (error))                                         \
    X(int, gnutls_certificate_allocate_credentials, (gnutls_certificate_credentials_t * made),     \
      (made))                                                                                      \
    X(void, gnutls_certificate_free_credentials, (gnutls_certificate_credentials_t credentials),   \
      (credentials))                                                                               \
    X(int, gnutls_certificate_set_x509_key_mem,                                                    \
      (gnutls_certificate_credentials_t credentials, const gnutls_datum_t *certificate,            \
       const gnutls_datum_t *key, gnutls_x509_crt_fmt_t format),                                   \
      (credentials, certificate, key, format))                                                     \
    X(int, gnutls_certificate_set_x509_trust_mem,                                                  \
      (gnutls_certificate_credentials_t credentials, const gnutls_datum_t *ca,                     \
       gnutls_x509_crt_fmt_t format),                                                              \
      (credentials, ca, format))                                                                   \
    X(const gnutls_datum_t *, gnutls_certificate_get_peers,                                        \
      (gnutls_session_t session, unsigned *count), (session, count))                               \
    X(int, gnutls_certificate_verify_peers,                                                        \
      (gnutls_session_t session, gnutls_typed_vdata_st * data, unsigned count, unsigned *status),  \
      (session, data, count, status))                                                              \
    X(int, gnutls_x509_crt_init, (gnutls_x509_crt_t * made), (made))                               \
    X(void, gnutls_x509_crt_deinit, (gnutls_x509_crt_t certificate), (certificate))                \
    X(int, gnutls_x509_crt_import,                                                                 \
      (gnutls_x509_crt_t certificate, const gnutls_datum_t *data, gnutls_x509_crt_fmt_t format),   \
      (certificate, data, format))                                                                 \
    X(int, gnutls_x509_crt_get_dn_by_oid,                                                          \
      (gnutls_x509_crt_t certificate, const char *oid, unsigned at, unsigned raw, void *text,      \
       size_t *text_size),                                                                         \
      (certificate, oid, at, raw, text, text_size))

/* ---- The functions. ---- */

/* The name is in brackets because curl.h has macros of some of these names. */
#define FORWARD(type, name, parameters, arguments)                                                 \
    static type(*found_##name) parameters;                                                         \
    type(name) parameters                                                                          \
    {                                                                                              \
        return found_##name arguments;                                                             \
    }

CURL_FUNCTIONS(FORWARD)
MHD_FUNCTIONS(FORWARD)
GNUTLS_FUNCTIONS(FORWARD)

/* What libcurl takes as one further argument is a long, a curl_off_t or a pointer: all of them are
 * passed alike where they have the same size. */
static_assert(sizeof(long) == sizeof(void *), "a long cannot be passed on as a pointer");
static_assert(sizeof(curl_off_t) == sizeof(void *),
              "a curl_off_t cannot be passed on as a pointer");

static CURLcode (*found_curl_easy_setopt)(CURL *easy, CURLoption option, ...);
static CURLcode (*found_curl_easy_getinfo)(CURL *easy, CURLINFO what, ...);
static CURLMcode (*found_curl_multi_setopt)(CURLM *multi, CURLMoption option, ...);

CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...)
{
    va_list rest;
    va_start(rest, option);
    void *value = va_arg(rest, void *);
    va_end(rest);
    return found_curl_easy_setopt(easy, option, value);
}

CURLcode(curl_easy_getinfo)(CURL *easy, CURLINFO what, ...)
{
    va_list rest;
    va_start(rest, what);
    void *to = va_arg(rest, void *);
    va_end(rest);
    return found_curl_easy_getinfo(easy, what, to);
}

CURLMcode(curl_multi_setopt)(CURLM *multi, CURLMoption option, ...)
{
    va_list rest;
    va_start(rest, option);
    void *value = va_arg(rest, void *);
    va_end(rest);
    return found_curl_multi_setopt(multi, option, value);
}

struct MHD_Daemon *MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept,
                                    void *accept_arg, MHD_AccessHandlerCallback handler,
                                    void *handler_arg, ...)
{
    va_list rest;
    va_start(rest, handler_arg);
    struct MHD_Daemon *daemon =
        found_MHD_start_daemon_va(flags, port, accept, accept_arg, handler, handler_arg, rest);
    va_end(rest);
    return daemon;
}

/* These two may take a further argument some day; nothing that the room asks for does. */
static const union MHD_DaemonInfo *(*found_MHD_get_daemon_info)(struct MHD_Daemon *daemon,
                                                                enum MHD_DaemonInfoType what, ...);
static const union MHD_ConnectionInfo *(*found_MHD_get_connection_info)(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType what, ...);

const union MHD_DaemonInfo *MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                enum MHD_DaemonInfoType what, ...)
{
    return found_MHD_get_daemon_info(daemon, what);
}

const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType what, ...)
{
    return found_MHD_get_connection_info(connection, what);
}

/* ---- Loading. ---- */

struct function {
    const char *name;
    void *to; /* the address of the pointer found_… */
};

struct library {
    const char *file; /* as its headers' version has it, so that prototypes fit */
    const char *package;
    const struct function *functions;
    size_t count;
    char trouble[300]; /* "": it is loaded */
};

#define ENTRY(type, name, parameters, arguments) {#name, &found_##name},

static const struct function curl_functions[] = {
    CURL_FUNCTIONS(ENTRY) //
    {"curl_easy_setopt", &found_curl_easy_setopt},
    {"curl_easy_getinfo", &found_curl_easy_getinfo},
    {"curl_multi_setopt", &found_curl_multi_setopt},
};
static const struct function mhd_functions[] = {
    MHD_FUNCTIONS(ENTRY) //
    {"MHD_get_daemon_info", &found_MHD_get_daemon_info},
    {"MHD_get_connection_info", &found_MHD_get_connection_info},
};
static const struct function gnutls_functions[] = {GNUTLS_FUNCTIONS(ENTRY)};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct library curl = {"libcurl.so.4", "libcurl4", curl_functions, COUNT(curl_functions),
                              ""};
static struct library mhd = {"libmicrohttpd.so.12", "libmicrohttpd12", mhd_functions,
                             COUNT(mhd_functions), ""};
static struct library gnutls = {"libgnutls.so.30", "libgnutls30", gnutls_functions,
                                COUNT(gnutls_functions), ""};

/* It stays loaded until the process ends: others of its libraries may have threads. */
static void load(struct library *library)
{
    void *handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
    for (size_t i = 0; handle != NULL && i < library->count; i++) {
        void *symbol = dlsym(handle, library->functions[i].name);
        if (symbol == NULL)
            handle = NULL;
        else
            memcpy(library->functions[i].to, &symbol, sizeof symbol);
    }
    if (handle == NULL) {
        const char *text = dlerror();
        snprintf(library->trouble, sizeof library->trouble, "%s", text == NULL ? "no text" : text);
    }
}

static int failed(const struct library *library, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_TRANSPORT, library->file,
                          "cannot be loaded; it is in Debian's package %s (%s)", library->package,
                          library->trouble);
}

static void load_client(void)
{
    load(&curl);
    if (curl.trouble[0] == '\0')
        curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void load_server(void)
{
    load(&mhd);
    load(&gnutls);
}

int af_http_need_client(struct af_failure *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_client);
    return curl.trouble[0] == '\0' ? 0 : failed(&curl, why);
}

int af_http_need_server(struct af_failure *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_server);
    if (mhd.trouble[0] != '\0')
        return failed(&mhd, why);
    return gnutls.trouble[0] == '\0' ? 0 : failed(&gnutls, why);
}
