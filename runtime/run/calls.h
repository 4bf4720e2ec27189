/* calls.h: what a party's script asks of the outside, answered for real: files, programs, the task
 * manager, the task's nodes. One for each party. */
#ifndef AF_CALLS_H
#define AF_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_answer;
struct af_asked;
struct af_bus;
struct af_bus_note;
struct af_calls;
struct af_grants;
struct af_loop;
struct af_script;
struct af_script_call;
struct af_script_party;

struct af_calls_spec { /* all is borrowed, and outlives the calls */
    struct af_loop *loop;
    struct af_bus *bus;
    const char *bus_url;
    struct af_script *script; /* whose members are the task's nodes */
    const struct af_grants *grants;
    bool quiet; /* no progress on the terminal */
    void *arg;
    /* Told before each answer is given to the script; or NULL. name: the call's, "upload" … */
    void (*answered)(void *arg, const char *name, const struct af_answer *answer);
};

struct af_calls *af_calls_new(const struct af_calls_spec *spec);

/* Another whose members are the same, while its parties wait for nothing. */
void af_calls_set_script(struct af_calls *calls, struct af_script *script);

/* Withdraws all that is under way. NULL is allowed. */
void af_calls_free(struct af_calls *calls);
void af_calls_cancel(struct af_calls *calls);

/* The call that a handler waits for: its name ("upload" …), or NULL. */
const char *af_calls_waits_for(const struct af_calls *calls);

/* Takes a call of a handler, a party of node and task. */
void af_calls_take(struct af_calls *calls, struct af_script_party *party, const char *node,
                   const char *task, const struct af_script_call *call);

/* Those calls that are the same for handlers and sequential scripts; false: it is none of them. */
bool af_calls_common(struct af_calls *calls, const struct af_asked *asked);

/* Answers a call that was made of somebody else. */
void af_calls_answer(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                     const char *reply);
void af_calls_refuse(struct af_calls *calls, struct af_script_party *party, uint64_t call,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Tells the task manager, without an answer to the script; a failure is logged. */
void af_calls_note(struct af_calls *calls, const struct af_bus_note *note);

#endif
