/* nodes.h: what is remembered of each node that calls: at most AF_SERVE_NODES_MAX of them.
 */
#ifndef AF_SERVE_NODES_H
#define AF_SERVE_NODES_H

#include "serve/quotas.h"

#include <stddef.h>
#include <stdint.h>

struct serve_node {
    char *name;
    char address[48]; /* from where it last called: numeric; "": it has not */
    int64_t used[AF_SERVE_QUOTAS];
    int64_t upload_bytes; /* of files that are on their way */
    int64_t due_ns;       /* when its next request would begin */
};

struct serve_nodes {           /* zeroed to begin with */
    struct serve_node **items; /* sorted by name */
    size_t count, cap;
    struct serve_node others; /* all for whom there was no more room */
};

/* Makes one that is not there yet. It stays where it is until all are released. */
struct serve_node *af_serve_nodes_get(struct serve_nodes *nodes, const char *name);
/* NULL: it has not called, or there were too many. */
const struct serve_node *af_serve_nodes_find(const struct serve_nodes *nodes, const char *name);
void af_serve_nodes_release(struct serve_nodes *nodes);

#endif
