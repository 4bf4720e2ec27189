/* wire_link.c: messages over a socket, and large ones beside it.
 *
 * A descriptor is sent with the first byte of the head of its message, in a write of its own from
 * there on; so it is never later than its message, and descriptors are taken in their order. */
#include "worker/wire.h"

#include "base/bounds.h"
#include "base/io.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { REST_NS = 1000000 };

struct head {
    uint32_t len;
    uint8_t type;
    uint8_t big; /* the body is a memfd */
    uint16_t zero;
};

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

void af_wire_link_init(struct af_wire_link *link, int fd)
{
    memset(link, 0, sizeof *link);
    link->fd = fd;
}

void af_wire_link_release(struct af_wire_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    for (size_t i = 0; i < link->fd_count; i++)
        close(link->fds[i]);
    for (size_t i = link->mark_first; i < link->mark_count; i++)
        close(link->marks[i].fd);
    af_buf_release(&link->in);
    af_buf_release(&link->out);
    af_buf_release(&link->big);
    free(link->marks);
    af_wire_link_init(link, -1);
}

/* ---- Writing. ---- */

int af_wire_pack(const struct af_buf *body, const void *tail, size_t tail_len)
{
    int fd = memfd_create("afrun", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool ok = fd >= 0 && af_io_write_all(fd, body->data, body->len) &&
              (tail == NULL ||
               (af_io_write_all(fd, tail, tail_len) && af_io_write_all(fd, "", sizeof "")));
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void add_mark(struct af_wire_link *link, int fd)
{
    af_mem_reserve(&link->marks, &link->mark_cap, link->mark_count + 1, sizeof *link->marks);
    link->marks[link->mark_count++] = (struct af_wire_mark){link->out.len, fd};
}

int af_wire_send_packed(struct af_wire_link *link, enum af_wire_type type, int fd_take)
{
    off_t len = fd_take < 0 ? -1 : lseek(fd_take, 0, SEEK_END);
    if (len < 0 || len > AF_WORKER_BODY_BYTES_MAX || fcntl(fd_take, F_ADD_SEALS, SEALS) != 0) {
        if (fd_take >= 0)
            close(fd_take);
        return -1;
    }
    struct head head = {(uint32_t)len, (uint8_t)type, 1, 0};
    add_mark(link, fd_take);
    af_buf_append(&link->out, &head, sizeof head);
    return 0;
}

int af_wire_send(struct af_wire_link *link, enum af_wire_type type, const struct af_buf *body,
                 const void *tail, size_t tail_len)
{
    size_t len = body->len + (tail == NULL ? 0 : tail_len + 1);
    if (body->full || tail_len > AF_WORKER_BODY_BYTES_MAX || len > AF_WORKER_BODY_BYTES_MAX)
        return -1;
    if (len > AF_WORKER_INLINE_BYTES)
        return af_wire_send_packed(link, type, af_wire_pack(body, tail, tail_len));
    struct head head = {(uint32_t)len, (uint8_t)type, 0, 0};
    af_buf_append(&link->out, &head, sizeof head);
    af_buf_append(&link->out, body->data, body->len);
    if (tail != NULL) {
        af_buf_append(&link->out, tail, tail_len);
        af_buf_append_char(&link->out, '\0');
    }
    return 0;
}

size_t af_wire_unsent(const struct af_wire_link *link)
{
    return link->out.len - link->out_at;
}

/* Writes once; with the descriptor that is due there, if one is. */
static ssize_t write_some(struct af_wire_link *link)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    const struct af_wire_mark *mark =
        link->mark_first < link->mark_count ? &link->marks[link->mark_first] : NULL;
    size_t end = link->out.len;
    struct iovec piece = {link->out.data + link->out_at, 0};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    bool due = mark != NULL && mark->at == link->out_at;
    if (due) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof mark->fd);
        memcpy(CMSG_DATA(header), &mark->fd, sizeof mark->fd);
        if (link->mark_first + 1 < link->mark_count)
            end = mark[1].at;
    } else if (mark != NULL) {
        end = mark->at;
    }
    piece.iov_len = end - link->out_at;
    ssize_t put = sendmsg(link->fd, &message, MSG_NOSIGNAL);
    if (put > 0 && due) {
        close(mark->fd);
        link->mark_first++;
    }
    return put;
}

