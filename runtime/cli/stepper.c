/* stepper.c: see stepper.h. */
#include "cli/stepper.h"

#include "trace/contract.h"
#include "base/log.h"
#include "base/near.h"
#include "party/party.h"
#include "script/script.h"
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "  Enter, n     the next step\n"
                           "  p            all parties: state, queue\n"
                           "  d PARTY      its data\n"
                           "  q PARTY      its queue and what it has deferred\n"
                           "  c            go on to the end\n"
                           "  x            leave\n";

void af_stepper_record(struct af_stepper *stepper, const char *line, size_t len)
{
    if (stepper->runs_on)
        return;
    af_buf_append(&stepper->records, "  ", 2);
    af_buf_append(&stepper->records, line, len);
    af_buf_append_char(&stepper->records, '\n');
}

void af_stepper_release(struct af_stepper *stepper)
{
    af_buf_release(&stepper->records);
}

static struct af_party *find_party(const struct af_sim *sim, const char *id)
{
    size_t i = af_sim_find_party(sim, id);
    return i < af_sim_party_count(sim) ? af_sim_party(sim, i) : NULL;
}

static void show_parties(const struct af_sim *sim)
{
    static const char *const words[] = {"not started", "", "done", "failed", "lost"};
    for (size_t i = 0; i < af_sim_party_count(sim); i++) {
        const struct af_party *party = af_sim_party(sim, i);
        if (party == NULL)
            continue;
        const struct af_flow_state *state = af_party_state(party);
        printf("  %-20s %-24s %zu queued, %zu deferred%s%s%s\n", af_sim_party_id(sim, i),
               state == NULL ? "-" : state->name, af_party_queued(party), af_party_deferred(party),
               af_party_is_down(party) ? ", down" : "",
               words[af_party_status(party)][0] ? ", " : "", words[af_party_status(party)]);
    }
}

static void show_data(struct af_party *party)
{
    size_t len;
    const char *data = af_script_party_data(af_party_script(party), &len);
    printf("  ");
    af_log_write_safe(stdout, data, len);
    putchar('\n');
}

static void show_queue(const struct af_party *party)
{
    size_t queued = af_party_queued(party), count = queued + af_party_deferred(party);
    for (size_t i = 0; i < count; i++) {
        const struct af_contract *contract = af_party_waiting_contract(party, i);
        printf("  %s %s from %s\n", i < queued ? "queued  " : "deferred", contract->type,
               contract->from == NULL ? "?" : contract->from);
    }
    if (count == 0)
        puts("  empty");
}

static void refuse_party(const struct af_sim *sim, const char *name)
{
    struct af_near near;
    af_near_init(&near, name);
    for (size_t i = 0; i < af_sim_party_count(sim); i++)
        af_near_add(&near, af_sim_party_id(sim, i));
    printf("  there is no party '%s'%s\n", name, af_near_text(&near, "there are"));
    af_near_release(&near);
}

/* One command; returns 'n' to go on by a step, 'c' to the end, 'x' to leave, 0 to ask again. */
static int obey(const char *line, struct af_sim *sim)
{
    char word[8] = "n", name[200] = "";
    sscanf(line, "%7s %199s", word, name);
    struct af_party *party = find_party(sim, name);
    if (strcmp(word, "n") == 0 || strcmp(word, "c") == 0 || strcmp(word, "x") == 0)
        return word[0];
    if (strcmp(word, "p") == 0)
        show_parties(sim);
    else if ((strcmp(word, "d") == 0 || strcmp(word, "q") == 0) && party == NULL)
        refuse_party(sim, name);
    else if (strcmp(word, "d") == 0)
        show_data(party);
    else if (strcmp(word, "q") == 0)
        show_queue(party);
    else
        fputs(help, stdout);
    return 0;
}

bool af_stepper_ask(struct af_stepper *stepper, struct af_sim *sim)
{
    char line[256];
    if (stepper->runs_on)
        return true;
    if (!stepper->greeted)
        fputs(help, stdout);
    stepper->greeted = true;
    fputs(af_buf_text(&stepper->records), stdout);
    af_buf_clear(&stepper->records);
    for (;;) {
        printf("step %llu, %.6f s> ", (unsigned long long)af_sim_steps(sim) + 1,
               (double)af_sim_now_ns(sim) / 1e9);
        fflush(stdout);
        int what = fgets(line, sizeof line, stdin) == NULL ? 'c' : obey(line, sim);
        if (what == 0)
            continue;
        stepper->runs_on = what == 'c';
        stepper->left = what == 'x';
        return what != 'x';
    }
}
