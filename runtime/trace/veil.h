/* veil.h: what is shown in the place of a secret: "secret of 32 bytes #a1b2c3d4", its length and a
 * hash under a key; of what is no text "secret number #…", without its length.
 *
 * Secrets are fields of events whose type says so (`af.string { secret = true }`; script/script.h:
 * a field's line has "secret" before its kind), and what a party keeps in `party.data.secret`: of
 * that the names on top are shown. Whoever shows contents or data, for people or programs, shows
 * them through here; invariants, monitors and tests see values.
 *
 * The key comes from a seed: in mock the run's, for real the party's own, which the kernel has
 * drawn and the store seals. So equal secrets are seen to be equal within a run or a party, and
 * nothing of them is known to who lacks the key. */
#ifndef AF_VEIL_H
#define AF_VEIL_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>

struct af_buf;
struct af_flow;

#define AF_VEIL_WORD_BYTES 64

struct af_hash af_veil_key(struct af_hash seed);

/* The word for a secret of that kind ("number", "table" …; NULL: it is a text of these bytes). */
void af_veil_word(struct af_hash key, const char *kind, const void *bytes, size_t len,
                  char word[AF_VEIL_WORD_BYTES]);

/* Whether data, canonical JSON, have secrets; whether the lines of an event's fields name any;
 * whether any event of a flow has. data, fields and flow may be NULL. */
bool af_veil_in_data(const char *data, size_t len);
bool af_veil_in_fields(const char *fields);
bool af_veil_in_flow(const struct af_flow *flow);

/* Append data, the content of an event with such fields, and what a step sends as the journal has
 * it (run/journal.h), as they may be shown. What an event has that is not declared is hidden, too,
 * if it has secrets: who has overridden how it goes out may have put them there. */
void af_veil_data(struct af_hash key, const char *data, size_t len, struct af_buf *out);
void af_veil_event(struct af_hash key, const char *fields, const char *content, size_t len,
                   struct af_buf *out);
void af_veil_sends(struct af_hash key, const char *sends, size_t len, struct af_buf *out);

/* A hash of data by which they are compared, a trace's data_hash: under a fixed key, so that equal
 * ones have equal hashes everywhere; of data with secrets under this key, for theirs might be
 * guessed. */
struct af_hash af_veil_hash(struct af_hash key, const char *data, size_t len);

/* Whether the data have that hash, or the one under the fixed key: what was kept before there were
 * secrets has that. Zeroed: it is not known, and any will do. */
bool af_veil_is(struct af_hash key, const char *data, size_t len, struct af_hash wanted);

#endif
