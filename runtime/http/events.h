/* events.h: an answer that goes on telling: server-sent events, of what is news. */
#ifndef AF_HTTP_EVENTS_H
#define AF_HTTP_EVENTS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct af_exchange;

#define AF_EVENTS_TYPE "text/event-stream"

/* What tells whoever is in between that the stream lives, where there is nothing to tell. */
#define AF_EVENTS_COMMENT ":\n\n"

enum { AF_EVENTS_DIGEST_BYTES = 16 };

/* One more event: its name, and lines of text. */
void af_events_write(struct af_buf *out, const char *name, const char *text, size_t len);

/* Whether a text of ours says something new, and notes what it says. Numbers that grow as time
 * passes (ages, what is left until a deadline) and how much memory there is are not news. */
bool af_events_is_news(unsigned char told[AF_EVENTS_DIGEST_BYTES], const struct af_buf *text);

#endif
