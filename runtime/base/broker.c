/* broker.c: see broker.h.
 *
 * An asker makes a pair of sockets and sends one end. Over the other goes
 *     a question  {operation, lengths, number} text bytes
 *     an answer   {result, kind of failure, lengths} what why bytes, with a descriptor or without
 * and its end, early or not, tells either side that the other has gone. */
#include "base/broker.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question_head {
    uint64_t op, text_len, len;
    int64_t number;
    uint64_t has_bytes;
};

struct answer_head {
    int64_t result;
    uint64_t kind, what_len, why_len, len;
};

static int broker = -1; /* the asker's end of the socket to it */
static int asker = -1;  /* of an operation that is done apart */

bool af_broker_is_there(void)
{
    return broker >= 0;
}

/* ---- Descriptors over a socket. ---- */

/* Sends bytes, with a descriptor unless that is -1. */
static bool send_fd(int socket, int fd, void *bytes, size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec piece = {bytes, len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return sent == (ssize_t)len;
}

/* Reads len bytes, and the descriptor that comes with them or -1. */
static bool receive_fd(int socket, int *fd, void *bytes, size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec piece = {bytes, len};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    *fd = -1;
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof *fd))
        memcpy(fd, CMSG_DATA(header), sizeof *fd);
    return got >= 0 && (size_t)got < len && got > 0
               ? af_io_read(socket, (char *)bytes + got, len - (size_t)got) ==
                     (ssize_t)(len - (size_t)got)
               : got == (ssize_t)len;
}

/* Appends so many bytes that come. */
static bool receive(int socket, struct af_buf *out, uint64_t len)
{
    if (len == 0)
        return true;
    if (len > AF_BUF_BYTES_MAX || !af_buf_reserve(out, (size_t)len) ||
        af_io_read(socket, out->data + out->len, (size_t)len) != (ssize_t)len)
        return false;
    out->len += (size_t)len;
    return true;
}

/* ---- The broker. ---- */

static void answer_to(int socket, int result, struct af_broker_answer *answer,
                      const struct af_failure *why)
{
    struct answer_head head = {result, why->kind, strlen(why->what), strlen(why->why),
                               answer->bytes.len};
    if (send_fd(socket, answer->fd, &head, sizeof head) &&
        af_io_write_all(socket, why->what, head.what_len) &&
        af_io_write_all(socket, why->why, head.why_len))
        af_io_write_all(socket, answer->bytes.data, head.len); /* else nobody waits for it */
}

static void do_question(int socket, const struct af_broker_service *service,
                        const struct question_head *head)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_broker_answer answer = AF_BROKER_ANSWER;
    struct af_buf text = AF_BUF_EMPTY, bytes = AF_BUF_EMPTY;
    if (receive(socket, &text, head->text_len) && receive(socket, &bytes, head->len)) {
        struct af_broker_question question = {af_buf_text(&text), head->number,
                                              head->has_bytes ? af_buf_text(&bytes) : NULL,
                                              bytes.len};
        int result = service->fn(service->arg, &question, &answer, &why);
        answer_to(socket, result, &answer, &why);
    }
    if (answer.fd >= 0)
        close(answer.fd);
    af_buf_release(&answer.bytes);
    af_buf_release(&text);
    af_buf_release(&bytes);
}

static void do_apart(int socket, int all, const struct af_broker_service *service,
                     const struct question_head *head)
{
    pid_t pid = fork();
    if (pid != 0)
        return; /* where it could not be made, the asker hears of an end without an answer */
    close(all);
    signal(SIGCHLD, SIG_DFL);
    asker = socket;
    do_question(socket, service, head);
    _exit(0);
}

/* Who reads the asker's standard output is to see its end when the asker ends. */
static void leave_output(const struct af_broker_service *services)
{
    bool looks = false;
    for (int op = 0; op < AF_BROKER_OPS; op++)
        looks = looks || services[op].output;
    int nothing = looks ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0)
        return;
    dup2(nothing, STDOUT_FILENO);
    close(nothing);
}

