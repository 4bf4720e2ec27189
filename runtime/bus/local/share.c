/* share.c: who may still send while there is little room on the disk.
 *
 * Of what is left there a node may have as much as waits of it already: whoever has filled the disk
 * sends no more, and those who had nothing to do with it go on. Who has how much is added up in
 * between only, and only then. */
#include "bus/local/impl.h"

#include "base/bounds.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct af_local_weight {
    char *sender;
    int64_t bytes; /* of its contracts that wait */
};

void af_local_forget_weights(struct af_local_store *store)
{
    for (size_t i = 0; store->weights != NULL && i < store->weight_count; i++)
        free(store->weights[i].sender);
    free(store->weights);
    store->weights = NULL;
    store->weight_count = store->weight_cap = 0;
}

static struct af_local_weight *add(struct af_local_store *store, const char *sender, int64_t bytes)
{
    af_mem_reserve(&store->weights, &store->weight_cap, store->weight_count + 1,
                   sizeof *store->weights);
    struct af_local_weight *weight = &store->weights[store->weight_count++];
    *weight = (struct af_local_weight){af_mem_string(sender), bytes};
    return weight;
}

static void weigh(struct af_local_store *store)
{
    struct af_db_statement *list = af_db_use(
        store->db, "SELECT c.sender, sum(length(x.content)) FROM contents x JOIN contracts c ON "
                   "c.id = x.contract WHERE c.sender IS NOT NULL GROUP BY c.sender");
    af_local_forget_weights(store);
    while (af_db_row(list))
        if (af_db_column_text(list, 0) != NULL)
            add(store, af_db_column_text(list, 0), af_db_column_integer(list, 1));
    af_db_reset(list);
    store->weighed_s = store->wall_s;
}

static struct af_local_weight *find(struct af_local_store *store, const char *sender)
{
    for (size_t i = 0; i < store->weight_count; i++)
        if (strcmp(store->weights[i].sender, sender) == 0)
            return &store->weights[i];
    return add(store, sender, 0);
}

bool af_local_need_share(struct af_local_store *store, struct af_local_op *op)
{
    const char *sender = op->count == 0 ? NULL : op->posts[0].sender;
    if (store->room != AF_LOCAL_LITTLE_ROOM || store->is_party || sender == NULL)
        return true;
    if (store->weights == NULL || store->wall_s - store->weighed_s >= AF_BUS_WEIGH_S ||
        store->wall_s < store->weighed_s)
        weigh(store);
    struct af_local_weight *own = find(store, sender);
    int64_t bytes = 0;
    for (size_t i = 0; i < op->count; i++)
        bytes += (int64_t)op->posts[i].content_len;
    if (own->bytes + bytes <= store->left_bytes) {
        own->bytes += bytes;
        return true;
    }
    af_local_refuse(op, AF_BUS_FULL,
                    "little room is left on the disk of the bus, and what waits of '%s' has its "
                    "share of it",
                    sender);
    op->result.retry_ns = AF_S_NS;
    return false;
}
