/* args.h: the arguments of a flow, as people write them: NAME=VALUE each. */
#ifndef AF_SCRIPT_ARGS_H
#define AF_SCRIPT_ARGS_H

#include "script/script.h"

struct af_script_arg_list { /* zeroed to begin with */
    struct af_script_arg *items;
    size_t count, cap;
};

/* Appends what one text says. Returns -1 with *why filled (AF_FAILURE_USAGE, an empty `what`) for
 * text of another form, and a name that the list has already. */
int af_script_args_read(struct af_script_arg_list *list, const char *text, struct af_failure *why);
void af_script_args_release(struct af_script_arg_list *list);

#endif
