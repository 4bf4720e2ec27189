/* kept.c: bytes beside a party's data, by their content. What a handler keeps is pending until its
 * transaction is committed, and is there for as long as something of the party names it. */
#include "party/impl.h"

#include "base/bounds.h"
#include "base/mem.h"
#include "script/calls.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of that ref, unless it goes with this step. */
static struct af_party_kept *find(const struct af_party *party, const char *ref)
{
    for (size_t i = 0; i < party->kept_count; i++)
        if (party->kept[i].is != AF_KEPT_GONE && strcmp(party->kept[i].ref, ref) == 0)
            return &party->kept[i];
    return NULL;
}

static void add(struct af_party *party, const char *ref, const void *bytes, size_t len,
                enum af_party_kept_is is)
{
    af_mem_reserve(&party->kept, &party->kept_cap, party->kept_count + 1, sizeof *party->kept);
    struct af_party_kept *kept = &party->kept[party->kept_count++];
    memcpy(kept->ref, ref, sizeof kept->ref);
    kept->bytes = af_mem_copy(bytes, len);
    kept->len = len;
    kept->is = is;
    party->kept_bytes += len;
}

static void wipe(struct af_party *party, struct af_party_kept *kept)
{
    if (kept->bytes == NULL)
        return;
    party->kept_bytes -= kept->len;
    sodium_memzero(kept->bytes, kept->len);
    free(kept->bytes);
    kept->bytes = NULL;
}

/* Takes those out that are in that state. */
static void take_out(struct af_party *party, enum af_party_kept_is is)
{
    size_t left = 0;
    for (size_t i = 0; i < party->kept_count; i++) {
        if (party->kept[i].is == is)
            wipe(party, &party->kept[i]);
        else
            party->kept[left++] = party->kept[i];
    }
    party->kept_count = left;
}

void af_party_kept_free(struct af_party *party)
{
    for (size_t i = 0; i < party->kept_count; i++)
        wipe(party, &party->kept[i]);
    free(party->kept);
    party->kept = NULL;
    party->kept_count = party->kept_cap = 0;
}

void af_party_restore_kept(struct af_party *party, const void *bytes, size_t len)
{
    char ref[AF_SCRIPT_REF_BYTES];
    af_script_ref(bytes, len, ref);
    if (find(party, ref) == NULL)
        add(party, ref, bytes, len, AF_KEPT_HELD);
}

/* ---- Commits. ---- */

void af_party_kept_drop(struct af_party *party)
{
    take_out(party, AF_KEPT_PENDING);
}

void af_party_kept_commit(struct af_party *party)
{
    for (size_t i = 0; i < party->kept_count; i++)
        if (party->kept[i].is == AF_KEPT_PENDING)
            party->kept[i].is = AF_KEPT_NEW;
}

void af_party_each_ref(const char *json, size_t len, void (*each)(void *arg, const char *ref),
                       void *arg)
{
    static const char quoted[] = "\"kept:";
    const char *at = json, *end = json + len;
    while (at != NULL && (at = memmem(at, (size_t)(end - at), quoted, sizeof quoted - 1)) != NULL) {
        char ref[AF_SCRIPT_REF_BYTES];
        at++; /* behind the quote, and canonical: nothing in a ref is escaped */
        if ((size_t)(end - at) > sizeof ref - 1 && at[sizeof ref - 1] == '"') {
            memcpy(ref, at, sizeof ref - 1);
            ref[sizeof ref - 1] = '\0';
            each(arg, ref);
        }
    }
}

static void note_named(void *arg, const char *ref)
{
    struct af_party_kept *kept = find(arg, ref);
    if (kept != NULL)
        kept->named = true;
}

