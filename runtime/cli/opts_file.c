/* opts_file.c: see opts_file.h. */
#include "cli/opts_file.h"

#include "base/arena.h"
#include "base/failure.h"
#include "bus/config.h"

#include <string.h>

static int refuse_name(const struct af_opts_file *file, struct af_failure *why)
{
    return af_failure_set(why, AF_FAILURE_USAGE, "",
                          "unknown name; known are the long options of afrun %s (see afrun %s "
                          "--help), token, ca, certificate, key, bass_url, bass_user, "
                          "bass_password, bass_captcha, files_hosts",
                          file->command->name, file->command->name);
}

/* A line that is no secret: an option of the command by its long name. */
static int set_from_line(void *arg, const char *name, const char *value, struct af_failure *why)
{
    const struct af_opts_file *file = arg;
    const struct af_opt *opts = file->command->opts, *opt = opts;
    while (opt->name != NULL && strcmp(opt->name, name) != 0)
        opt++;
    if (opt->name == NULL || strcmp(name, "config") == 0 || strcmp(name, "help") == 0)
        return refuse_name(file, why);
    if (opt->arg == NULL && strcmp(value, "true") != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "'%s': expected true, or no such line",
                              name);
    if ((file->given >> (opt - opts) & 1) != 0 || af_opts_clash(opts, file->given, opt) != NULL)
        return 0;
    return af_opts_set(opt, file->target,
                       opt->arg == NULL ? NULL : af_arena_string(file->arena, value), why);
}

int af_opts_read_file(const char *path, const struct af_opts_file *file, struct af_failure *why)
{
    return af_config_read_with(path, file->config, set_from_line, (void *)(uintptr_t)file, why);
}
