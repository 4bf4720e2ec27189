/* opts_fields.c: an option's value into its field, by the kind of its row; see opts.h. */
#include "cli/opts.h"

#include "base/failure.h"
#include "base/log.h"
#include "bus/members.h"
#include "script/args.h"
#include "script/grants.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Into an integer of any width: the row's bounds fit it. */
static void store(void *field, size_t size, int64_t value)
{
    int32_t narrow = (int32_t)value;
    bool truth = value != 0;
    if (size == sizeof value)
        memcpy(field, &value, size);
    else if (size == sizeof narrow)
        memcpy(field, &narrow, size);
    else
        memcpy(field, &truth, sizeof truth);
    assert(size == sizeof value || size == sizeof narrow || size == sizeof truth);
}

static int set_text(void *field, const struct af_opt *opt, const char *value,
                    struct af_failure *why)
{
    if (value[0] == '\0')
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected %s, not ''", opt->arg);
    memcpy(field, &value, sizeof value);
    return 0;
}

static int set_number(void *field, const struct af_opt *opt, const char *value,
                      struct af_failure *why)
{
    int64_t number = 0;
    int result = opt->kind == AF_OPT_IS_SIZE
                     ? af_opts_size(value, opt->unit, opt->most, &number, why)
                     : af_opts_integer(value, opt->lowest, opt->most, &number, why);
    if (result == 0)
        store(field, opt->size, number);
    return result;
}

static int set_duration(int64_t *field, const struct af_opt *opt, const char *value,
                        struct af_failure *why)
{
    int64_t ns;
    if (af_opts_duration(value, &ns, why) != 0)
        return -1;
    if (ns < opt->lowest)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "expected more than no time, not '%s'",
                              value);
    *field = ns;
    return 0;
}

static int set_log(const char *value, struct af_failure *why)
{
    int format;
    if (af_opts_choice(value, "text|json", &format, why) != 0)
        return -1;
    af_log_set_format((enum af_log_format)format);
    return 0;
}

static int set_color(const char *value, struct af_failure *why)
{
    int mode = 0;
    if (af_opts_choice(value, "auto|always|never", &mode, why) != 0)
        return -1;
    af_log_set_color((enum af_color_mode)mode);
    return 0;
}

int af_opts_set(const struct af_opt *opt, void *target, const char *value, struct af_failure *why)
{
    void *field = (char *)target + opt->at;
    if (opt->note != NULL)
        opt->note(target, opt->name, value);
    switch (opt->kind) {
    case AF_OPT_BY_SETTER:
        return opt->set(field, value, why);
    case AF_OPT_IS_CONSTANT:
        store(field, opt->size, opt->lowest);
        return 0;
    case AF_OPT_IS_TEXT:
        return set_text(field, opt, value, why);
    case AF_OPT_IS_ID:
        return af_bus_check_id(value, why) != 0 ? -1 : set_text(field, opt, value, why);
    case AF_OPT_IS_COUNT:
    case AF_OPT_IS_SIZE:
        return set_number(field, opt, value, why);
    case AF_OPT_IS_DURATION:
        return set_duration(field, opt, value, why);
    case AF_OPT_IS_PROBABILITY:
        return af_opts_probability(value, field, why);
    case AF_OPT_IS_COLOR:
        return set_color(value, why);
    case AF_OPT_IS_LOG:
        return set_log(value, why);
    case AF_OPT_IS_HELP:
        return 0;
    }
    abort(); /* a row of no kind */
}

/* ---- Fields of which several commands have one. ---- */

int af_opts_add_arg(void *list, const char *text, struct af_failure *why)
{
    return af_script_args_read(list, text, why);
}

int af_opts_add_members(void *list, const char *text, struct af_failure *why)
{
    return af_bus_members_read(list, text, why);
}

int af_opts_grant_read(void *grants, const char *folder, struct af_failure *why)
{
    return af_file_access_grant(&((struct af_grants *)grants)->files, 0, folder, why);
}

int af_opts_grant_write(void *grants, const char *folder, struct af_failure *why)
{
    return af_file_access_grant(&((struct af_grants *)grants)->files, 1, folder, why);
}

int af_opts_grant_host(void *grants, const char *host, struct af_failure *why)
{
    return af_grants_add_host(grants, host, why);
}

int af_opts_grant_program(void *grants, const char *program, struct af_failure *why)
{
    return af_grants_add_program(grants, program, why);
}
