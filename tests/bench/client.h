/* client.h: the least of an HTTP client that can load the service: sockets, and fixed requests.
 *
 * Whatever goes wrong ends the program with status 1: a bench that does not run has no figure. */
#ifndef AF_BENCH_CLIENT_H
#define AF_BENCH_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2), noreturn, unused)) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* Of the machine: processes may compare it. */
__attribute__((unused)) static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

__attribute__((unused)) static int client_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* A request of the node's (NULL: the service knows whose), NUL-terminated; `what` is "push" or
 * "pop". Returns its length. */
__attribute__((unused)) static size_t client_request(char *to, size_t cap, const char *node,
                                                     const char *what, const char *body)
{
    int len =
        snprintf(to, cap,
                 "POST %s%s/fed-service/api/v2/message/%s HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 node == NULL ? "" : "/node/", node == NULL ? "" : node, what, strlen(body), body);
    if (len < 0 || (size_t)len >= cap)
        die("a request is too long");
    return (size_t)len;
}

/* The length of the answer that stands at the begin of text (NUL-terminated), or 0 if it is not all
 * there; *body is where its body begins. */
__attribute__((unused)) static size_t client_answer_length(const char *text, size_t len,
                                                           const char **body)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (strncmp(text, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end)
        die("expected an answer, got: %.300s", text);
    *body = end + 4;
    size_t whole = (size_t)(*body - text) + strtoull(length + 17, NULL, 10);
    if (whole <= len && strncmp(*body, "{\"code\":0,", 10) != 0)
        die("expected success, got: %.300s", *body);
    return whole <= len ? whole : 0;
}

__attribute__((unused)) static void client_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put <= 0)
            die("the service has closed a connection");
        bytes += put;
        len -= (size_t)put;
    }
}

/* Waits for one answer, NUL-terminated in `to`. Returns where its body is. */
__attribute__((unused)) static const char *client_read(int fd, char *to, size_t cap)
{
    size_t len = 0;
    const char *body = NULL;
    do {
        ssize_t got = read(fd, to + len, cap - 1 - len);
        if (got <= 0)
            die("the service has closed a connection");
        len += (size_t)got;
        to[len] = '\0';
    } while (client_answer_length(to, len, &body) == 0);
    return body;
}

/* What stands behind "key":" in a body, up to the next quote; returns the end, or NULL. */
__attribute__((unused)) static const char *client_find_text(const char *body, const char *key,
                                                            char *to, size_t cap)
{
    const char *at = strstr(body, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    size_t len = strcspn(at, "\"");
    if (len >= cap)
        die("a text is too long: %.100s", at);
    memcpy(to, at, len);
    to[len] = '\0';
    return at + len;
}

/* ---- Medians. ---- */

__attribute__((unused)) static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints the median and the 99th percentile. */
__attribute__((unused)) static void print_spread(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    printf("%.9f %.9f\n", values[count / 2], values[count * 99 / 100]);
}

#endif
