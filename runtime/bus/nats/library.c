/* library.c: see library.h. */
#include "bus/nats/library.h"

#include "base/library.h"

#define DEFINE(name, type, arguments) type(*af_##name) arguments;
AF_NATS_FUNCTIONS(DEFINE)

#define ENTRY(name, type, arguments) {#name, &af_##name},

int af_nats_need_library(struct af_failure *why)
{
    static const struct af_library_function functions[] = {AF_NATS_FUNCTIONS(ENTRY)};
    static struct af_library nats = {/* Debian names it by version. */
                                     .files = {"libnats.so.3.4", "libnats.so.3.10",
                                               "libnats.so.3.9", "libnats.so.3.8", "libnats.so"},
                                     .package = "libnats3.4",
                                     AF_LIBRARY_LIST(functions)};
    return af_library_need(&nats, why);
}
