/* packed.h: what make has packed by gzip into the program. */
#ifndef AF_PACKED_H
#define AF_PACKED_H

#include <stdbool.h>
#include <stddef.h>

bool af_packed_is(const unsigned char *bytes, size_t len);

/* What was packed, with a zero behind it. The caller frees it. */
char *af_packed_read(const unsigned char *bytes, size_t len, size_t *size);

#endif
