/* args.c: see args.h. */
#include "script/args.h"

#include "base/failure.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int af_script_args_read(struct af_script_arg_list *list, const char *text, struct af_failure *why)
{
    size_t name_len = strcspn(text, "=");
    if (text[name_len] == '\0' || name_len == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected NAME=VALUE, not '%s'", text);
    char *name = af_mem_string(text); /* one block, freed by the name */
    name[name_len] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) != 0)
            continue;
        free(name);
        return af_failure_set(why, AF_FAILURE_USAGE, "", "gives '%s' twice", list->items[i].name);
    }
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct af_script_arg){name, name + name_len + 1};
    return 0;
}

void af_script_args_release(struct af_script_arg_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((char *)(uintptr_t)list->items[i].name);
    free(list->items);
    *list = (struct af_script_arg_list){NULL, 0, 0};
}
