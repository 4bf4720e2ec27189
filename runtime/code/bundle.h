/* bundle.h: a flow with all that belongs to it, as one thing: a folder that has a manifest.json, or
 * a tar of such a folder whose name ends in .afb. It is taken whole or not at all, and nothing that
 * is not as its manifest says is ever run. */
#ifndef AF_BUNDLE_H
#define AF_BUNDLE_H

#include "code/code.h"
#include "code/manifest.h"
#include "code/trust.h"

#include <stdbool.h>

struct af_buf;

#define AF_BUNDLE_SUFFIX ".afb"

/* Whether a path is one: a folder with a manifest, or a name that ends so. */
bool af_bundle_is(const char *path);

/* Whether code was read from one, so that no file of it may come from elsewhere. */
bool af_bundle_is_code(const struct af_code *code);

/* Reads one of anybody's into an empty code: the flow's own file is the first, manifest.json and,
 * if it is signed, its signature are the last. trust (or NULL): who must have signed it. Returns -1
 * with *why filled, and the code empty: also where a folder is half written. */
int af_bundle_read(const char *path, const struct af_trust *trust, struct af_code *code,
                   struct af_failure *why);

/* The same from the bytes of a .afb; where they come from is for messages. */
int af_bundle_unpack(const char *bytes, size_t len, const char *path, const struct af_trust *trust,
                     struct af_code *code, struct af_failure *why);

/* Whether code is what its manifest says, signed by one of trust, and may be run by this version of
 * the program. manifest, zeroed, gets what it says: release it in either case. */
int af_bundle_check(const struct af_code *code, const struct af_trust *trust,
                    struct af_manifest *manifest, struct af_failure *why);

/* Whether the flow that code has declared is the one of its manifest; of code of no bundle always.
 */
int af_bundle_declares(const struct af_code *code, const char *name, int64_t version,
                       struct af_failure *why);

/* Whether a version may take the place of code's, as far as that one's manifest says. */
int af_bundle_may_follow(const struct af_code *code, int64_t version, struct af_failure *why);

/* AF_BROKER_BUNDLE (base/broker.h) of an af_code_reach, for a process that has jailed itself: reads
 * a bundle among the flows that are run, as a .afb; number 1: fails where the path is none. */
int af_bundle_serve(const void *reach, const struct af_broker_question *question,
                    struct af_broker_answer *answer, struct af_failure *why);

/* The path of the flow that a path names, for af_script_load_from(): of a bundle, which is read
 * into the code where that is empty, that of its file as if it were a folder; else the path. The
 * caller frees it. NULL with *why filled. */
char *af_bundle_open(const char *path, struct af_code *code, struct af_failure *why);

/* Appends a file of a flow, whose path begins with the folder of the flow's own path: from the
 * code, else, unless that is of a bundle, from the disk, and the code then has it. For a script's
 * source. Returns -1 with *why (or NULL) filled. */
int af_bundle_give(struct af_code *code, const char *flow, const char *path, struct af_buf *out,
                   struct af_failure *why);

/* Whether code is what stands at the path of a flow, bundle or not; signatures do not count unless
 * asked for. */
bool af_bundle_is_current(const struct af_code *code, const char *path, bool signatures);

/* Whether a file of that name in it may be run: it is neither Lua nor the manifest's. */
bool af_bundle_is_program(const char *name);

/* Appends the bytes of a .afb of the code, whose files stand there in the order of their names. */
void af_bundle_pack(const struct af_code *code, struct af_buf *out);

#endif
