/* script_calls.c: see script_calls.h. */
#include "script_calls.h"

#include "request.h"
#include "script.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 6 };

static const struct row {
    const char *call;
    struct {
        const char *name;
        char kind; /* as in struct af_request_field */
    } fields[FIELDS_MAX];
} rows[] = {
    {"next_event", {{"task", 's'}, {"channel", 's'}}},
    {"publish",
     {{"task", 's'},
      {"channel", 's'},
      {"title", 's'},
      {"type", 's'},
      {"uuid", 's'},
      {"targets", 'l'}}},
    {"upload", {{"task", 's'}}},
    {"download", {{"url", 's'}}},
    {"progress", {{"task", 's'}, {"percent", 'i'}}},
    {"nodes", {{"task", 's'}}},
    {"launch", {{"task", 's'}, {"file_key", 's'}}},
    {"dataset", {{"task", 's'}, {"verified", 'b'}}},
};

static bool has(const struct af_request *request, const char *name, char kind)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return request->fields[i].kind == kind;
    return false;
}

int af_script_call_read(const struct af_script_call *call, struct af_request *request, char *why,
                        size_t size)
{
    if (!af_request_read(request, call->request, call->request_len)) {
        snprintf(why, size, "%s: its request is no object that can be read", call->name);
        return -1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].call, call->name) != 0)
            continue;
        for (size_t k = 0; k < FIELDS_MAX && rows[i].fields[k].name != NULL; k++) {
            if (has(request, rows[i].fields[k].name, rows[i].fields[k].kind))
                continue;
            snprintf(why, size, "%s: its request has no '%s'", call->name, rows[i].fields[k].name);
            return -1;
        }
    }
    return 0;
}
