/* version.h: the program's version, in one place. */
#ifndef AF_VERSION_H
#define AF_VERSION_H

#define AF_VERSION "0.1.0"

#endif
