/* script_calls.h: what each call of a script must say. The library says it; a script that calls the
 * library in a way that nobody thought of must not bring its owner down. */
#ifndef AF_SCRIPT_CALLS_H
#define AF_SCRIPT_CALLS_H

#include <stddef.h>

struct af_request;
struct af_script_call;

/* Reads a call's request, which is released in either case. Returns 0; -1 with why (of size bytes)
 * filled: it is no object, or a field is missing or of another type. */
int af_script_call_read(const struct af_script_call *call, struct af_request *request, char *why,
                        size_t size);

#endif
