/* result.h: what a search has come to, told. */
#ifndef AF_CHECK_RESULT_H
#define AF_CHECK_RESULT_H

#include "check/impl.h"

struct af_check_telling {
    af_check_found_fn *on_found; /* or NULL */
    void *on_found_arg;
    bool first_told;
    struct af_check_words texts;
    char *same_roles, *armed;
    struct af_check_violation *violations;
    struct af_check_end *ends;
    size_t end_count;
    struct af_check_unreached *unreached;
};

struct af_check_telling *af_check_telling_new(void);
void af_check_telling_free(struct af_check_telling *telling);

/* Tells once, when something was found first, a shortest one of that. Returns false if that is
 * enough. */
bool af_check_telling_first(struct af_check *check);

/* Fills the result, but for whether it is exhaustive, with the shortest runs. */
void af_check_telling_fill(struct af_check *check, struct af_check_result *result);

/* cover.c: what of the flow no run reaches, and what grows without end. */
void af_check_cover(struct af_check *check, struct af_check_result *result);

#endif
