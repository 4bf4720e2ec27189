/* journal.h: how a step of a party stands in its journal. */
#ifndef AF_RUN_JOURNAL_H
#define AF_RUN_JOURNAL_H

#include "party/party.h"

#include <stddef.h>
#include <stdint.h>

struct af_buf;
struct af_contract;
struct af_facts;

/* The kind of its entry. */
const char *af_run_step_kind(enum af_step_kind kind);

/* What is told of a contract beside its content, as the name of the entry by which it is deferred:
 * {"version"}. Nothing is written where nothing is told, which reads NULL; false: it is no such
 * text. */
void af_run_write_facts(const struct af_facts *facts, struct af_buf *out);
bool af_run_read_facts(const char *text, struct af_facts *facts);

/* Appends what it sends to members of the script's task to a JSON list, whose end is the caller's:
 * {"to":[…], "uuid", "title", "type", "time", "version", "content"}. */
void af_run_write_send(struct af_script *script, const struct af_contract *contract,
                       const uint32_t *targets, size_t target_count, struct af_buf *out);

#endif
