/* libraries.c: see libraries.h. */
#include "http/libraries.h"

AF_CURL_FUNCTIONS(AF_LIBRARY_DEFINE)
AF_MHD_FUNCTIONS(AF_LIBRARY_DEFINE)
AF_GNUTLS_FUNCTIONS(AF_LIBRARY_DEFINE)

static const struct af_library_function curl_functions[] = {AF_CURL_FUNCTIONS(AF_LIBRARY_ENTRY)};
static const struct af_library_function mhd_functions[] = {AF_MHD_FUNCTIONS(AF_LIBRARY_ENTRY)};
static const struct af_library_function gnutls_functions[] = {
    AF_GNUTLS_FUNCTIONS(AF_LIBRARY_ENTRY)};

static void begin_curl(void)
{
    af_curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct af_library curl = {.files = {"libcurl.so.4"},
                                 .package = "libcurl4",
                                 AF_LIBRARY_LIST(curl_functions),
                                 .loaded = begin_curl};
static struct af_library mhd = {
    .files = {"libmicrohttpd.so.12"}, .package = "libmicrohttpd12", AF_LIBRARY_LIST(mhd_functions)};
static struct af_library gnutls = {
    .files = {"libgnutls.so.30"}, .package = "libgnutls30", AF_LIBRARY_LIST(gnutls_functions)};

int af_http_need_client(struct af_failure *why)
{
    return af_library_need(&curl, why);
}

int af_http_need_server(struct af_failure *why)
{
    return af_library_need(&mhd, why) == 0 ? af_library_need(&gnutls, why) : -1;
}
