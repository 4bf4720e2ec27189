/* calls.h: what each call of a script must say. The library says it; a script that calls the
 * library in a way that nobody thought of must not bring its owner down. */
#ifndef AF_SCRIPT_CALLS_H
#define AF_SCRIPT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_request;
struct af_script_call;
struct af_script_party;

/* Reads a call's request, which is released in either case. Returns 0; -1 with why (of size bytes)
 * filled: it is no object, or a field is missing or of another type. */
int af_script_call_read(const struct af_script_call *call, struct af_request *request, char *why,
                        size_t size);

/* Whether the bytes have the SHA-256 that a download's call expects, 64 small hex digits. */
bool af_script_is_sha256(const void *bytes, size_t len, const char *expected);

/* A contract that a sequential script is given in answer to "next_event". All is borrowed. */
struct af_script_event {
    const char *type;
    size_t type_len;
    const char *from; /* NULL: not known */
    const char *uuid;
    double time_s;
    const char *content;
    size_t content_len;
};

/* Answers the call with it; the party may run on from within. */
void af_script_give_event(struct af_script_party *party, uint64_t call_id,
                          const struct af_script_event *event, int64_t now_ns);

#endif
