/* driver.h: how the functions of script.h find who implements them.
 *
 * There are two: bindings/, which runs the script in this process, and worker/host.c, which has
 * it run by a worker process. Each completes struct af_script and struct af_script_party in its own
 * way; what is the same is how they begin: a script with struct af_script_head, a party with the
 * pointer to its script. Only script.c looks at that, so an implementation is never given the
 * script or the party of another. */
#ifndef AF_SCRIPT_DRIVER_H
#define AF_SCRIPT_DRIVER_H

#include "script/script.h"

/* Each row is the function of script.h of that name, which says what it does. */
struct af_script_driver {
    void (*free)(struct af_script *script);
    const struct af_flow *(*flow)(const struct af_script *script);
    const struct af_script_file *(*file)(const struct af_script *script);
    int (*set_task)(struct af_script *script, const char *task_id,
                    const struct af_script_member *members, size_t member_count,
                    const struct af_script_arg *args, size_t arg_count, struct af_failure *why);
    const struct af_script_member *(*members)(const struct af_script *script, size_t *count);
    void (*set_owner)(struct af_script *script, af_script_call_fn *call, void *owner);
    void (*answer)(struct af_script_party *party, uint64_t call_id, const struct af_answer *answer);

    struct af_script_party *(*party_new)(struct af_script *script, uint32_t member,
                                         struct af_hash seed, void *user, struct af_failure *why);
    void (*party_free)(struct af_script_party *party);
    void *(*party_user)(const struct af_script_party *party);
    bool (*party_sequential)(const struct af_script_party *party);
    int (*party_state)(const struct af_script_party *party);
    const char *(*party_data)(const struct af_script_party *party, size_t *len);
    int (*party_restore)(struct af_script_party *party, int state, const char *data, size_t len,
                         struct af_failure *why);
    const char *(*party_where)(struct af_script_party *party);
    void (*deliver)(struct af_script_party *party, const struct af_input *input,
                    af_script_done_fn *done, void *arg);
    void (*withdraw)(struct af_script_party *party);
};

struct af_script_head {
    const struct af_script_driver *driver;
    char asked_time[300]; /* see af_script_asked_time() */
};

#endif
