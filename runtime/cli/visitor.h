/* visitor.h: whose browser a page of this machine is open to.
 *
 * Who has the link's token, once, is given a cookie, and is the one who may ask; what comes under
 * another name of this machine, or from a page of another origin, is refused. */
#ifndef AF_VISITOR_H
#define AF_VISITOR_H

#include <stdbool.h>

struct af_exchange;

enum { AF_VISITOR_SECRET_BYTES = 32, AF_VISITOR_SECRET_TEXT = 2 * AF_VISITOR_SECRET_BYTES + 1 };

struct af_visitor {
    const char *page;                   /* for people: "studio" */
    char token[AF_VISITOR_SECRET_TEXT]; /* empty: it was used */
    char cookie[AF_VISITOR_SECRET_TEXT];
    char cookie_name[48];
    char link[128];
};

/* A page that is at http://ADDRESS:PORT. */
void af_visitor_begin(struct af_visitor *visitor, const char *page, const char *url);

/* A token of its own for one more browser, which has the same cookie; the link has it. */
void af_visitor_invite(struct af_visitor *visitor, const char *url);

/* Whether an exchange may go on; else *status and *words say why not, the latter for people. What
 * `works` must come by POST, which says the page that it comes from. is_page: it is what the link
 * leads to. The words live until the next call. */
bool af_visitor_admit(struct af_visitor *visitor, struct af_exchange *exchange, bool is_page,
                      bool works, int *status, const char **words);

#endif
