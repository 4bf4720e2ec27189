/* schedule.c: see schedule.h. */
#include "trace/schedule.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "json/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_DIGITS = 32 };

/* How many words follow that of a kind: who; which timer of it; which contract to it. */
static const size_t word_counts[] = {
    [AF_SCHEDULE_PARTY] = 1, [AF_SCHEDULE_TIMER] = 2, [AF_SCHEDULE_CONTRACT] = 4};

#define STEP(KIND, word, about, need) {word, need, AF_SCHEDULE_##about, AF_FAULTS},
#define FAULT(KIND, word, about, need, ...) {word, need, AF_SCHEDULE_##about, AF_FAULT_##KIND},

static const struct {
    const char *word, *need;
    enum af_schedule_about about;
    enum af_fault fault;
} kinds[] = {AF_SCHEDULE_ROWS(STEP, FAULT)};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

const char *af_schedule_word(enum af_schedule_kind kind)
{
    return kinds[kind].word;
}

enum af_schedule_about af_schedule_about(enum af_schedule_kind kind)
{
    return kinds[kind].about;
}

enum af_fault af_schedule_fault(enum af_schedule_kind kind)
{
    return kinds[kind].fault;
}

const char *af_schedule_fault_word(enum af_fault fault)
{
    size_t kind = 0;
    while (kinds[kind].fault != fault)
        kind++;
    return kinds[kind].word;
}

/* Contents are hashed under a fixed key: what one program wrote, another finds. */
struct af_hash af_schedule_content(const char *content, size_t len)
{
    return af_hash_bytes((struct af_hash){0x6166727363686564u, 0x636f6e74656e7431u}, content, len);
}

/* ---- Steps. ---- */

static char *copy_or_null(const char *text)
{
    return text == NULL ? NULL : af_mem_string(text);
}

void af_schedule_add(struct af_schedule *schedule, const struct af_schedule_step *step)
{
    af_mem_reserve(&schedule->steps, &schedule->cap, schedule->count + 1, sizeof *schedule->steps);
    schedule->steps[schedule->count++] =
        (struct af_schedule_step){.kind = step->kind,
                                  .party = af_mem_string(step->party),
                                  .from = copy_or_null(step->from),
                                  .type = copy_or_null(step->type),
                                  .content = step->content,
                                  .timer = copy_or_null(step->timer)};
}

void af_schedule_release(struct af_schedule *schedule)
{
    for (size_t i = 0; i < schedule->count; i++) {
        free(schedule->steps[i].party);
        free(schedule->steps[i].from);
        free(schedule->steps[i].type);
        free(schedule->steps[i].timer);
    }
    free(schedule->steps);
    *schedule = (struct af_schedule)AF_SCHEDULE_EMPTY;
}

/* ---- Writing. ---- */

static void write_word(struct af_buf *out, const char *word)
{
    af_buf_append_char(out, ',');
    af_json_write_text(out, word);
}

void af_schedule_write(const struct af_schedule *schedule, struct af_buf *out)
{
    af_buf_append_char(out, '[');
    for (size_t i = 0; i < schedule->count; i++) {
        const struct af_schedule_step *step = &schedule->steps[i];
        af_buf_printf(out, "%s%s\"%s\"", i == 0 ? "" : ",",
                      schedule->loop == i + 1 ? "\"loop\"," : "", kinds[step->kind].word);
        write_word(out, step->party);
        if (kinds[step->kind].about == AF_SCHEDULE_TIMER)
            write_word(out, step->timer == NULL ? "" : step->timer);
        if (kinds[step->kind].about != AF_SCHEDULE_CONTRACT)
            continue;
        write_word(out, step->from);
        write_word(out, step->type);
        char content[AF_HASH_HEX_BYTES];
        af_hash_hex(step->content, content);
        write_word(out, content);
    }
    af_buf_append_char(out, ']');
}

/* ---- Reading. ---- */

static bool read_hash(const char *text, struct af_hash *hash)
{
    uint64_t halves[2] = {0, 0};
    for (size_t i = 0; i < HASH_DIGITS; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);
        if (digit == NULL)
            return false;
        halves[i / 16] = halves[i / 16] << 4 | (uint64_t)(digit - digits);
    }
    *hash = (struct af_hash){halves[0], halves[1]};
    return text[HASH_DIGITS] == '\0';
}

