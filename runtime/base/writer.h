/* writer.h: the bytes of a file as they come, put into it and digested beside its caller.
 *
 * A large file is given a thread of its own, which writes and digests one piece while the caller
 * fetches the next; a small one, and any while AF_WRITER_THREADS_MAX others have theirs, is written
 * by its caller. Either way the file is what was added, in order, and no more than two pieces of
 * AF_WRITER_PIECE_BYTES are on their way: who adds faster than the disk takes waits for it. */
#ifndef AF_WRITER_H
#define AF_WRITER_H

#include "base/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_writer;

/* Of a descriptor that stands at byte `at` of its file, and is the caller's; hash may be NULL.
 * Neither is to be touched before af_writer_flush(). */
struct af_writer *af_writer_new(int fd, int64_t at, struct af_sha256 *hash);

/* Adds bytes. Returns false where the file takes no more, perhaps of bytes that were added earlier;
 * then it stays so. */
bool af_writer_add(struct af_writer *writer, const void *bytes, size_t len);

/* Waits until all that was added is in the file, and in the hash; not until it is on the disk.
 * Returns false where it is not. */
bool af_writer_flush(struct af_writer *writer);

/* Flushes, too. NULL is allowed. */
void af_writer_free(struct af_writer *writer);

#endif
