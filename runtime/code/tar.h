/* tar.h: the one kind of tar that a bundle is: ustar, of plain files.
 *
 * Our own, since what a bundle needs is one header's layout: libarchive would read thirty formats
 * of a stranger's bytes, links and devices among them, and each of them would have to be refused.
 */
#ifndef AF_TAR_H
#define AF_TAR_H

#include <stdbool.h>
#include <stddef.h>

struct af_buf;
struct af_failure;

/* What a file is given to. Returns -1 with *why filled to end the reading. */
typedef int af_tar_take_fn(void *arg, const char *name, const char *bytes, size_t len,
                           struct af_failure *why);

/* Reads anybody's bytes. A name is given as it stands there, of 1 to 100 bytes, without `./`;
 * folders are passed over. Returns -1 with *why filled: no ustar, a header that was damaged, a link
 * or a device, an absolute name or one with `..`, an end that is missing. */
int af_tar_read(const char *bytes, size_t len, af_tar_take_fn *take, void *arg,
                struct af_failure *why);

/* Appends a file, of no time and no owner; and the end. The name has at most 100 bytes. */
void af_tar_add(struct af_buf *out, const char *name, bool program, const void *bytes, size_t len);
void af_tar_end(struct af_buf *out);

#endif
