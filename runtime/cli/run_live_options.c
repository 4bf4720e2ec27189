/* run_live_options.c: the options of a party for real: see run_options.h. */
#include "cli/run_options.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define OPTIONS(target) ((struct af_run_options *)(target))

/* An ID: as long as a bus takes it, no blanks, not "*". */
static int check_id(const char *value, struct af_failure *why)
{
    if (value[0] == '\0' || strlen(value) > AF_BUS_ID_BYTES_MAX || strcmp(value, "*") == 0 ||
        strpbrk(value, " \t\r\n") != NULL || !af_json_is_utf8(value, strlen(value)))
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected an ID without blanks, got '%s'",
                              value);
    return 0;
}

int af_run_set_shared(void *target, const char *value, struct af_failure *why)
{
    if (value[0] == '\0')
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected a file");
    OPTIONS(target)->shared = value;
    return 0;
}

int af_run_set_bus(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    OPTIONS(target)->bus = value;
    return 0;
}

int af_run_set_role(void *target, const char *value, struct af_failure *why)
{
    OPTIONS(target)->role = value;
    return check_id(value, why);
}

int af_run_set_node(void *target, const char *value, struct af_failure *why)
{
    OPTIONS(target)->node = value;
    return check_id(value, why);
}

int af_run_set_task(void *target, const char *value, struct af_failure *why)
{
    OPTIONS(target)->task = value;
    return check_id(value, why);
}

int af_run_set_state(void *target, const char *value, struct af_failure *why)
{
    if (value[0] == '\0')
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected a file");
    OPTIONS(target)->state = value;
    return 0;
}

int af_run_set_config(void *target, const char *value, struct af_failure *why)
{
    (void)why;
    OPTIONS(target)->config_path = value;
    return 0;
}

/* ---- role=ID,ID;role=ID ---- */

static int add_peer(struct af_run_options *options, const char *role, size_t role_len,
                    const char *id, size_t id_len, struct af_failure *why)
{
    char *text = af_mem_alloc(role_len + id_len + 2);
    memcpy(text, role, role_len);
    text[role_len] = '\0';
    memcpy(text + role_len + 1, id, id_len);
    text[role_len + 1 + id_len] = '\0';
    af_mem_reserve(&options->peers, &options->peer_cap, options->peer_count + 1,
                   sizeof *options->peers);
    struct af_live_peer *peer = &options->peers[options->peer_count++];
    *peer = (struct af_live_peer){text, text + role_len + 1}; /* one block, freed by the role */
    for (size_t i = 0; i + 1 < options->peer_count; i++)
        if (strcmp(options->peers[i].id, peer->id) == 0)
            return af_failure_set(why, AF_FAILURE_USAGE, "", "names the node '%s' twice", peer->id);
    return check_id(peer->id, why);
}

int af_run_set_peers(void *target, const char *value, struct af_failure *why)
{
    struct af_run_options *options = target;
    const char *at = value;
    for (;;) {
        size_t part = strcspn(at, ";");
        const char *equals = memchr(at, '=', part);
        if (equals == NULL || equals == at)
            return af_failure_set(why, AF_FAILURE_USAGE, "",
                                  "expected role=ID,ID;role=ID, got '%s'", value);
        for (const char *id = equals + 1;;) {
            size_t len = strcspn(id, ",;");
            if (add_peer(options, at, (size_t)(equals - at), id, len, why) != 0)
                return -1;
            if (id[len] != ',')
                break;
            id += len + 1;
        }
        if (at[part] == '\0')
            return 0;
        at += part + 1;
    }
}

/* ---- Together. ---- */

bool af_run_is_live(const struct af_run_options *options)
{
    return options->bus != NULL || options->shared != NULL;
}

/* The first option that decides a simulated run, and nothing of a real one; NULL: there is none. */
static char *simulation_option(const struct af_run_options *options)
{
    struct af_json_reader reader;
    char *found = NULL;
    af_json_reader_init(&reader, options->sim.recorded, strlen(options->sim.recorded));
    af_json_next(&reader);
    while (found == NULL && af_json_next(&reader) == AF_JSON_STRING) {
        char *word = af_mem_copy(reader.string, reader.string_len);
        word[strcspn(word, "=")] = '\0';
        if (strcmp(word, "--arg") != 0 && strcmp(word, "--allow-fail") != 0)
            found = word;
        else
            free(word);
    }
    af_json_reader_release(&reader);
    return found;
}

static int check_together(const struct af_run_options *options, struct af_failure *why)
{
    char *simulated = simulation_option(options);
    if (simulated == NULL && options->runs > 1)
        simulated = af_mem_string("--runs");
    if (simulated != NULL) {
        af_failure_set(why, AF_FAILURE_USAGE, simulated, "is for a simulation (--mock alone)");
        free(simulated);
        return -1;
    }
    if (options->trace_path != NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "--trace",
                              "is for a simulation (--mock alone)");
    if (options->sim.path_count > 1)
        return af_failure_set(why, AF_FAILURE_USAGE, options->sim.paths[1],
                              "one file is one party; several scripts run together with --mock "
                              "alone");
    if (options->bus != NULL && options->mock)
        return af_failure_set(why, AF_FAILURE_USAGE, "--mock",
                              "does not go with --bus: a run is simulated, or for real");
    return 0;
}

int af_run_live_options(const struct af_run_options *options, struct af_live_options *live,
                        struct af_failure *why)
{
    if (check_together(options, why) != 0)
        return -1;
    *live = (struct af_live_options){.path = options->sim.paths[0],
                                     .bus = options->bus,
                                     .node = options->node,
                                     .role = options->role,
                                     .task = options->task,
                                     .peers = options->peers,
                                     .peer_count = options->peer_count,
                                     .args = options->sim.args,
                                     .arg_count = options->sim.arg_count,
                                     .grants = &options->sim.grants,
                                     .mock = options->bus == NULL,
                                     .state = options->state,
                                     .allow_fail = options->sim.allow_fail,
                                     .quiet = options->verbosity < 0,
                                     .interrupt_fd = -1};
    return 0;
}
