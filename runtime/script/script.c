/* script.c: which implementation a script is of: see driver.h. */
#include "script/driver.h"

static const struct af_script_driver *of(const struct af_script *script)
{
    return ((const struct af_script_head *)script)->driver; /* its first member */
}

static const struct af_script_driver *of_party(const struct af_script_party *party)
{
    const struct af_script *script = *(struct af_script *const *)party; /* its first member */
    return of(script);
}

void af_script_free(struct af_script *script)
{
    if (script != NULL)
        of(script)->free(script);
}

const struct af_flow *af_script_flow(const struct af_script *script)
{
    return of(script)->flow(script);
}

const struct af_script_file *af_script_file(const struct af_script *script)
{
    return of(script)->file(script);
}

int af_script_set_task(struct af_script *script, const char *task_id,
                       const struct af_script_member *members, size_t member_count,
                       const struct af_script_arg *args, size_t arg_count, struct af_failure *why)
{
    return of(script)->set_task(script, task_id, members, member_count, args, arg_count, why);
}

const char *af_script_asked_time(const struct af_script *script)
{
    return ((const struct af_script_head *)(const void *)script)->asked_time;
}

const struct af_script_member *af_script_members(const struct af_script *script, size_t *count)
{
    return of(script)->members(script, count);
}

void af_script_set_owner(struct af_script *script, af_script_call_fn *call, void *owner)
{
    of(script)->set_owner(script, call, owner);
}

void af_script_answer(struct af_script_party *party, uint64_t call_id,
                      const struct af_answer *answer)
{
    of_party(party)->answer(party, call_id, answer);
}

struct af_script_party *af_script_party_new(struct af_script *script, uint32_t member,
                                            struct af_hash seed, void *user, struct af_failure *why)
{
    return of(script)->party_new(script, member, seed, user, why);
}

void af_script_party_free(struct af_script_party *party)
{
    if (party != NULL)
        of_party(party)->party_free(party);
}

void *af_script_party_user(const struct af_script_party *party)
{
    return of_party(party)->party_user(party);
}

bool af_script_party_sequential(const struct af_script_party *party)
{
    return of_party(party)->party_sequential(party);
}

int af_script_party_state(const struct af_script_party *party)
{
    return of_party(party)->party_state(party);
}

const char *af_script_party_data(const struct af_script_party *party, size_t *len)
{
    return of_party(party)->party_data(party, len);
}

int af_script_party_restore(struct af_script_party *party, int state, const char *data, size_t len,
                            struct af_failure *why)
{
    return of_party(party)->party_restore(party, state, data, len, why);
}

const char *af_script_party_where(struct af_script_party *party)
{
    return of_party(party)->party_where(party);
}

void af_script_deliver(struct af_script_party *party, const struct af_input *input,
                       af_script_done_fn *done, void *arg)
{
    of_party(party)->deliver(party, input, done, arg);
}

void af_script_withdraw(struct af_script_party *party)
{
    of_party(party)->withdraw(party);
}
