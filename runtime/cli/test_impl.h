/* test_impl.h: what the files of `afrun test` share.
 *
 *   cmd_test.c    the command: options, files, the result
 *   test_file.c   one file of tests is run
 *   test_calls.c  what af.test asks for: parties, runs, checks
 *   test_cover.c  which states and handlers were reached
 *   test_tell.c   TAP, JUnit and JSON
 */
#ifndef AF_CLI_TEST_IMPL_H
#define AF_CLI_TEST_IMPL_H

#include "base/broker.h"
#include "base/progress.h"
#include "script/calls.h"
#include "script/grants.h"
#include "trace/trace.h"

#include <stdbool.h>
#include <stddef.h>

struct af_bench;
struct af_failure;
struct af_flow;
struct af_sim;
struct af_test_cover;
struct af_test_flow;

struct af_test_case {
    const char *file; /* as it was named; borrowed from the run */
    char *name;
    bool ok;
    char *message; /* of a failure, or NULL */
    long line;     /* where it stands, 0: unknown */
    double elapsed_ms;
};

struct af_test_run {
    bool tap; /* cases are told as they come */
    struct af_progress progress;
    struct af_grants grants;
    struct af_test_case *cases;
    size_t count, cap, failed;
    double last_ms; /* when the last case was over */
    struct af_test_cover *cover;
};

/* Notes a case, and tells it. line 0: unknown; message NULL: it has passed. */
void af_test_note(struct af_test_run *run, const char *file, const char *name, long line,
                  const char *message);
void af_test_release(struct af_test_run *run);

/* test_file.c: runs one file; what is wrong with it is a case that has failed. */
void af_test_file(struct af_test_run *run, const char *path);

/* test_calls.c. AF_BROKER_CHECK is af_test_serve_check(): the command for a path, whose options are
 * the bytes, each ended by a zero byte. */
int af_test_serve_check(const void *arg, const struct af_broker_question *question,
                        struct af_broker_answer *answer, struct af_failure *why);
struct af_test_parties;
struct af_test_asker {
    struct af_test_run *run;
    const char *path; /* of the file of tests */
    struct af_test_parties *parties;
};

/* Appends the reply to a call of af.test, or returns -1 with *why filled, which the call raises.
 * The request may be kept: it is zeroed then. */
int af_test_call(struct af_test_asker *asker, struct af_asked *asked, struct af_buf *reply,
                 struct af_failure *why);
void af_test_parties_release(struct af_test_parties *parties);

/* test_cover.c: a trace that notes what a flow's parties do, or NULL where nobody wants to know. */
struct af_test_cover *af_test_cover_new(void);
void af_test_cover_free(struct af_test_cover *cover);
struct af_test_watch *af_test_watch_new(struct af_test_cover *cover); /* NULL for NULL */
struct af_trace *af_test_watch_trace(const struct af_test_watch *watch);
void af_test_watch_begin(struct af_test_watch *watch, const char *path, const struct af_sim *sim);
void af_test_watch_free(struct af_test_watch *watch);

/* Notes what the answer of a check says of the flow. */
void af_test_cover_check(struct af_test_cover *cover, const char *path, const char *json,
                         size_t len);

/* One thing of a flow: a state, or what one handles. */
struct af_test_thing {
    const char *role;
    const char *state; /* NULL: of several */
    const char *event; /* … NULL: none */
    const char *timer; /* "after", a deadline's name; or NULL */
    const char *file;  /* beside the flow's; NULL: the flow's own */
    int line;
    bool reached;
};

/* The things of the i-th flow, by its path; NULL: there are no more. Borrowed. */
const struct af_test_thing *af_test_cover_of(const struct af_test_cover *cover, size_t i,
                                             const char **path, size_t *count);

/* test_tell.c */
void af_test_tell_case(const struct af_test_run *run, const struct af_test_case *one);
void af_test_tell_end(const struct af_test_run *run);
void af_test_tell_json(const struct af_test_run *run, int status);
int af_test_tell_junit(const struct af_test_run *run, const char *path, struct af_failure *why);

#endif
