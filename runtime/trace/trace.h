/* clang-format off */
/* trace.h: a run as JSON Lines. What is written here is read by `afrun chart` and `afrun replay`.
 *
 * The first line is the header, every other line one record. Keys stand in the order given here; a
 * key in brackets is left out where it does not apply. Times `t` are integers: nanoseconds of
 * virtual time. There are no paths, process numbers or wall-clock times in a trace.
 *
 * header  {"trace":1, "flow", "version", "file":[base names of the files], "hash":[SHA-256 of
 * each], "seed", "options":[words as given, for replay], ["schedule":[words…]],
 * "parties":[{"id","role"}…], ["journal":id]}
 *
 * journal: it is what one party has kept, without contents (ctl trace).
 *
 * A run that followed a schedule, whose words schedule.h describes, has it in its header, and is of
 * version 3: who knows version 1 alone would replay it as a run that was drawn. In one of version 2
 * a party takes up what it had deferred in the step that lets it go; since version 3 that is a step
 * of its own. All else is the same in all.
 *
 * {"t","kind", …} and then, by kind:
 *
 *   start            party, state, [through:[state…]], data_hash, [data]
 *                                                          its first transaction is committed;
 *                                                          through: states entered before, and left
 *                                                          at once
 *   send             party, to:[id…], type, uuid, bytes, content
 *   deliver          party, from, type, uuid               a contract reaches who handles it
 *   hand             party, type, uuid                     its operator has given it an event, which
 *                                                          it takes when its state wants it
 *   repeated         party, from, type, uuid               the same uuid came again: not delivered
 *   defer            party, from, type, uuid               kept for a later state
 *   ignore           party, from, type, uuid
 *   late             party, from, type, uuid               the party had ended
 *   unexpected       party, from, type, uuid, why          dead-lettered
 *   timer            party, timer, due                     armed: "after", or a deadline's name
 *   state            party, state, entered, [through:[state…]], data_hash, [data]
 *                                                          a commit entered a state, or changed the
 *                                                          data
 *   pause, resume    party                                 its operator has it wait, and go on
 *   reload           party, versions, state, data_hash, [data]  it goes on with another version of
 *                                                          its flow: "1 to 2"
 *   refused          party, state, why                     it cannot go on with the other version
 *   log              party, text
 *   progress         party, percent
 *   upload           party, url, bytes
 *   run              party, program, status                a program has ended; its name alone
 *   launch, dataset  party, …                              calls to the task manager
 *   wait             party, call, [line]                   a handler or script waits for an answer
 *   restart          party                                 it is back, with what it had committed
 *   cut, heal        groups:[[id…],[id…]]                  a partition begins, ends
 *   done             party, result                         null without one
 *   fail             party, reason                         af.fail: an outcome
 *   error            party, message                        a handler raised: with file and line
 *   monitor          party, monitor, seen                  a step of the party has given the monitor
 *                                                          something new to keep
 *   violation        invariant | monitor | eventually | leads_to, message      its name
 *   loop             ends                                  what follows is done again and again; from
 *                                                          where it ends the run goes on there
 *   stuck            party, state, waits_for, [line],      when nothing can move any more
 *                    [file]                              … of a module, if the line is there
 *   end              outcome, [message]                    "ok", "failed", "stuck", "until",
 *                                                          "interrupted": the last record
 *
 * The records of faults are rows of schedule.h: drop, duplicate, timeout, crash, lost.
 *
 * In content and data a secret is a word of veil.h, and data_hash depends on their key: equal runs
 * have equal ones.
 */
/* clang-format on */
#ifndef AF_TRACE_H
#define AF_TRACE_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AF_TRACE_VERSION 1
#define AF_TRACE_VERSION_AT_ONCE 2 /* is read, and written by its replay alone */
#define AF_TRACE_VERSION_SCHEDULED 3

struct af_contract;
struct af_flow;
struct af_trace;

/* Is given each line, without its newline. */
typedef void af_trace_line_fn(void *arg, const char *line, size_t len);

/* A trace that gives its lines to fn(arg, …); with_data: party data as they are, not only a hash.
 */
struct af_trace *af_trace_new(af_trace_line_fn *fn, void *arg, bool with_data);
void af_trace_free(struct af_trace *trace);
bool af_trace_with_data(const struct af_trace *trace);

/* A record: begun, filled field by field in the order of the calls, ended. `trace` may be NULL
 * everywhere: then nothing happens. The header has no time and no kind (NULL). */
void af_trace_begin(struct af_trace *trace, int64_t now_ns, const char *kind);
void af_trace_string(struct af_trace *trace, const char *name, const char *text);
void af_trace_text(struct af_trace *trace, const char *name, const char *text, size_t len);
void af_trace_integer(struct af_trace *trace, const char *name, int64_t value);
void af_trace_bool(struct af_trace *trace, const char *name, bool value);
void af_trace_uuid(struct af_trace *trace, const char *name, struct af_hash uuid);

/* A field that is JSON already. */
void af_trace_json(struct af_trace *trace, const char *name, const char *json, size_t len);

/* From here on secrets are shown under this key (trace/veil.h), in contracts as the flow declares
 * them: borrowed; of more than one, as the first that has any. */
void af_trace_veil(struct af_trace *trace, struct af_hash key, const struct af_flow *flow);

/* A contract's content. */
void af_trace_content(struct af_trace *trace, const struct af_contract *contract);

/* data_hash, and data where they are wanted. */
void af_trace_data(struct af_trace *trace, const char *data, size_t len);
void af_trace_end(struct af_trace *trace);

/* A whole record about a contract: party, from, type, uuid, and why unless NULL. */
void af_trace_contract(struct af_trace *trace, int64_t now_ns, const char *kind, const char *party,
                       const struct af_contract *contract, const char *why);

/* A whole record of a party and one text: {"t","kind","party", name: text}. */
void af_trace_party(struct af_trace *trace, int64_t now_ns, const char *kind, const char *party,
                    const char *name, const char *text);

#endif
