/* effects.h: what a step has come to so far, and the most that it may come to.
 *
 * Whoever runs scripts adds to effects by these functions, so that a step is refused in the same
 * words wherever it runs. Those that return a text return NULL where it is added; else nothing is,
 * and the text (borrowed until the next call) says why not, for the script's call to raise. */
#ifndef AF_SCRIPT_EFFECTS_H
#define AF_SCRIPT_EFFECTS_H

#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nothing has come of it; the lists' memory is kept. With keep_logs its lines, and the bytes. */
void af_effects_clear(struct af_effects *effects, bool keep_logs);

/* Frees the lists and the bytes. */
void af_effects_release(struct af_effects *effects);

/* A send without targets, whose content is what is appended to effects->bytes from here on. It
 * counts when it is added, and the next is begun then, or after it was given up. */
struct af_send af_effects_begin_send(const struct af_effects *effects);

/* A member that is one of its targets is not added again. */
const char *af_effects_add_target(struct af_effects *effects, struct af_send *send,
                                  uint32_t member);

/* The members 0 to member_count - 1 without `but`, to a send that has no targets yet. */
const char *af_effects_add_everyone(struct af_effects *effects, struct af_send *send,
                                    size_t member_count, uint32_t but);

/* Its type, title and uuid are set, and its content is fit to be sent; nobody is told of a send
 * without targets. */
const char *af_effects_add_send(struct af_effects *effects, const struct af_flow *flow,
                                struct af_send *send);

/* delay_ns: see struct af_deadline. The caller knows that it is -1 to AF_TIME_MAX_NS. */
const char *af_effects_add_deadline(struct af_effects *effects, const char *name, size_t len,
                                    int64_t delay_ns);

const char *af_effects_add_log(struct af_effects *effects, const char *text, size_t len);
const char *af_effects_set_progress(struct af_effects *effects, int64_t percent);

/* Why one more line is refused that is told at once, after `told` others of the step; or NULL. */
const char *af_effects_refuse_line(size_t told);

/* How much is kept of a reason, an error or a traceback: all, or to the end of a character. */
size_t af_effects_text_len(const char *text, size_t len);

/* So much of it, for the caller to free. */
char *af_effects_copy_text(const char *text);

#endif
