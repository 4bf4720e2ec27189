/* process.h: a program that runs beside us, with limits.
 *
 * No shell: a path and its arguments. The child has a process group of its own, which is killed
 * whole when its first process ends, takes too long, writes too much or is no longer wanted. That
 * process is gone when its end is told, and does not outlive us (what it starts may, if we are
 * killed, or if it leaves the group). It
 * sees our working directory unless it has another, nothing of our environment but PATH, HOME and
 * LANG, and no descriptor of ours: standard input is what it is given, or empty; what it writes is
 * kept, within a bound.
 *
 * SIGPIPE must be ignored (cli/main.c): a child that does not read its input is no reason to end.
 */
#ifndef AF_PROCESS_H
#define AF_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;
struct af_loop;
struct af_process;

struct af_process_spec {
    const char *path;        /* of an executable file */
    const char *name;        /* what it is called: its argv[0], and in messages */
    const char *const *args; /* without argv[0] */
    size_t arg_count;
    const void *input; /* for its standard input; NULL: empty */
    size_t input_len;
    bool waits;              /* its input, and what is done at its end, come by af_process_give() */
    const char *input_path;  /* a plain file, for its standard input; or NULL */
    const char *output_path; /* where its output is to be written; or NULL. Mode 0600, whole or not
                                at all: it is there when the program has ended with status 0 */
    const char *call_id;     /* its AFRUN_CALL_ID, or NULL */
    const char *folder;      /* where it works; NULL: where we do */
    int nice;                /* how far it stands back for others: 0 to 19 */
    int64_t address_bytes;   /* of memory that it may address; 0: as much as we may. Not in a build
                                for the address sanitizer */
    int64_t timeout_ns;      /* > 0 */
    /* Told all that it has written to standard error so far, whenever that is more; or NULL. Not
     * after its end. */
    void (*heard)(void *arg, const char *errors, size_t len);
    size_t max_bytes; /* of output in memory, and of errors */
};

struct af_process_result {
    const char *failure; /* not NULL: why there is no result (too slow, too much), in words */
    int status;          /* its exit status; 128 + n: signal n ended it */
    const char *output, *errors;
    size_t output_len, errors_len;
};

/* The result is borrowed until it returns. */
typedef void af_process_done_fn(void *arg, const struct af_process_result *result);

/* Starts it on a real loop; done(arg, …) is called once, later, when all of it is gone, unless it
 * is cancelled. The spec is copied. Returns NULL with *why filled if it cannot be started. */
struct af_process *af_process_start(struct af_loop *loop, const struct af_process_spec *spec,
                                    af_process_done_fn *done, void *arg, struct af_failure *why);

/* Gives one that waits its input, and whom to tell of its end; its time begins. */
void af_process_give(struct af_process *process, const void *input, size_t len,
                     af_process_done_fn *done, void *arg);

/* Has a process tell, as well, when it has closed its output, what it has written until then (its
 * status is told as 0): for an answer that says itself whether it is whole, as the end of a process
 * takes a while. Its end is told all the same. */
void af_process_on_closed(struct af_process *process, af_process_done_fn *closed);

/* From here on another is told of its end, and nobody that it has closed its output. Of one that
 * has closed it, within what that calls too. */
void af_process_pass(struct af_process *process, af_process_done_fn *done, void *arg);

/* Kills it and forgets it: done is not called. Only before done was called; NULL is allowed. */
void af_process_cancel(struct af_process *process);

/* Starts it and waits for its end, for who has no real loop; done is called from within. It is
 * killed if stopped() (NULL: never) turns true, which is looked at ten times a second. Returns -1
 * with *why filled if it could not be started, or was stopped. */
int af_process_run(const struct af_process_spec *spec, bool (*stopped)(void),
                   af_process_done_fn *done, void *arg, struct af_failure *why);

/* How long a process has computed, in nanoseconds; -1: there is none such. */
int64_t af_process_computed_ns(int pid);

/* ---- process_spawn.c, for process.c alone. ---- */

struct af_process_child {
    int pid;
    int pidfd;
    int input, output, errors; /* our ends, non-blocking; input, output -1: there is none */
    char *output_file;         /* what becomes spec->output_path, or NULL; for who has the child */
};

/* Starts the program in a process group of its own. Returns -1 with *why filled. */
int af_process_spawn(const struct af_process_spec *spec, struct af_process_child *child,
                     struct af_failure *why);

#endif
