/* test_url.c: what a URL says, and which is none that anybody is sent to. */
#include "http/url.h"

#include "base/bounds.h"
#include "base/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_a_url_is_read_as_the_library_reads_it(void **state)
{
    static const struct row {
        const char *url, *host;
        bool secure;
        int port;
    } rows[] = {
        {"http://Hub.Example/x?y#z", "hub.example", false, 80},
        {"https://hub", "hub", true, 443},
        {"http://[::1]:9080/", "[::1]", false, 9080},
        {"http://127.1:1", "127.0.0.1", false, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_http_url url;
        assert_int_equal(af_http_url_read(rows[i].url, &url, NULL), 0);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.secure, rows[i].secure);
        assert_int_equal(url.port, rows[i].port);
    }
}

static void test_what_is_none_is_refused_without_its_secrets(void **state)
{
    static const struct row {
        const char *url, *where, *why;
    } rows[] = {
        {"", "URL", "is no URL"},
        {"hub", "hub", "is no URL"},
        {"ftp://hub/x?y", "ftp://hub/x", "is no http or https URL"},
        {"http://me@hub", "URL", "has a user in it; a URL is no place for secrets"},
        {"http://:pass@hub", "URL", "has a user in it; a URL is no place for secrets"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_http_url url;
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_http_url_read(rows[i].url, &url, &why), -1);
        assert_string_equal(why.what, rows[i].where);
        assert_string_equal(why.why, rows[i].why);
    }
}

static void test_a_url_has_a_bound(void **state)
{
    char text[AF_HTTP_URL_BYTES_MAX + 2];
    struct af_http_url url;
    struct af_failure why = AF_FAILURE_INIT;
    (void)state;
    snprintf(text, sizeof text, "http://hub/%0*d", AF_HTTP_URL_BYTES_MAX - 11, 0);
    assert_int_equal(strlen(text), AF_HTTP_URL_BYTES_MAX);
    assert_int_equal(af_http_url_read(text, &url, &why), 0);
    text[AF_HTTP_URL_BYTES_MAX] = 'x';
    text[AF_HTTP_URL_BYTES_MAX + 1] = '\0';
    assert_int_equal(af_http_url_read(text, &url, &why), -1);
    assert_string_equal(why.why, "is too long a URL");
    assert_int_equal(strlen(why.what), 190);
}

static void test_an_origin_is_scheme_host_and_port(void **state)
{
    static const char *const others[] = {"https://hub:80", "http://hub:81", "http://hut"};
    struct af_http_url hub, other;
    (void)state;
    assert_int_equal(af_http_url_read("http://hub/x", &hub, NULL), 0);
    assert_int_equal(af_http_url_read("http://HUB:80/y", &other, NULL), 0);
    assert_true(af_http_url_same_origin(&hub, &other));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(af_http_url_read(others[i], &other, NULL), 0);
        assert_false(af_http_url_same_origin(&hub, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_is_read_as_the_library_reads_it),
        cmocka_unit_test(test_what_is_none_is_refused_without_its_secrets),
        cmocka_unit_test(test_a_url_has_a_bound),
        cmocka_unit_test(test_an_origin_is_scheme_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
