/* trace.h: a run as JSON Lines.
 *
 * The first line is the header, every other line one record. Keys stand in the order given here; a
 * key in brackets is left out where it does not apply. Times `t` are integers: nanoseconds of virtual
 * time. There are no paths, process numbers or wall-clock times in a trace.
 *
 * header  {"trace":1, "flow", "version", "file":[base names of the files], "hash":[SHA-256 of each],
 *          "seed", "options":{…as given, for replay}, "parties":[{"id","role"}…]}
 *
 * {"t","kind", …} and then, by kind:
 *   start       party, state, data_hash, [data]           the party's first transaction is committed
 *   send        party, to:[id…], type, uuid, bytes, content
 *   deliver     party, from, type, uuid                   a contract reaches the party that handles it
 *   drop        party, from, type, uuid, why              "loss", "lost" (the party is gone for good)
 *   duplicate   party, from, type, uuid, of               a second copy, uuid, of the contract `of`
 *   repeated    party, from, type, uuid                   the same uuid came again: not delivered
 *   defer       party, from, type, uuid                   kept for a later state
 *   ignore      party, from, type, uuid
 *   late        party, from, type, uuid                   the party had ended
 *   unexpected  party, from, type, uuid, state, why       dead-lettered; state as in "state"
 *   timer       party, timer, due                         armed ("after" or a deadline's name)
 *   timeout     party, timer                              it fired
 *   state       party, state, entered, data_hash, [data]  a transaction is committed which entered a
 *                                                         state (entered: true) or changed the data
 *   log         party, text
 *   progress    party, percent
 *   upload      party, url, bytes
 *   launch, dataset  party, …                             calls to the task manager
 *   wait        party, call, [line]                       a handler or script waits for an answer
 *   crash       party, until                              the party is down
 *   restart     party                                     it is back, with what it had committed
 *   lost        party                                     it has vanished for good
 *   cut, heal   groups:[[id…],[id…]]                      a partition begins, ends
 *   done        party, result                             (null without one)
 *   fail        party, reason                             af.fail: an outcome
 *   error       party, message                            a handler raised; message has file and line
 *   violation   invariant, message
 *   stuck       party, state, waits_for, [line]           named when nothing can move any more
 *   end         outcome, [message]                        "ok", "failed", "stuck", "until", "interrupted"
 *                                                         : the last record
 */
#ifndef AF_TRACE_H
#define AF_TRACE_H

#define AF_TRACE_VERSION 1

#endif
