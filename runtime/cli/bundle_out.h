/* bundle_out.h: a bundle onto the disk, whole or not at all. */
#ifndef AF_BUNDLE_OUT_H
#define AF_BUNDLE_OUT_H

struct af_code;
struct af_failure;

/* Writes a tar where the path ends in .afb, else a folder; a bundle that stands there is replaced
 * in one step. Returns -1 with *why filled: it cannot be written, or something else stands there.
 */
int af_bundle_out(const struct af_code *code, const char *path, struct af_failure *why);

#endif
