/* jailed.c: see jailed.h. */
#include "cli/jailed.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "code/bundle.h"
#include "json/json.h"
#include "script/grants.h"
#include "script/run.h"
#include "trace/file.h"
#include "worker/jail.h"

#include <stdlib.h>
#include <string.h>

enum wish { AS_FAR_AS_IT_GOES, OFF, REQUIRED };

static enum wish wish;
static bool entered;
static unsigned lacks;

int af_jailed_set_off(void *field, const char *value, struct af_failure *why)
{
    (void)field, (void)value, (void)why;
    wish = OFF;
    return 0;
}

int af_jailed_set_required(void *field, const char *value, struct af_failure *why)
{
    (void)field, (void)value, (void)why;
    wish = REQUIRED;
    return 0;
}

/* A flow that comes by standard input is read now: the broker and jobs would each take a part. */
static int read_input(const struct af_jailed_spec *spec, struct af_failure *why)
{
    int result = 0;
    for (size_t i = 0; i < spec->flow_count && result == 0; i++)
        if (af_code_is_input(spec->flows[i])) {
            struct af_buf text = AF_BUF_EMPTY;
            result = af_code_read_path(spec->flows[i], spec->flows[i], &text, why);
            af_buf_release(&text);
        }
    return result;
}

/* The library's folder, if it has one, is a flow's to the broker. */
static const char **with_library(const struct af_jailed_spec *spec, size_t *count)
{
    static struct af_buf library = AF_BUF_EMPTY;
    const char **paths = af_mem_zero(spec->flow_count + 1, sizeof *paths);
    const char *folder = getenv("AFRUN_SCRIPTS");
    *count = 0;
    for (size_t i = 0; i < spec->flow_count; i++)
        paths[(*count)++] = spec->flows[i];
    if (folder != NULL && folder[0] != '\0') {
        af_buf_printf(&library, "%s/af.lua", folder);
        paths[(*count)++] = af_buf_text(&library);
    }
    return paths;
}

void af_jailed_tell_grants(const struct af_grants *grants)
{
    if (wish != OFF && grants->program_count > 0)
        af_log(AF_LOG_DEBUG, "jail: programs that --allow-run grants run outside of it");
}

static const char *early; /* the flow for which it was begun ahead, or NULL */

/* Its broker has what was granted then; a grant of folders behind it changes nothing. */
static bool is_early(const struct af_jailed_spec *spec)
{
    return spec->flow_count == 1 && strcmp(spec->flows[0], early) == 0 && !spec->any_lua &&
           spec->output == NULL && spec->check == NULL &&
           (spec->grants == NULL || spec->grants->program_count == 0);
}

int af_jailed_begin_early(const struct af_jailed_spec *spec, struct af_failure *why)
{
    int result = af_jailed_begin(spec, why);
    early = result == 0 ? spec->flows[0] : NULL;
    return result;
}

int af_jailed_begin(const struct af_jailed_spec *spec, struct af_failure *why)
{
    static struct af_code_reach code; /* for the broker, to its end */
    static struct af_trace_reach trace;
    static const struct af_grants none;
    if (wish == OFF)
        return 0;
    if (early != NULL)
        return is_early(spec) ? 0
                              : af_failure_set(why, AF_FAILURE_USAGE, "jail",
                                               "it was begun for '%s' alone", early);
    if (read_input(spec, why) != 0)
        return -1;
    const struct af_grants *grants = spec->grants != NULL ? spec->grants : &none;
    code.any = spec->any_lua;
    code.paths = with_library(spec, &code.count);
    trace.path = spec->output;
    const struct af_broker_service services[AF_BROKER_OPS] = {
        [AF_BROKER_CODE] = {.fn = af_code_serve, .arg = &code},
        [AF_BROKER_BUNDLE] = {.fn = af_bundle_serve, .arg = &code},
        [AF_BROKER_FILE_READ] = {.fn = af_file_serve_read, .arg = &grants->files},
        [AF_BROKER_FILE_WRITE] = {.fn = af_file_serve_write, .arg = &grants->files},
        [AF_BROKER_FILE_TARGET] = {.fn = af_file_serve_target, .arg = &grants->files},
        [AF_BROKER_PROGRAM] = {.fn = af_script_serve_run, .arg = grants, .apart = true},
        [AF_BROKER_CHECK] = {.fn = spec->check, .arg = NULL, .apart = true},
        [AF_BROKER_TRACE_PLACE] = {.fn = af_trace_serve_place,
                                   .arg = &trace,
                                   .output = spec->output != NULL},
        [AF_BROKER_TRACE_END] = {.fn = af_trace_serve_end, .arg = &trace},
    };
    int result = af_broker_begin(services, why);
    free((void *)code.paths);
    if (result == 0)
        af_jailed_tell_grants(grants);
    return result;
}

static void enter(const pid_t *jobs, size_t job_count)
{
    entered = true;
    lacks = wish == OFF ? AF_JAIL_LACKS_ALL : af_jail_enter_engine(jobs, job_count);
}

void af_jailed_enter_job(void)
{
    enter(NULL, 0);
}

/* What is lacking, once. */
static int judge(struct af_failure *why)
{
    static const char *const words[] = {
        [0] = NULL,
        [AF_JAIL_LACKS_FILTER] = "a filter of system calls (seccomp)",
        [AF_JAIL_LACKS_LANDLOCK] = "Landlock",
        [AF_JAIL_LACKS_ALL] = "a filter of system calls (seccomp), and Landlock",
    };
    static bool told;
    if (lacks == 0 || wish == OFF)
        return 0;
    if (wish == REQUIRED)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "--require-jail",
                              "this system, or this build, lacks %s", words[lacks]);
    if (!told)
        af_log(AF_LOG_DEBUG, "jail: this system, or this build, lacks %s", words[lacks]);
    told = true;
    return 0;
}

int af_jailed_enter(const pid_t *jobs, size_t job_count, struct af_failure *why)
{
    enter(jobs, job_count);
    return judge(why);
}

int af_jailed_beside(unsigned lacking, struct af_failure *why)
{
    entered = true;
    lacks = lacking;
    return judge(why);
}

bool af_jailed_is_off(void)
{
    return wish == OFF;
}

int af_jailed(const struct af_jailed_spec *spec, struct af_failure *why)
{
    return af_jailed_begin(spec, why) != 0 ? -1 : af_jailed_enter(NULL, 0, why);
}

void af_jailed_add(struct af_buf *out)
{
    if (!entered)
        return;
    af_json_begin(out, "jail", '{');
    af_json_add_bool(out, "seccomp", (lacks & AF_JAIL_LACKS_FILTER) == 0);
    af_json_add_bool(out, "landlock", (lacks & AF_JAIL_LACKS_LANDLOCK) == 0);
    af_buf_append_char(out, '}');
}
