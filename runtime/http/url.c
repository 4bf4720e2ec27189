/* url.c: see url.h. */
#include "http/url.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "http/libraries.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void af_http_url_show(const char *url, char shown[AF_HTTP_SHOWN_BYTES])
{
    size_t len = strcspn(url, "?#");
    if (memchr(url, '@', len) != NULL || len == 0) {
        snprintf(shown, AF_HTTP_SHOWN_BYTES, "URL");
        return;
    }
    snprintf(shown, AF_HTTP_SHOWN_BYTES, "%.*s", (int)(len < 190 ? len : 190), url);
    for (char *at = shown; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
}

static int refuse(const char *url, const char *text, struct af_failure *why)
{
    char shown[AF_HTTP_SHOWN_BYTES];
    af_http_url_show(url, shown);
    return af_failure_set(why, AF_FAILURE_FLOW, shown, "%s", text);
}

/* A part of the URL in a fixed array; false if it is absent or does not fit. */
static bool part(CURLU *handle, CURLUPart which, char *to, size_t size)
{
    char *text = NULL;
    bool ok = af_curl_url_get(handle, which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              strlen(text) < size;
    if (ok)
        for (size_t i = 0; (to[i] = (char)tolower((unsigned char)text[i])) != '\0';)
            i++;
    af_curl_free(text);
    return ok;
}

int af_http_url_read(const char *url, struct af_http_url *parts, struct af_failure *why)
{
    char scheme[16], port[8];
    if (strlen(url) > AF_HTTP_URL_BYTES_MAX)
        return refuse(url, "is too long a URL", why);
    if (af_http_need_client(why) != 0)
        return -1;
    CURLU *handle = af_curl_url();
    if (handle == NULL ||
        af_curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != 0 ||
        !part(handle, CURLUPART_SCHEME, scheme, sizeof scheme)) {
        af_curl_url_cleanup(handle);
        return refuse(url, "is no URL", why);
    }
    bool http = strcmp(scheme, "http") == 0, https = strcmp(scheme, "https") == 0;
    char *user = NULL, *password = NULL;
    bool named = af_curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_OK;
    named = af_curl_url_get(handle, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK || named;
    af_curl_free(user);
    af_curl_free(password);
    bool whole = (http || https) && part(handle, CURLUPART_HOST, parts->host, sizeof parts->host) &&
                 part(handle, CURLUPART_PORT, port, sizeof port) && parts->host[0] != '\0';
    af_curl_url_cleanup(handle);
    if (!http && !https)
        return refuse(url, "is no http or https URL", why);
    if (named)
        return refuse(url, "has a user in it; a URL is no place for secrets", why);
    if (!whole)
        return refuse(url, "names no host", why);
    parts->secure = https;
    parts->port = atoi(port);
    return 0;
}

bool af_http_url_same_origin(const struct af_http_url *a, const struct af_http_url *b)
{
    return a->secure == b->secure && a->port == b->port && strcmp(a->host, b->host) == 0;
}
