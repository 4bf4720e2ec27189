/* flow.c: a flow or a script in a worker process of its own, which has jailed itself before it is
 * given a byte of it: this one opens files, hosts and the store, and runs nothing of it. */
#include "live/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "code/bundle.h"

#include <stdlib.h>
#include <string.h>

/* What it was made of is its code; what it requires later is read where it is. */
static int read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct af_live_flow *of = arg;
    struct af_code later = {NULL, 0, 0};
    const char *flows[] = {of->path};
    const struct af_code_reach reach = {flows, 1, false};
    if (!af_code_reaches(&reach, path))
        return af_failure_set(why, AF_FAILURE_USAGE, path, "is no file of the flow");
    bool adds = !of->is_over;
    int result = af_bundle_give(adds ? &of->code : &later, of->path, path, out, why);
    af_code_release(&later);
    return result;
}

static int jailed(void *arg, unsigned lacks, struct af_failure *why)
{
    const struct af_live_options *options = ((struct af_live_flow *)arg)->live->options;
    return options->jailed == NULL ? 0 : options->jailed(lacks, why);
}

static void died(void *arg, struct af_worker *worker, const char *text)
{
    struct af_live_flow *of = arg;
    (void)worker;
    if (of->live->ended) /* with it, as a script has */
        return;
    af_live_tell(of->live, "%s: its process %s; it is started again", of->path, text);
}

static void said(void *arg, const char *text)
{
    static const char own[] = "afrun: "; /* as a message begins that is written there */
    (void)arg;
    af_log(AF_LOG_INFO, "%s", text + (strncmp(text, own, strlen(own)) == 0 ? strlen(own) : 0));
}

static int check_bundle(const struct af_live_flow *of, struct af_failure *why)
{
    const struct af_flow *flow = af_script_flow(of->script);
    if (!af_bundle_is_code(&of->code))
        return 0;
    if (flow == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, of->path,
                              "is no flow, and a bundle is of one");
    return af_bundle_declares(&of->code, flow->name, flow->version, why);
}

static void loaded(void *arg, struct af_worker *worker, const struct af_failure *why)
{
    struct af_live_flow *of = arg;
    of->is_over = true;
    if (why == NULL) {
        of->script = af_worker_script(worker);
        af_code_hash(&of->code, of->hash);
        check_bundle(of, &of->why);
    } else {
        of->why = *why;
    }
    if (of->then != NULL)
        of->then(of->arg);
}

struct af_live_flow *af_live_flow_begin(struct af_live *live, struct af_code *code_take,
                                        void (*then)(void *arg), void *arg, struct af_failure *why)
{
    struct af_live_flow *of = af_mem_zero(1, sizeof *of);
    of->live = live;
    of->then = then;
    of->arg = arg;
    of->source = (struct af_script_source){read_file, of};
    if (code_take != NULL) {
        of->code = *code_take;
        *code_take = (struct af_code){NULL, 0, 0};
    }
    of->path = af_bundle_open(live->options->path, &of->code, why);
    struct af_worker_spec spec = {.loop = live->loop,
                                  .path = of->path,
                                  .code = of->code.count > 0 ? &of->code : NULL,
                                  .source = &of->source,
                                  .alone = true,
                                  .no_jail = live->options->no_jail,
                                  .hang_ns = AF_LIVE_HANG_NS,
                                  .arg = of,
                                  .jailed = jailed,
                                  .loaded = loaded,
                                  .died = died,
                                  .log = said};
    of->worker = of->path == NULL ? NULL : af_worker_start(&spec, why);
    if (of->worker != NULL)
        return of;
    af_live_flow_free(of);
    return NULL;
}

int af_live_flow_wait(struct af_live_flow *of, struct af_failure *why)
{
    const struct af_live *live = of->live;
    while (!of->is_over && !live->over && af_loop_step(live->loop))
        ;
    if (!of->is_over)
        return af_failure_set(why, AF_FAILURE_INTERRUPTED, live->options->path, "interrupted");
    *why = of->why;
    return why->kind == AF_FAILURE_NONE ? 0 : -1;
}

void af_live_flow_free(struct af_live_flow *of)
{
    if (of == NULL)
        return;
    af_script_free(of->script);
    af_worker_free(of->worker);
    af_code_release(&of->code);
    free(of->path);
    free(of);
}