static _Noreturn void serve(int all, const struct af_broker_service *services)
{
    char byte;
    int one;
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for who asks */
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* nobody asks what became of those apart */
    leave_output(services);
    while (receive_fd(all, &one, &byte, 1)) {
        struct question_head head;
        const struct af_broker_service *service = NULL;
        if (one >= 0 && af_io_read(one, &head, sizeof head) == (ssize_t)sizeof head &&
            head.op < AF_BROKER_OPS && services[head.op].fn != NULL)
            service = &services[head.op];
        if (service != NULL && service->apart)
            do_apart(one, all, service, &head);
        else if (service != NULL)
            do_question(one, service, &head);
        if (one >= 0)
            close(one);
    }
    _exit(0);
}

int af_broker_begin(const struct af_broker_service *services, struct af_failure *why)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "jail", "no socket: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        serve(ends[1], services);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "jail", "no process can be made: %s",
                              strerror(errno));
    }
    broker = ends[0];
    return 0;
}

int af_broker_socket(void)
{
    return broker;
}

bool af_broker_is_given_up(void)
{
    struct pollfd fd = {asker, 0, 0};
    return poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP) != 0;
}

void af_broker_close_others(int keep)
{
    int low = keep < broker ? keep : broker, high = keep < broker ? broker : keep;
    unsigned from = STDERR_FILENO + 1;
    if (low >= (int)from) {
        if (low > (int)from)
            close_range(from, (unsigned)low - 1, 0);
        from = (unsigned)low + 1;
    }
    if (high > (int)from)
        close_range(from, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, UINT_MAX, 0);
}

/* ---- Asking. ---- */

static bool put_question(int socket, enum af_broker_op op,
                         const struct af_broker_question *question)
{
    struct question_head head = {op, question->text == NULL ? 0 : strlen(question->text),
                                 question->bytes == NULL ? 0 : question->len, question->number,
                                 question->bytes != NULL};
    return af_io_write_all(socket, &head, sizeof head) &&
           af_io_write_all(socket, question->text, head.text_len) &&
           af_io_write_all(socket, question->bytes, head.len);
}

/* Waits until there is something to read; false: it is to be waited for no longer. */
static bool wait_for(int socket, bool (*stopped)(void))
{
    struct pollfd fd = {socket, POLLIN, 0};
    while (stopped != NULL && poll(&fd, 1, 100) <= 0)
        if (stopped())
            return false;
    return true;
}

static bool get_answer(int socket, int *result, struct af_broker_answer *answer,
                       struct af_failure *why)
{
    struct answer_head head;
    struct af_failure told = AF_FAILURE_INIT;
    if (!receive_fd(socket, &answer->fd, &head, sizeof head) || head.what_len >= sizeof told.what ||
        head.why_len >= sizeof told.why ||
        af_io_read(socket, told.what, head.what_len) != (ssize_t)head.what_len ||
        af_io_read(socket, told.why, head.why_len) != (ssize_t)head.why_len ||
        !receive(socket, &answer->bytes, head.len))
        return false;
    *result = (int)head.result;
    if (head.kind != AF_FAILURE_NONE)
        af_failure_set(why, (enum af_failure_kind)head.kind, told.what, "%s", told.why);
    return true;
}

int af_broker_ask(enum af_broker_op op, const struct af_broker_question *question,
                  bool (*stopped)(void), struct af_broker_answer *answer, struct af_failure *why)
{
    int ends[2], result = -1;
    char byte = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, "jail", "no socket: %s", strerror(errno));
    bool sent = send_fd(broker, ends[1], &byte, 1);
    close(ends[1]);
    sent = sent && put_question(ends[0], op, question);
    if (sent && !wait_for(ends[0], stopped))
        af_failure_set(why, AF_FAILURE_INTERRUPTED, "", "was interrupted");
    else if (!sent || !get_answer(ends[0], &result, answer, why))
        af_failure_set(why, AF_FAILURE_TRANSPORT, "jail",
                       "the process that opens files for this one has ended");
    close(ends[0]);
    return result;
}
