/* told.h: what a contract tells the task manager. */
#ifndef AF_BUS_TOLD_H
#define AF_BUS_TOLD_H

#include "bus/bus.h"

/* The note of a contract that hands over a file or ends a task, by its title; its texts live in the
 * arena. False: it is none of these. */
bool af_bus_told(const struct af_bus_post *post, struct af_arena *arena, struct af_bus_note *note);

#endif
