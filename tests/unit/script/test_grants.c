/* test_grants.c: hosts and programs that scripts may reach. Files are script/test_file_access.c's.
 */
#include "base/bounds.h"
#include "base/failure.h"
#include "script/grants.h"
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void grant_host(struct af_grants *grants, const char *host)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_grants_add_host(grants, host, &why) != 0)
        fail_msg("%s", why.why);
}

static void test_a_host_is_reached_on_the_port_that_was_granted_or_any(void **state)
{
    (void)state;
    struct af_grants grants = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_grants_host(&grants, "http://a.example/x", &why), -1);
    assert_string_equal(why.what, "http://a.example/x");
    assert_non_null(strstr(why.why, "--allow-net a.example:80"));
    grant_host(&grants, "A.example");
    grant_host(&grants, "b.example:8080");
    grant_host(&grants, "[::1]:9080");
    assert_int_equal(af_grants_host(&grants, "http://a.example/x", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "HTTPS://a.EXAMPLE:1234", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "http://b.example:8080/?q", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "http://b.example/", NULL), -1);
    assert_int_equal(af_grants_host(&grants, "http://[::1]:9080/", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "http://[::1]/", NULL), -1);
    assert_int_equal(af_grants_host(&grants, "http://a.example.evil.example/", NULL), -1);
    assert_int_equal(af_grants_host(&grants, "http://evil.example/#a.example", NULL), -1);
    assert_int_equal(af_grants_host(&grants, "http://evil.example\\@a.example/", NULL), -1);
    af_grants_release(&grants);
}

static void test_an_address_is_the_same_however_it_is_written(void **state)
{
    (void)state;
    struct af_grants grants = {0};
    grant_host(&grants, "127.0.0.1");
    assert_int_equal(af_grants_host(&grants, "http://0x7f.1/", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "http://2130706433/", NULL), 0);
    assert_int_equal(af_grants_host(&grants, "http://127.0.0.2/", NULL), -1);
    af_grants_release(&grants);
}

static void test_what_is_no_host_is_not_granted(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "a/b",     "a:b",     "user@a", "a:99999",
                                        "http://", "a b",     "a?q",     "a#f",    "a\\b",
                                        "[::1",    "a\tb:80", "a\n.com", ":80"};
    struct af_grants grants = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        if (af_grants_add_host(&grants, wrong[i], &why) != -1)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
    }
    assert_int_equal(grants.host_count, 0);
    af_grants_release(&grants);
}

static void expect_no_url(const char *url, const char *what, const char *part)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_http_url parts;
    assert_int_equal(af_http_url_read(url, &parts, &why), -1);
    if (strcmp(why.what, what) != 0 || strstr(why.why, part) == NULL)
        fail_msg("told '%s': '%s'", why.what, why.why);
}

static void test_only_http_urls_are_taken_and_no_secret_of_one_is_told(void **state)
{
    (void)state;
    char *long_url = malloc(AF_HTTP_URL_BYTES_MAX + 100);
    memset(long_url, 'a', AF_HTTP_URL_BYTES_MAX + 99);
    long_url[AF_HTTP_URL_BYTES_MAX + 99] = '\0';
    memcpy(long_url, "http://a/", 9);
    struct af_http_url parts;
    struct af_failure why = AF_FAILURE_INIT;
    expect_no_url("file:///etc/passwd", "file:///etc/passwd", "no http or https URL");
    expect_no_url("ftp://a.example/", "ftp://a.example/", "no http or https URL");
    expect_no_url("gopher://a.example/", "gopher://a.example/", "no http or https URL");
    expect_no_url("a.example", "a.example", "is no URL");
    expect_no_url("", "URL", "is no URL");
    expect_no_url("http://", "http://", "is no URL");
    expect_no_url("http://me:s3cret@a.example/", "URL", "has a user in it");
    expect_no_url("http://a.example /?s3cret", "http://a.example /", "is no URL");
    expect_no_url("http://a.example\n/", "http://a.example?/", "is no URL");
    assert_int_equal(af_http_url_read(long_url, &parts, &why), -1);
    assert_non_null(strstr(why.why, "too long"));
    free(long_url);
}

