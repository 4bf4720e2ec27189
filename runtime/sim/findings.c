/* findings.c: what is wrong: the first of it, as lines. */
#include "sim/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *af_sim_finding_word(enum af_sim_finding_kind kind)
{
    static const char *const words[] = {"error",    "unexpected", "failed",     "invariant",
                                        "refused",  "stuck",      "until",      "steps",
                                        "schedule", "monitor",    "eventually", "leads_to"};
    return words[kind];
}

void af_sim_finding(struct af_sim *sim, enum af_sim_finding_kind kind, const char *party,
                    const char *format, ...)
{
    char line[AF_FAILURE_TEXT_MAX + 300];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    sim->failed = true;
    for (char *at = line; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    if (sim->finding_count == AF_SIM_FINDINGS_MAX) {
        sim->findings_left_out++;
        return;
    }
    af_mem_reserve(&sim->findings, &sim->finding_cap, sim->finding_count + 1,
                   sizeof *sim->findings);
    sim->findings[sim->finding_count++] = (struct af_sim_finding){
        kind, party == NULL ? NULL : af_mem_string(party), af_mem_string(line)};
}

void af_sim_findings_free(struct af_sim_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(findings[i].party);
        free(findings[i].text);
    }
    free(findings);
}
