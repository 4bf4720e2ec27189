/* facts.h: what is told of a contract beside its content.
 *
 * Numbers greater than 0; any other one is not told, or lost: the platform's service drops what it
 * does not know. A step's send has them, and they go with its contract through the journal and
 * every bus, which read and write the rows of this table. The second name is that of a party's
 * journal. */
#ifndef AF_FACTS_H
#define AF_FACTS_H

#include <stdint.h>

#define AF_FACTS(ROW) ROW(flow_version, version) /* of the sender's flow */
#define AF_FACT_FIELD(name, kept) int64_t name;
struct af_facts {
    AF_FACTS(AF_FACT_FIELD)
};
#define AF_FACT_MAX (INT64_C(1) << 53)

#endif
