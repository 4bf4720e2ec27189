/* ctl_ask.c: one question to a node, and its answer, whole. */
#include "cli/ctl.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "cli/answer.h"
#include "json/json.h"
#include "script/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int af_ctl_socket(const struct af_ctl *ctl, struct sockaddr_un *address, struct af_failure *why)
{
    const char *environment = getenv("AFRUN_CONTROL");
    int len;
    address->sun_family = AF_UNIX;
    if (ctl->control != NULL)
        len = snprintf(address->sun_path, sizeof address->sun_path, "%s", ctl->control);
    else if (ctl->state != NULL)
        len = snprintf(address->sun_path, sizeof address->sun_path, "%s/control.sock", ctl->state);
    else if (environment != NULL && environment[0] != '\0')
        len = snprintf(address->sun_path, sizeof address->sun_path, "%s", environment);
    else
        return af_failure_set(why, AF_FAILURE_USAGE, "ctl",
                              "which node? name its socket by --control SOCKET, its state folder "
                              "by --state DIR, or set AFRUN_CONTROL");
    return len < (int)sizeof address->sun_path
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, "--control", "is too long for a socket");
}

static int check_whole(struct af_buf *answer, const char *what, struct af_failure *why)
{
    if (answer->len > 0 && !answer->full && answer->data[answer->len - 1] == '\n') {
        answer->data[--answer->len] = '\0';
        return 0;
    }
    return af_failure_set(why, AF_FAILURE_TRANSPORT, what, "the node ended before it had answered");
}

int af_ctl_ask(const struct af_ctl *ctl, const struct af_buf *question, struct af_buf *answer,
               struct af_failure *why)
{
    struct sockaddr_un address = {0};
    char piece[65536];
    ssize_t some = -1;
    if (af_ctl_socket(ctl, &address, why) != 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        af_failure_set(why, AF_FAILURE_TRANSPORT, address.sun_path, "no node answers there: %s",
                       strerror(errno));
    } else if (af_io_write_all(fd, question->data, question->len)) {
        while ((some = read(fd, piece, sizeof piece)) > 0 || (some < 0 && errno == EINTR))
            if (some > 0)
                af_buf_append(answer, piece, (size_t)some);
    }
    if (fd >= 0)
        close(fd);
    return why->kind != AF_FAILURE_NONE ? -1 : check_whole(answer, address.sun_path, why);
}

int af_ctl_check_answer(const struct af_buf *answer, struct af_failure *why)
{
    struct af_request fields;
    static const enum af_failure_kind kinds[] = {AF_FAILURE_FLOW, AF_FAILURE_FLOW, AF_FAILURE_USAGE,
                                                 AF_FAILURE_TRANSPORT};
    int64_t status = 3;
    int result = -1;
    if (!af_request_read(&fields, answer->data, answer->len)) {
        af_failure_set(why, AF_FAILURE_TRANSPORT, "ctl", "the node's answer is no JSON object");
    } else if (af_request_bool(&fields, "ok")) {
        result = 0;
    } else {
        const char *what = af_request_string(&fields, "what");
        const char *text = af_request_string(&fields, "why");
        af_request_integer(&fields, "exit", &status);
        af_failure_set(why, kinds[status < 0 || status > 3 ? 3 : status],
                       what == NULL ? "node" : what, "%s", text == NULL ? "it failed" : text);
    }
    af_request_release(&fields);
    return result;
}

int af_ctl_ask_about(const struct af_ctl *ctl, const char *command, const char *task, int64_t from,
                     struct af_buf *answer, struct af_failure *why)
{
    struct af_buf question = AF_BUF_EMPTY;
    af_buf_printf(&question, "{\"cmd\":\"%s\"", command);
    af_json_add_text(&question, "task", task);
    af_json_add_bool(&question, "data", ctl->data);
    af_json_add_bool(&question, "refuse", ctl->refuse);
    af_json_add_integer(&question, "from", from);
    af_buf_append_string(&question, "}\n");
    int result = af_ctl_ask(ctl, &question, answer, why);
    af_buf_release(&question);
    return result != 0 ? result : af_ctl_check_answer(answer, why);
}

int af_ctl_check(struct af_buf *answer, struct af_failure *why)
{
    return check_whole(answer, "ctl", why) == 0 ? af_ctl_check_answer(answer, why) : -1;
}

void af_ctl_begin_answer(struct af_buf *out, const char *kind, const struct af_buf *answer)
{
    af_answer_begin(out, kind);
    af_buf_append_char(out, ',');
    af_buf_append(out, answer->data + 1, answer->len - 2);
}

void af_ctl_answer(struct af_buf *out, const char *kind, const struct af_buf *answer)
{
    af_ctl_begin_answer(out, kind, answer);
    af_buf_append_char(out, '}');
}
