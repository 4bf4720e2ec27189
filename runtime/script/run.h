/* run.h: a script's call "run" (af.process.run): from its request to a process, and from
 * that one's result to the answer. How the process is waited for is the owner's. */
#ifndef AF_SCRIPT_RUN_H
#define AF_SCRIPT_RUN_H

#include "base/broker.h"
#include "base/failure.h"
#include "loop/process.h"
#include "script/request.h"
#include "script/script.h"

struct af_grants;

struct af_script_run {
    struct af_process_spec spec; /* borrows from all below, from the grants, and from the call */
    struct af_request request;
    char *input_path, *output_path; /* the real ones, or NULL */
    char call_id[AF_UUID_TEXT_BYTES];
};

/* Returns -1 with *why filled: the program or a path is not granted, or the request is wrong; there
 * is nothing to release then. */
int af_script_run_read(struct af_script_run *run, const struct af_grants *grants,
                       const struct af_script_call *call, struct af_failure *why);
void af_script_run_release(struct af_script_run *run);

/* What a program of a call that is waited for came to. */
struct af_script_ran {
    bool ended; /* false: it was too slow, or wrote too much; the answer says so */
    int status;
    struct af_buf text, bytes; /* of the answer: its reply, or its failure; its bytes */
};

/* Runs the program of a call, and waits; stopped as in af_process_run(). Returns -1 with *why
 * filled if it could not be run, or was stopped; release *ran otherwise. */
int af_script_run_wait(const struct af_grants *grants, const struct af_script_call *call,
                       bool (*stopped)(void), struct af_script_ran *ran, struct af_failure *why);
void af_script_ran_release(struct af_script_ran *ran);

/* AF_BROKER_PROGRAM (base/broker.h) of grants: the same for a process that has jailed itself. */
int af_script_serve_run(const void *grants, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why);

/* What a process came to, as the answer to its call. */
struct af_script_run_answer {
    struct af_answer answer;
    char text[AF_FAILURE_TEXT_MAX + 40];
    struct af_buf bytes;
};
const struct af_answer *af_script_run_answer(struct af_script_run_answer *run,
                                             const struct af_process_result *result,
                                             int64_t now_ns);
void af_script_run_answer_release(struct af_script_run_answer *run);

#endif
