/* libraries.c: see libraries.h. */
#include "http/libraries.h"

#include "base/failure.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct function {
    const char *name;
    void *to; /* the address of the pointer to it */
};

struct library {
    const char *file; /* as its headers' version has it, so that prototypes fit */
    const char *package;
    const struct function *functions;
    size_t count;
    char trouble[300]; /* "": it is loaded */
};

#define DEFINE(name) __typeof__(name) *af_##name;
AF_CURL_FUNCTIONS(DEFINE)
AF_MHD_FUNCTIONS(DEFINE)
AF_GNUTLS_FUNCTIONS(DEFINE)

#define ENTRY(name) {#name, &af_##name},
static const struct function curl_functions[] = {AF_CURL_FUNCTIONS(ENTRY)};
static const struct function mhd_functions[] = {AF_MHD_FUNCTIONS(ENTRY)};
static const struct function gnutls_functions[] = {AF_GNUTLS_FUNCTIONS(ENTRY)};

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
        af_curl_global_init(CURL_GLOBAL_DEFAULT);
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
