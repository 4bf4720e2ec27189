/* url.h: what a URL says, as the library that fetches it reads it: whoever asks where a URL
 * leads must not read it in another way than who goes there. */
#ifndef AF_HTTP_URL_H
#define AF_HTTP_URL_H

#include <stdbool.h>

struct af_failure;

#define AF_HTTP_SHOWN_BYTES 200

struct af_http_url {
    bool secure;    /* https */
    char host[256]; /* lower case; an IPv6 address in brackets */
    int port;       /* the scheme's own if it names none */
};

/* Returns -1 with *why filled if it is no absolute http or https URL, has a user or password in it,
 * or is longer than AF_HTTP_URL_BYTES_MAX. */
int af_http_url_read(const char *url, struct af_http_url *parts, struct af_failure *why);

bool af_http_url_same_origin(const struct af_http_url *a, const struct af_http_url *b);

/* The URL as it may stand in a message: what is before its query, without a user and password. */
void af_http_url_show(const char *url, char shown[AF_HTTP_SHOWN_BYTES]);

#endif
