/* io.h: bytes into a file descriptor. */
#ifndef AF_IO_H
#define AF_IO_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of the bytes, also where the system takes them in pieces or a signal comes between.
 * Returns false, with errno set, where it takes no more; some may have been written. */
bool af_io_write_all(int fd, const void *bytes, size_t len);

#endif
