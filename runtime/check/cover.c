/* cover.c: what of the flow no run reaches, and what grows without end. */
#include "check/result.h"
#include "check/call.h"
#include "check/known.h"

#include "json/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What no run reaches: states, and events that a state handles. ---- */

struct cover {
    struct af_check *check;
    uint32_t *words; /* of what is told: where texts stand is known when all are there */
    size_t word_cap, cap, count;
};

/* Whether the state's row of the event is one of every state. */
static bool is_always(const struct af_flow_state *state, int event)
{
    return state->always != NULL && state->always[event];
}

static void add(struct cover *cover, const char *role, const struct af_flow_state *state, int event)
{
    struct af_check *check = cover->check;
    const char *type = event < 0 ? NULL : check->flows[0]->events[event].type;
    struct af_flow_line line = event < 0 ? state->line : state->lines[event];
    char text[300];
    if (event < 0)
        snprintf(text, sizeof text, "%s: state '%s'", role, state->name);
    else
        snprintf(text, sizeof text, "%s: event '%s' in %s%s%s", role, type,
                 is_always(state, event) ? "every state" : "state '",
                 is_always(state, event) ? "" : state->name, is_always(state, event) ? "" : "'");
    af_mem_reserve(&check->telling->unreached, &cover->cap, cover->count + 1,
                   sizeof *check->telling->unreached);
    af_mem_reserve(&cover->words, &cover->word_cap, cover->count + 1, sizeof *cover->words);
    cover->words[cover->count] = af_check_text(&check->telling->texts, text);
    check->telling->unreached[cover->count++] =
        (struct af_check_unreached){NULL, line, role, state->name, type};
}

/* Whether a party of the role was in the state, and whether it was given an event there. */
static bool was_in(const struct af_check *check, uint32_t role, uint32_t state)
{
    if (check->calls->passed[role][state])
        return true;
    for (uint32_t i = 0; i < check->local_keys.count; i++) {
        const struct af_check_local *local = &check->locals[i];
        if (local->version == 0 && check->roles[0][local->member] == role && local->state == state)
            return true;
    }
    return false;
}

static bool was_given(const struct af_check *check, uint32_t role, uint32_t state, int event)
{
    for (uint32_t i = 0; i < check->calls->keys.count; i++) {
        size_t len;
        const uint32_t *key = af_check_word_bytes(&check->calls->keys, i, &len);
        if (key[1] == AF_CHECK_NONE || (key[2] >= AF_CHECK_TIMER && key[2] != AF_CHECK_RECALL))
            continue;
        struct af_check_local local;
        memcpy(&local, key + 3, AF_CHECK_CALL_KEYS * sizeof *key);
        uint32_t contract = key[2] == AF_CHECK_RECALL ? af_check_recalls(check, &local) : key[2];
        if (local.version == 0 && check->roles[0][local.member] == role && local.state == state &&
            check->messages[contract].event[0] == event)
            return true;
    }
    return false;
}

/* A row of every state is told once, at the first state that has it, if no party was given the
 * event in any. */
static void cover_always(struct cover *cover, uint32_t role, uint32_t number, int event)
{
    const struct af_flow_role *of = &cover->check->flows[0]->roles[role];
    for (uint32_t i = 0; i < of->state_count; i++) {
        if (!is_always(&of->states[i], event))
            continue;
        if ((i < number && was_in(cover->check, role, i)) ||
            was_given(cover->check, role, i, event))
            return;
    }
    add(cover, of->name, &of->states[number], event);
}

static void cover_state(struct cover *cover, uint32_t role, uint32_t number)
{
    const struct af_check *check = cover->check;
    const struct af_flow *flow = check->flows[0];
    const struct af_flow_state *state = &flow->roles[role].states[number];
    if (!was_in(check, role, number)) {
        add(cover, flow->roles[role].name, state, -1);
        return;
    }
    for (size_t event = 0; event < flow->event_count; event++) {
        if (state->events[event] != AF_EVENT_HANDLED || was_given(check, role, number, (int)event))
            continue;
        if (is_always(state, (int)event))
            cover_always(cover, role, number, (int)event);
        else
            add(cover, flow->roles[role].name, state, (int)event);
    }
}

static bool has_member(const struct af_check *check, uint32_t role)
{
    for (uint32_t i = 0; i < check->members; i++)
        if (check->roles[0][i] == role)
            return true;
    return false;
}

/* ---- What grows. ---- */

struct growth {    /* of one number, list or text in the data of a role */
    uint32_t path; /* a word */
    uint32_t role;
    uint32_t last; /* the party in whose data it was largest so far */
    uint64_t largest;
    uint32_t rises;
};

struct growths {
    struct af_check *check;
    struct growth *items;
    size_t count, cap;
    uint32_t role, local;
};

