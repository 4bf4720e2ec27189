/* ui.c: a page for the node's operator (`--ui`): `afrun ctl ui` as a child, which asks at the
 * control socket as everybody does. What a browser sends is read there and not in this process,
 * which it outlives by nothing; where it ends it is begun again. */
#include "node/impl.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/server.h"
#include "loop/loop.h"
#include "loop/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct af_node_ui {
    struct af_process *process;
    struct af_timer *again;
    struct af_buf control, link;
};

static void start(void *arg);

static void on_end(void *arg, const struct af_process_result *result)
{
    struct af_node *node = arg;
    node->ui->process = NULL;
    af_log(AF_LOG_ERROR, "the page has ended, and is begun again: %.*s",
           (int)strcspn(result->errors, "\n"),
           result->failure != NULL ? result->failure : result->errors);
    node->ui->again = af_timer_start(node->loop, AF_NODE_AGAIN_NS, start, node);
}

static void start(void *arg)
{
    struct af_node *node = arg;
    struct af_node_ui *ui = node->ui;
    struct af_failure why = AF_FAILURE_INIT;
    const char *const words[] = {"ctl",       "ui",
                                 "--listen",  node->options->ui,
                                 "--control", af_buf_text(&ui->control),
                                 "--link",    af_buf_text(&ui->link)};
    const struct af_process_spec spec = {
        .path = "/proc/self/exe",
        .name = "afrun",
        .args = words,
        .arg_count = sizeof words / sizeof words[0],
        .timeout_ns = INT64_MAX / 2,
        .max_bytes = AF_PROCESS_OUTPUT_BYTES_MAX,
    };
    ui->again = NULL;
    ui->process = af_process_start(node->loop, &spec, on_end, node, &why);
    if (ui->process != NULL)
        return;
    af_log(AF_LOG_ERROR, "the page cannot be begun: %s: %s", why.what, why.why);
    ui->again = af_timer_start(node->loop, AF_NODE_AGAIN_NS, start, node);
}

int af_node_ui_begin(struct af_node *node, struct af_failure *why)
{
    const struct af_node_options *options = node->options;
    if (options->ui == NULL)
        return 0;
    int is_loopback = af_http_server_is_loopback(options->ui, why);
    if (is_loopback == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, options->ui,
                              "others can reach this address: the page is for this machine");
    if (is_loopback < 0)
        return -1;
    node->ui = af_mem_zero(1, sizeof *node->ui);
    af_buf_printf(&node->ui->link, "%s/ui.link", options->state);
    if (options->control != NULL)
        af_buf_append_string(&node->ui->control, options->control);
    else
        af_buf_printf(&node->ui->control, "%s/control.sock", options->state);
    start(node);
    return 0;
}

void af_node_ui_free(struct af_node *node)
{
    struct af_node_ui *ui = node->ui;
    if (ui == NULL)
        return;
    af_timer_cancel(ui->again);
    af_process_cancel(ui->process);
    unlink(af_buf_text(&ui->link)); /* it was killed, and so did not */
    af_buf_release(&ui->control);
    af_buf_release(&ui->link);
    free(ui);
    node->ui = NULL;
}
