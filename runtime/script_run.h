/* script_run.h: a script's call "run" (af.process.run): from its request to a process, and from
 * that one's result to the answer. How the process is waited for is the owner's. */
#ifndef AF_SCRIPT_RUN_H
#define AF_SCRIPT_RUN_H

#include "process.h"
#include "request.h"
#include "script.h"

struct af_grants;

struct af_script_run {
    struct af_process_spec spec; /* borrows from all below, from the grants, and from the call */
    struct af_request request;
    char call_id[AF_UUID_TEXT_BYTES];
};

/* Returns -1 with *why filled: the program is not granted, or the request is wrong; there is
 * nothing to release then. */
int af_script_run_read(struct af_script_run *run, const struct af_grants *grants,
                       const struct af_script_call *call, struct af_failure *why);
void af_script_run_release(struct af_script_run *run);

/* Answers the call with what a process came to, or with why it did not start. The party may run on
 * from within. */
void af_script_run_answer(struct af_script_party *party, uint64_t call_id,
                          const struct af_process_result *result, int64_t now_ns);
void af_script_run_refuse(struct af_script_party *party, uint64_t call_id,
                          const struct af_failure *why, int64_t now_ns);

#endif
