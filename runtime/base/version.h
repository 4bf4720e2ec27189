/* version.h: the program's version, in one place. */
#ifndef AF_VERSION_H
#define AF_VERSION_H

#define AF_VERSION "0.1.0"
#define AF_VERSION_DATE "2026-11-28" /* of the manual's pages */

#endif