static void test_an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    static const char *const others[] = {"https://a.example/", "http://b.example/",
                                         "http://a.example:81/"};
    struct af_http_url a, b;
    assert_int_equal(af_http_url_read("http://a.example/x?y", &a, NULL), 0);
    assert_int_equal(af_http_url_read("HTTP://A.example:80", &b, NULL), 0);
    assert_true(af_http_url_same_origin(&a, &b));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(af_http_url_read(others[i], &b, NULL), 0);
        assert_false(af_http_url_same_origin(&a, &b));
    }
}

static void test_a_program_is_run_by_the_name_or_path_that_was_granted(void **state)
{
    (void)state;
    struct af_grants grants = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_null(af_grants_program(&grants, "sh", &why));
    assert_string_equal(why.what, "sh");
    assert_non_null(strstr(why.why, "grant it with --allow-run sh"));
    assert_int_equal(af_grants_add_program(&grants, "sh", NULL), 0);
    const char *path = af_grants_program(&grants, "sh", NULL);
    assert_non_null(path);
    assert_int_equal(path[0], '/');
    assert_null(af_grants_program(&grants, "ls", NULL));
    assert_null(af_grants_program(&grants, "", NULL));
    assert_null(af_grants_program(&grants, "./sh", NULL));
    af_grants_release(&grants);
    assert_int_equal(af_grants_add_program(&grants, "/bin/sh", NULL), 0);
    assert_non_null(af_grants_program(&grants, "/bin/sh", NULL));
    assert_non_null(af_grants_program(&grants, "/bin/../bin/sh", NULL)); /* the same file */
    assert_null(af_grants_program(&grants, "sh", NULL)); /* another may be meant by it */
    af_grants_release(&grants);
}

static void test_what_is_no_program_is_not_granted(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "no-such-program-at-all", "/nowhere", "/tmp", "/etc/passwd", "sh -c ls"};
    struct af_grants grants = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        if (af_grants_add_program(&grants, wrong[i], &why) != -1)
            fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(why.why, "is no program"));
    }
    af_grants_release(&grants);
}

static void test_what_is_wished_for_is_looked_up_among_its_own_kind(void **state)
{
    (void)state;
    struct af_grants grants = {0};
    grant_host(&grants, "a.example:80");
    assert_int_equal(af_grants_add_program(&grants, "sh", NULL), 0);
    assert_int_equal(af_file_access_grant(&grants.files, false, "/usr", NULL), 0);
    assert_int_equal(af_file_access_grant(&grants.files, true, "/tmp", NULL), 0);
    assert_true(af_grants_has(&grants, "net", "a.example:80"));
    assert_false(af_grants_has(&grants, "net", "a.example:81"));
    assert_false(af_grants_has(&grants, "net", "sh"));
    assert_true(af_grants_has(&grants, "run", "sh"));
    assert_false(af_grants_has(&grants, "run", "a.example:80"));
    assert_true(af_grants_has(&grants, "read", "/usr/bin"));
    assert_false(af_grants_has(&grants, "read", "/tmp"));
    assert_true(af_grants_has(&grants, "write", "/tmp"));
    assert_false(af_grants_has(&grants, "write", "/usr/bin"));
    af_grants_release(&grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_is_reached_on_the_port_that_was_granted_or_any),
        cmocka_unit_test(test_an_address_is_the_same_however_it_is_written),
        cmocka_unit_test(test_what_is_no_host_is_not_granted),
        cmocka_unit_test(test_only_http_urls_are_taken_and_no_secret_of_one_is_told),
        cmocka_unit_test(test_an_origin_is_scheme_host_and_port),
        cmocka_unit_test(test_a_program_is_run_by_the_name_or_path_that_was_granted),
        cmocka_unit_test(test_what_is_no_program_is_not_granted),
        cmocka_unit_test(test_what_is_wished_for_is_looked_up_among_its_own_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
