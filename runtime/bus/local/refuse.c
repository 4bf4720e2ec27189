/* refuse.c: why an operation comes to nothing. */
#include "bus/local/impl.h"

#include <stdarg.h>
#include <stdio.h>

void af_local_refuse(struct af_local_op *op, enum af_bus_code code, const char *format, ...)
{
    char why[400];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    op->result.code = code;
    op->result.why = af_arena_string(&op->arena, why);
}
