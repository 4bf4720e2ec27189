/* known.h: parties and contracts as numbers. */
#ifndef AF_CHECK_KNOWN_H
#define AF_CHECK_KNOWN_H

#include "check/impl.h"

/* Which of its deferred contracts a party recalls, of which no more than its identity is filled. */
uint32_t af_check_recalls(const struct af_check *check, const struct af_check_local *local);

/* The number of a party or a contract whose identity is filled. */
uint32_t af_check_local(struct af_check *check, const struct af_check_local *local);
uint32_t af_check_message(struct af_check *check, const struct af_check_message *message);
uint32_t af_check_message_text(struct af_check *check, uint32_t from, uint32_t to, const char *type,
                               size_t type_len, const char *content, size_t content_len);

static inline const struct af_check_timer *
af_check_timers(const struct af_check *check, const struct af_check_local *local, size_t *count)
{
    size_t len;
    const void *bytes = af_check_word_bytes(&check->words, local->timers, &len);
    *count = len / sizeof(struct af_check_timer);
    return bytes;
}

/* "participant-1", the role's name, and "flow.lua:12" of a party's state. */
const char *af_check_member_id(const struct af_check *check, uint32_t member);
const char *af_check_role_name(const struct af_check *check, uint32_t member);
void af_check_place(const struct af_check *check, const struct af_check_local *local,
                    struct af_buf *out);

/* Where the handler of a call is, and what it is, in words; as af_check_call() has it. */
void af_check_describe_call(const struct af_check *check, uint32_t member, uint32_t from,
                            uint32_t input, struct af_buf *where, struct af_buf *what);

/* The number of a violation; where may be NULL. */
uint32_t af_check_violation(struct af_check *check, enum af_check_kind kind, uint32_t role,
                            const char *where, const char *text);

#endif
