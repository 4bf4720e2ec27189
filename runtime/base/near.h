/* near.h: a name that is not found: which one was probably meant, and what there is. */
#ifndef AF_NEAR_H
#define AF_NEAR_H

#include "base/buf.h"

struct af_near {
    const char *typed; /* borrowed */
    const char *name;  /* the likeliest so far, borrowed; NULL: none is like it */
    int distance;
    struct af_buf known;
};

void af_near_init(struct af_near *near, const char *typed);
void af_near_release(struct af_near *near);

/* One of the names that there are. */
void af_near_add(struct af_near *near, const char *name);

/* What to append to a message: "; did you mean 'voter'? It has chair, voter", or "; it has chair,
 * voter", `has` being the words ("it has", "there are"). Lives as long as near. */
const char *af_near_text(struct af_near *near, const char *has);

/* How different two words are: how many letters must be added, dropped, changed or swapped with
 * their neighbour (one way to count it, up to words of AF_NEAR_WORD_MAX bytes; else INT_MAX). */
#define AF_NEAR_WORD_MAX 64
int af_near_distance(const char *a, const char *b);

#endif
