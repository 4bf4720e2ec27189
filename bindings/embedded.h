/* embedded.h: the library scripts, compiled into the program (made by scripts/tool/embed.lua). */
#ifndef AF_EMBEDDED_H
#define AF_EMBEDDED_H

#include <stddef.h>

struct af_embedded {
    const char *name;           /* as in require(): "af.event" */
    const unsigned char *bytes; /* bytecode, packed (base/packed.h) */
    size_t len;
};

extern const struct af_embedded af_embedded_scripts[];
extern const size_t af_embedded_count;

#endif
