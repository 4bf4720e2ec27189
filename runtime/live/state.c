/* state.c: `--state FILE`: the party of this run in a store of its own, so that the same
 * command goes on where it stood. */
#include "live/impl.h"

#include "base/mem.h"
#include "run/about.h"
#include "trace/veil.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void trouble(void *arg, const char *why)
{
    struct af_live *live = arg;
    if (why != NULL)
        af_live_tell(live,
                     "%s: cannot be written: %s; nothing is lost, it is tried again every "
                     "second",
                     live->options->state, why);
    else
        af_live_tell(live, "%s: can be written again", live->options->state);
}

/* A party's copy in the run's memory. */
static struct af_store_party *copy_party(struct af_live *live, const struct af_store_party *party)
{
    struct af_store_party *copy = af_arena_alloc(&live->names, sizeof *copy);
    *copy = af_store_party_copy(&live->names, party);
    return copy;
}

static void look(void *arg, const struct af_store_party *party)
{
    struct af_live *live = arg;
    if (strcmp(party->task, live->options->task) == 0 &&
        strcmp(party->node, live->options->node) == 0)
        live->kept = copy_party(live, party);
}

int af_live_state_open(struct af_live *live, struct af_failure *why)
{
    struct af_store_options options = {.trouble = trouble, .arg = live};
    if (live->flow == NULL || live->flow->roles[live->role].sequential)
        return af_failure_set(why, AF_FAILURE_USAGE, "--state",
                              "is for state machines: a sequential script cannot go on after a "
                              "crash");
    live->store = af_store_open(live->options->state, live->loop, &options, why);
    if (live->store == NULL || af_store_each(live->store, look, live, why) != 0 ||
        af_live_reload_open(live, why) != 0)
        return -1;
    return af_live_reload_start(live, why);
}

int af_live_state_read(struct af_live *live, struct af_failure *why)
{
    return af_store_read(live->store, live->kept->id, look, live, why);
}

int af_live_state_begin(struct af_live *live, struct af_failure *why)
{
    struct af_buf about_text = AF_BUF_EMPTY;
    struct af_party_about about =
        af_party_about_of(live->script, live->options->path, live->options->role,
                          live->options->args, live->options->arg_count, &live->names);
    af_party_about_write(&about, &about_text);
    struct af_store_party party = {.task = live->options->task,
                                   .node = live->options->node,
                                   .about = af_buf_text(&about_text),
                                   .data = "{}",
                                   .data_len = 2,
                                   .timers = "[]",
                                   .progress = -1,
                                   .made_ns = af_loop_wall_ns(live->loop),
                                   .code = live->of->hash,
                                   .seals = af_veil_in_flow(live->flow)};
    struct af_store_code code = {live->of->hash, af_script_file(live->script)->name,
                                 live->flow->name, live->flow->version, &live->of->code};
    randombytes_buf(&party.seed, sizeof party.seed);
    party.id = af_store_keep_code(live->store, &code, why) == 0
                   ? af_store_add(live->store, &party, why)
                   : -1;
    if (party.id >= 0) {
        live->kept = copy_party(live, &party);
        af_party_run_name_holder(live->kept->seed, live->holder);
    }
    af_buf_release(&about_text);
    return party.id < 0 ? -1 : 0;
}

/* What the command line says must be what the party was made with; what it leaves out is known. */
static int compare(const struct af_live *live, const struct af_party_about *about,
                   struct af_failure *why)
{
    const struct af_live_options *options = live->options;
    if (strcmp(about->flow, live->flow->name) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, options->state,
                              "keeps a party of the flow '%s' for task '%s', not of '%s'",
                              about->flow, options->task, live->flow->name);
    if (strcmp(about->role, options->role) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "--role",
                              "'%s' has the role '%s' in task '%s' of %s, not '%s'", options->node,
                              about->role, options->task, options->state, options->role);
    for (size_t i = 0; i < options->arg_count; i++) {
        bool same = false;
        for (size_t j = 0; j < about->arg_count; j++)
            same = same || (strcmp(options->args[i].name, about->args[j].name) == 0 &&
                            strcmp(options->args[i].value, about->args[j].value) == 0);
        if (!same)
            return af_failure_set(why, AF_FAILURE_USAGE, "--arg",
                                  "'%s' is not what the party in %s was started with",
                                  options->args[i].name, options->state);
    }
    bool same = options->peer_count == 0 || options->peer_count == about->member_count;
    for (size_t i = 0; i < options->peer_count && same; i++) {
        bool found = false;
        for (size_t j = 0; j < about->member_count; j++)
            found = found || (strcmp(options->peers[i].node, about->members[j].id) == 0 &&
                              about->members[j].role != NULL &&
                              strcmp(options->peers[i].role, about->members[j].role) == 0);
        same = found;
    }
    return same ? 0
                : af_failure_set(why, AF_FAILURE_USAGE, "--peers",
                                 "are not those with which the party in %s was started",
                                 options->state);
}

int af_live_state_go_on(struct af_live *live, struct af_failure *why)
{
    struct af_party_about about;
    struct af_script_member *members;
    if (af_party_about_read(live->kept->about, &live->names, &about, why) != 0 ||
        compare(live, &about, why) != 0 ||
        af_party_about_members(&about, live->flow, &live->names, &members, why) != 0)
        return -1;
    for (size_t i = 0; i < about.member_count; i++)
        if (strcmp(members[i].id, live->options->node) == 0)
            live->member = (uint32_t)i;
    if (af_script_set_task(live->script, live->options->task, members, about.member_count,
                           about.args, about.arg_count, why) != 0)
        return -1;
    live->kept->held = NULL; /* the next start is the retry */
    af_party_run_name_holder(live->kept->seed, live->holder);
    return af_live_party_start(live, why);
}
