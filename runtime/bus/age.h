/* age.h: how old the store of a bus was when it last confirmed something: a text that the bus gives
 * and is given back, so that it knows whether it is older than that. Links note it. */
#ifndef AF_BUS_AGE_H
#define AF_BUS_AGE_H

#include "bus/bus.h"

/* As it is known, and noted in the file at path (NULL: nowhere) from here on. Returns -1 with *why
 * filled: the file cannot be opened. */
int af_bus_age_begin(struct af_bus_age *age, const char *url, const char *path,
                     struct af_failure *why);
void af_bus_age_end(struct af_bus_age *age);

/* "": not known. */
const char *af_bus_age(const struct af_bus *bus);

/* Takes an age for the newest, whatever was known. */
void af_bus_set_age(struct af_bus *bus, const char *text);

/* Notes what a result tells; asked is the age that the call had, NULL: none. */
void af_bus_note_age(struct af_bus *bus, const char *asked, const struct af_bus_result *result);

/* Why nothing is sent or acknowledged: the store is older than it was, or another; NULL: it is not.
 */
const char *af_bus_older(const struct af_bus *bus);

#endif
