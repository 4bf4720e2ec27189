/* library.c: see library.h. */
#include "bus/nats/library.h"

#include "base/failure.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define DEFINE(name, type, arguments) type(*af_##name) arguments;
AF_NATS_FUNCTIONS(DEFINE)

#define ENTRY(name, type, arguments) {#name, &af_##name},
static const struct {
    const char *name;
    void *to; /* the address of the pointer to it */
} functions[] = {AF_NATS_FUNCTIONS(ENTRY)};

static char trouble[300]; /* "": it is loaded */

/* Debian names it by version. It stays loaded until the process ends: it may have threads. */
static void load(void)
{
    static const char *const files[] = {"libnats.so.3.4", "libnats.so.3.10", "libnats.so.3.9",
                                        "libnats.so.3.8", "libnats.so"};
    void *handle = NULL;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && handle == NULL; i++)
        handle = dlopen(files[i], RTLD_LAZY | RTLD_LOCAL);
    for (size_t i = 0; handle != NULL && i < sizeof functions / sizeof functions[0]; i++) {
        void *symbol = dlsym(handle, functions[i].name);
        if (symbol == NULL)
            handle = NULL;
        else
            memcpy(functions[i].to, &symbol, sizeof symbol);
    }
    if (handle == NULL) {
        const char *text = dlerror();
        snprintf(trouble, sizeof trouble, "%s", text == NULL ? "no text" : text);
    }
}

int af_nats_need_library(struct af_failure *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (trouble[0] == '\0')
        return 0;
    return af_failure_set(why, AF_FAILURE_TRANSPORT, "libnats",
                          "cannot be loaded; it is in Debian's package libnats3.4 (%s)", trouble);
}
