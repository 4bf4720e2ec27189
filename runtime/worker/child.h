/* child.h: `afrun worker`: the process in which a node has the tasks of a flow run; see
 * host.h for the other end, wire.h for what they say to each other. */
#ifndef AF_WORKER_H
#define AF_WORKER_H

#include <stdint.h>

struct af_buf;
struct af_failure;

/* Serves its node until that is gone. argv are the words behind `worker`. Returns the exit status.
 */
int af_worker_main(int argc, char **argv);

/* ---- child_files.c ---- */

/* Asks the node for the bytes of a file, waiting for them. 0, or -1 with *why filled. */
struct af_worker_asks {
    int (*file)(const char *path, struct af_buf *out, struct af_failure *why);
};

/* A file of the flow, which is kept; for struct af_script_source: arg is a struct af_worker_asks.
 */
int af_worker_read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why);

/* ---- child_probe.c ---- */

/* Before the jail: notes what cannot be asked in it. */
void af_worker_probe_prepare(void);

/* Tries what a jail must prevent. Returns what the kernel said: a negative errno, or >= 0. */
int64_t af_worker_try(unsigned attempt);

/* What an attempt is, NULL behind the last. */
const char *af_worker_attempt_name(unsigned attempt);

#endif
