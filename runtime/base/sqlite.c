/* sqlite.c: see sqlite.h. */
#include "base/sqlite.h"

AF_SQLITE_FUNCTIONS(AF_LIBRARY_DEFINE)

int af_sqlite_need(struct af_failure *why)
{
    static const struct af_library_function functions[] = {AF_SQLITE_FUNCTIONS(AF_LIBRARY_ENTRY)};
    static struct af_library sqlite = {
        .files = {"libsqlite3.so.0"}, .package = "libsqlite3-0", AF_LIBRARY_LIST(functions)};
    return af_library_need(&sqlite, why);
}