static void measure(struct growths *growths, const char *path, uint64_t size)
{
    uint32_t word = af_check_text(&growths->check->telling->texts, path);
    size_t i = 0;
    while (i < growths->count &&
           (growths->items[i].path != word || growths->items[i].role != growths->role))
        i++;
    if (i == growths->count) {
        if (growths->count >= 1000)
            return;
        af_mem_reserve(&growths->items, &growths->cap, growths->count + 1, sizeof *growths->items);
        growths->items[growths->count++] =
            (struct growth){word, growths->role, growths->local, size, 0};
        return;
    }
    struct growth *item = &growths->items[i];
    if (size <= item->largest)
        return;
    item->largest = size;
    item->last = growths->local;
    item->rises++;
}

/* Walks a value that begins with this token. Returns false at its mistake. */
static bool walk(struct growths *growths, struct af_json_reader *reader, enum af_json_token token,
                 const char *path)
{
    char inner[200];
    uint64_t count = 0;
    if (token == AF_JSON_INTEGER && reader->integer > 0)
        measure(growths, path, (uint64_t)reader->integer);
    if (token == AF_JSON_DOUBLE && reader->number > 0 && reader->number < 1e15)
        measure(growths, path, (uint64_t)reader->number);
    if (token == AF_JSON_STRING)
        measure(growths, path, reader->string_len);
    if (token != AF_JSON_OBJECT_BEGIN && token != AF_JSON_ARRAY_BEGIN)
        return token != AF_JSON_ERROR;
    bool object = token == AF_JSON_OBJECT_BEGIN;
    enum af_json_token end = object ? AF_JSON_OBJECT_END : AF_JSON_ARRAY_END;
    while ((token = af_json_next(reader)) != end) {
        if (token == AF_JSON_ERROR || token == AF_JSON_END)
            return false;
        count++;
        if (object)
            snprintf(inner, sizeof inner, "%.100s.%.*s", path,
                     (int)(reader->string_len > 60 ? 60 : reader->string_len), reader->string);
        else
            snprintf(inner, sizeof inner, "%.150s[]", path);
        if (!walk(growths, reader, object ? af_json_next(reader) : token, inner))
            return false;
    }
    snprintf(inner, sizeof inner, "%.180s (its length)", path);
    measure(growths, inner, count);
    return true;
}

/* The value that rose most often and is still rising: in the later half of all parties. */
static uint32_t find_growing(struct af_check *check)
{
    struct growths growths = {.check = check};
    uint32_t count = check->local_keys.count, step = count / 20000 + 1;
    for (uint32_t i = 0; i < count; i += step) {
        const struct af_check_local *local = &check->locals[i];
        struct af_json_reader reader;
        size_t len;
        const char *data = af_check_word_bytes(&check->words, local->data, &len);
        growths.role = check->roles[0][local->member];
        growths.local = i;
        af_json_reader_init(&reader, data, len);
        walk(&growths, &reader, af_json_next(&reader), "data");
        af_json_reader_release(&reader);
        af_check_word_bytes(&check->words, local->deferred, &len);
        measure(&growths, "the list of deferred events", len / sizeof(uint32_t));
    }
    const struct growth *most = NULL;
    for (size_t i = 0; i < growths.count; i++)
        if (growths.items[i].rises >= 10 && growths.items[i].last >= count / 2 &&
            (most == NULL || growths.items[i].rises > most->rises))
            most = &growths.items[i];
    uint32_t told = AF_CHECK_NONE;
    if (most != NULL) {
        char text[400];
        snprintf(text, sizeof text, "%s of %s grows with the depth: it has reached %llu so far",
                 (const char *)af_check_word_bytes(&check->telling->texts, most->path, NULL),
                 check->flows[0]->roles[most->role].name, (unsigned long long)most->largest);
        told = af_check_text(&check->telling->texts, text);
    }
    free(growths.items);
    return told;
}

void af_check_cover(struct af_check *check, struct af_check_result *result)
{
    struct cover cover = {.check = check};
    uint32_t growing = AF_CHECK_NONE;
    for (uint32_t role = 0; role < check->flows[0]->role_count; role++)
        for (uint32_t state = 0;
             has_member(check, role) && state < check->flows[0]->roles[role].state_count; state++)
            cover_state(&cover, role, state);
    if (!result->exhaustive)
        growing = find_growing(check);
    for (size_t i = 0; i < cover.count; i++)
        check->telling->unreached[i].what =
            af_check_word_bytes(&check->telling->texts, cover.words[i], NULL);
    free(cover.words);
    if (growing != AF_CHECK_NONE)
        result->growing = af_check_word_bytes(&check->telling->texts, growing, NULL);
    result->unreached = check->telling->unreached;
    result->unreached_count = cover.count;
}