/* Forgets what was written, so that output which never runs dry does not grow for ever. */
static void compact(struct af_wire_link *link)
{
    if (link->out_at < link->out.len / 2)
        return;
    memmove(link->out.data, link->out.data + link->out_at, link->out.len - link->out_at);
    link->out.len -= link->out_at;
    for (size_t i = link->mark_first; i < link->mark_count; i++)
        link->marks[i - link->mark_first] =
            (struct af_wire_mark){link->marks[i].at - link->out_at, link->marks[i].fd};
    link->mark_count -= link->mark_first;
    link->out_at = link->mark_first = 0;
}

/* Too many descriptors of this user are on their way, those of other processes among them, until
 * somebody reads. A worker has no call that sleeps, but futex(). */
static void rest(void)
{
    struct timespec a_little = {.tv_nsec = REST_NS};
    int never = 0;
    syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, never, &a_little, NULL, 0);
    errno = EAGAIN;
}

int af_wire_flush(struct af_wire_link *link)
{
    while (link->out_at < link->out.len) {
        ssize_t put = write_some(link);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == ETOOMANYREFS)
            rest();
        if (put < 0 && errno == EAGAIN)
            compact(link);
        if (put < 0)
            return errno == EAGAIN ? 1 : -1;
        link->out_at += (size_t)put;
    }
    link->out_at = link->mark_first = link->mark_count = 0;
    af_buf_clear(&link->out);
    return 0;
}

/* ---- Reading. ---- */

static void take_fds(struct af_wire_link *link, struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (link->fd_count < AF_WORKER_FDS_MAX)
                link->fds[link->fd_count++] = fd;
            else
                close(fd); /* its message finds none, or another's, and is refused */
        }
    }
}

int af_wire_fill(struct af_wire_link *link)
{
    union {
        char bytes[CMSG_SPACE(AF_WORKER_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    static_assert(sizeof link->fds / sizeof link->fds[0] == AF_WORKER_FDS_MAX, "room for all");
    if (link->in_at > 0) {
        memmove(link->in.data, link->in.data + link->in_at, link->in.len - link->in_at);
        link->in.len -= link->in_at;
        link->in_at = 0;
    }
    af_buf_reserve(&link->in, AF_WORKER_READ_BYTES);
    struct iovec piece = {link->in.data + link->in.len, AF_WORKER_READ_BYTES};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    while ((got = recvmsg(link->fd, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    if (got < 0)
        return errno == ECONNRESET ? 0 : -1;
    take_fds(link, &message);
    link->in.len += (size_t)got;
    return got > 0;
}

/* Reads what a memfd holds into link->big; by pread(), since memory that somebody else mapped from
 * huge pages could end us by a signal. */
static const char *read_memfd(struct af_wire_link *link, int fd, size_t len)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || lseek(fd, 0, SEEK_END) != (off_t)len)
        return "a large message is no sealed memfd of its length";
    af_buf_clear(&link->big);
    af_buf_reserve(&link->big, len);
    while (link->big.len < len) {
        ssize_t got =
            pread(fd, link->big.data + link->big.len, len - link->big.len, (off_t)link->big.len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return "a large message cannot be read";
        link->big.len += (size_t)got;
    }
    return NULL;
}

static int take_big(struct af_wire_link *link, const struct head *head,
                    struct af_wire_message *message, const char **what)
{
    if (head->len > AF_WORKER_BODY_BYTES_MAX || link->fd_count == 0) {
        *what = head->len > AF_WORKER_BODY_BYTES_MAX ? "a message is too large"
                                                     : "a large message came without its memfd";
        return -1;
    }
    int fd = link->fds[0];
    memmove(link->fds, link->fds + 1, --link->fd_count * sizeof fd);
    *what = read_memfd(link, fd, head->len);
    close(fd);
    if (*what != NULL)
        return -1;
    link->in_at += sizeof *head;
    message->body = (struct af_wire_in){link->big.data, link->big.data + head->len, false};
    return 1;
}

int af_wire_next(struct af_wire_link *link, struct af_wire_message *message, const char **what)
{
    struct head head;
    size_t there = link->in.len - link->in_at;
    if (link->big.cap > AF_WORKER_READ_BYTES)
        af_buf_release(&link->big); /* what was large is not kept */
    if (there < sizeof head)
        return 0;
    memcpy(&head, link->in.data + link->in_at, sizeof head);
    message->type = head.type;
    if (head.big == 1)
        return take_big(link, &head, message, what);
    if (head.big != 0 || head.zero != 0 || head.len > AF_WORKER_INLINE_BYTES) {
        *what = "a message has a wrong head";
        return -1;
    }
    if (there < sizeof head + head.len)
        return 0;
    const char *body = link->in.data + link->in_at + sizeof head;
    message->body = (struct af_wire_in){body, body + head.len, false};
    link->in_at += sizeof head + head.len;
    return 1;
}
