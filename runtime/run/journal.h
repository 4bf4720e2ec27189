/* journal.h: how a step of a party stands in its journal. */
#ifndef AF_RUN_JOURNAL_H
#define AF_RUN_JOURNAL_H

#include "party/party.h"

#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_contract;

/* The kind of its entry. */
const char *af_run_step_kind(enum af_step_kind kind);

/* Appends what it sends to members of the script's task to a JSON list, whose end is the caller's:
 * {"to":[…], "uuid", "title", "type", "time", "version", "content"}. */
void af_run_write_send(struct af_script *script, const struct af_contract *contract,
                       const uint32_t *targets, size_t target_count, struct af_buf *out);

#endif
