/* http_libraries.h: the libraries of the room, which are loaded when they are first needed. */
#ifndef AF_HTTP_LIBRARIES_H
#define AF_HTTP_LIBRARIES_H

struct af_failure;

/* Before anything of libcurl's, and before anything of libmicrohttpd's or GnuTLS's, is called.
 * Returns 0, or -1 with *why (may be NULL) filled: the library is not there. On any thread. */
int af_http_need_client(struct af_failure *why);
int af_http_need_server(struct af_failure *why);

#endif