static void note_all_named(struct af_party *party)
{
    size_t len;
    const char *data = af_script_party_data(party->script, &len);
    if (party->status > AF_PARTY_ACTIVE) { /* it has ended: its data are of no use any more */
        if (party->result != NULL)
            af_party_each_ref(party->result, strlen(party->result), note_named, party);
        return;
    }
    if (data != NULL)
        af_party_each_ref(data, len, note_named, party);
    for (size_t i = 0; i < party->deferred_count; i++)
        af_party_each_ref(party->deferred[i]->content, party->deferred[i]->content_len, note_named,
                          party);
}

void af_party_kept_step(struct af_party *party)
{
    if (party->kept_count == 0 || party->busy)
        return; /* a handler under way: its step tells */
    for (size_t i = 0; i < party->kept_count; i++)
        party->kept[i].named = false;
    note_all_named(party);
    for (size_t i = 0; i < party->kept_count; i++) {
        struct af_party_kept *kept = &party->kept[i];
        if (kept->named)
            continue;
        wipe(party, kept);
        kept->is = AF_KEPT_GONE;
    }
}

void af_party_kept_told(struct af_party *party)
{
    if (party->kept_count == 0 || party->busy)
        return;
    take_out(party, AF_KEPT_GONE);
    for (size_t i = 0; i < party->kept_count; i++)
        if (party->kept[i].is == AF_KEPT_NEW)
            party->kept[i].is = AF_KEPT_HELD;
}

const struct af_party_kept *af_party_kept(const struct af_party *party, size_t *count)
{
    *count = party->kept_count;
    return party->kept;
}

/* ---- Calls. ---- */

static void refuse(struct af_party *party, const struct af_asked *asked, const char *why)
{
    struct af_answer answer = {.failure = why, .now_ns = af_party_now(party)};
    af_script_answer(party->script, asked->call->id, &answer);
}

static void keep(struct af_party *party, const struct af_asked *asked)
{
    char ref[AF_SCRIPT_REF_BYTES];
    struct af_buf text = AF_BUF_EMPTY;
    const struct af_party_owner *owner = party->spec.owner;
    const struct af_script_call *call = asked->call;
    const char *bytes = call->bytes == NULL ? "" : call->bytes, *why = NULL;
    af_script_ref(bytes, call->bytes_len, ref);
    bool has = find(party, ref) != NULL;
    if (!has)
        why = af_script_keeps_no_more(party->kept_count, party->kept_bytes, call->bytes_len);
    if (!has && why == NULL && owner->keeps != NULL && !owner->keeps(owner->arg, &text))
        why = af_buf_text(&text);
    if (!has && why == NULL)
        add(party, ref, bytes, call->bytes_len, AF_KEPT_PENDING);
    if (why == NULL)
        af_script_answer_ref(asked, ref, af_party_now(party));
    else
        refuse(party, asked, why);
    af_buf_release(&text);
}

bool af_party_take_call(struct af_party *party, struct af_script_call *call)
{
    enum af_call number = af_script_call_number(call->name);
    struct af_asked asked;
    char why[200];
    if (number != AF_CALL_KEEP && number != AF_CALL_KEPT && number != AF_CALL_UPLOAD)
        return false;
    int read = af_script_call_read(&asked, party->script, call, why, sizeof why);
    const char *ref = af_request_string(&asked.request, "ref");
    const struct af_party_kept *kept = ref == NULL ? NULL : find(party, ref);
    bool taken = true;
    if (number == AF_CALL_UPLOAD && (read != 0 || ref == NULL)) {
        taken = false;
    } else if (read != 0) {
        refuse(party, &asked, why);
    } else if (number == AF_CALL_KEEP) {
        keep(party, &asked);
    } else if (number == AF_CALL_UPLOAD && kept != NULL) {
        call->bytes = kept->bytes;
        call->bytes_len = kept->len;
        taken = false;
    } else {
        af_script_answer_kept(&asked, kept == NULL ? NULL : kept->bytes,
                              kept == NULL ? 0 : kept->len, af_party_now(party));
    }
    af_request_release(&asked.request);
    return taken;
}