static size_t find_kind(const char *word)
{
    size_t kind = 0;
    while (kind < KIND_COUNT && strcmp(kinds[kind].word, word) != 0)
        kind++;
    return kind;
}

static void refuse_kind(const char *word, size_t number, const char *what, struct af_failure *why)
{
    struct af_buf known = AF_BUF_EMPTY;
    for (size_t i = 0; i < KIND_COUNT; i++)
        af_buf_printf(&known, "%s%s",
                      i == 0               ? ""
                      : i + 1 < KIND_COUNT ? ", "
                                           : " or ",
                      kinds[i].word);
    af_failure_set(why, AF_FAILURE_USAGE, what, "step %zu: '%.100s' is no kind of step: %s", number,
                   word, af_buf_text(&known));
    af_buf_release(&known);
}

/* Reads the step that begins at words[0], of `left` there are; returns how many it takes, 0 with
 * *why filled. number counts steps from 1. */
static size_t read_step(struct af_schedule *schedule, char *const *words, size_t left,
                        size_t number, struct af_failure *why)
{
    static const char what[] = "the schedule";
    size_t kind = find_kind(words[0]);
    if (kind == KIND_COUNT) {
        refuse_kind(words[0], number, what, why);
        return 0;
    }
    enum af_schedule_about about = kinds[kind].about;
    size_t wanted = word_counts[about];
    if (left - 1 < wanted) {
        af_failure_set(why, AF_FAILURE_USAGE, what,
                       "step %zu: '%s' needs %zu more word%s, here are %zu", number, words[0],
                       wanted, wanted == 1 ? "" : "s", left - 1);
        return 0;
    }
    struct af_schedule_step step = {.kind = (enum af_schedule_kind)kind, .party = words[1]};
    if (about == AF_SCHEDULE_TIMER && words[2][0] != '\0')
        step.timer = words[2];
    if (about == AF_SCHEDULE_CONTRACT) {
        step.from = words[2];
        step.type = words[3];
        if (!read_hash(words[4], &step.content)) {
            af_failure_set(why, AF_FAILURE_USAGE, what,
                           "step %zu: '%.100s' is no hash of a content: 32 digits of 0-9 and a-f",
                           number, words[4]);
            return 0;
        }
    }
    af_schedule_add(schedule, &step);
    return 1 + wanted;
}

int af_schedule_read(struct af_schedule *schedule, char *const *words, size_t count,
                     struct af_failure *why)
{
    size_t taken = 1;
    for (size_t at = 0; at < count && taken > 0; at += taken) {
        if (schedule->loop == 0 && at + 1 < count && strcmp(words[at], "loop") == 0) {
            schedule->loop = schedule->count + 1;
            at++;
        }
        if (schedule->count < AF_SCHEDULE_STEPS_MAX) {
            taken = read_step(schedule, words + at, count - at, schedule->count + 1, why);
        } else {
            af_failure_set(why, AF_FAILURE_USAGE, "the schedule", "has more than %d steps",
                           AF_SCHEDULE_STEPS_MAX);
            taken = 0;
        }
    }
    if (taken > 0)
        return 0;
    af_schedule_release(schedule);
    return -1;
}

/* ---- For people. ---- */

void af_schedule_describe(const struct af_schedule_step *step, char *text, size_t size)
{
    const char *word = kinds[step->kind].word;
    enum af_schedule_about about = kinds[step->kind].about;
    if (about == AF_SCHEDULE_CONTRACT)
        snprintf(text, size, "%s '%s' from %s to %s", word, step->type, step->from, step->party);
    else if (about == AF_SCHEDULE_TIMER && step->timer != NULL)
        snprintf(text, size, "%s '%s' of %s", word, step->timer, step->party);
    else
        snprintf(text, size, "%s of %s", word, step->party);
}

void af_schedule_describe_need(const struct af_schedule_step *step, char *text, size_t size)
{
    const char *need = kinds[step->kind].need;
    if (kinds[step->kind].about == AF_SCHEDULE_CONTRACT)
        snprintf(text, size, need, step->type, step->from, step->party);
    else if (kinds[step->kind].about == AF_SCHEDULE_TIMER)
        snprintf(text, size, need, step->timer == NULL ? "timeout" : "deadline ",
                 step->timer == NULL ? "" : step->timer, step->party);
    else
        snprintf(text, size, need, step->party);
}
