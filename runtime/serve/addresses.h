/* addresses.h: from where each node last called: at most AF_SERVE_ADDRESSES_MAX of them. */
#ifndef AF_SERVE_ADDRESSES_H
#define AF_SERVE_ADDRESSES_H

#include <stddef.h>

struct serve_address {
    char *node;
    char text[48]; /* numeric, IPv4 or IPv6 */
};

struct serve_addresses {         /* zeroed to begin with */
    struct serve_address *items; /* sorted by node */
    size_t count, cap;
};

void af_serve_addresses_note(struct serve_addresses *addresses, const char *node, const char *text);
/* NULL: it has not called, or there were too many. Borrowed until the next note. */
const char *af_serve_addresses_find(const struct serve_addresses *addresses, const char *node);
void af_serve_addresses_release(struct serve_addresses *addresses);

#endif
