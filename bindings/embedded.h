/* embedded.h: the library scripts, compiled into the program (made by scripts/tool/embed.lua). */
#ifndef AF_EMBEDDED_H
#define AF_EMBEDDED_H

#include <stddef.h>

enum { AF_EMBEDDED_GROUPS = 2 }; /* the library, the rest */

struct af_embedded_group {
    const unsigned char *bytes; /* its scripts one after another; packed (base/packed.h), or not */
    size_t len;
};

struct af_embedded {
    const char *name;         /* as in require(): "af.event" */
    size_t group, start, len; /* bytecode or source: which bytes of which group, unpacked */
};

extern const struct af_embedded_group af_embedded_groups[AF_EMBEDDED_GROUPS];
extern const struct af_embedded af_embedded_scripts[];
extern const size_t af_embedded_count;

#endif
