/* test_config.c: what may not stand on a command line, and that no message holds any of it. */
#include "bus/config.h"
#include "base/failure.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256], path[300];

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/test_config.XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/config", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int read_bytes(const char *bytes, size_t len, struct af_config *config,
                      struct af_failure *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
    *why = AF_FAILURE_INIT;
    return af_config_read(path, config, why);
}

static void test_every_name_is_read(void **state)
{
    (void)state;
    struct af_config config = {0};
    struct af_failure why;
    static const char text[] = "# who we are\n"
                               "\n"
                               "token = to=k#en \r\n"
                               "  ca=/etc/ca.pem\n"
                               "certificate = node.pem\n"
                               "key\t=\tkeys/node.key\n"
                               "bass_url = http://h:1/alpha-med/fed-bass\n"
                               "bass_user = me\n"
                               "bass_password = a b  c\n"
                               "bass_captcha = x\nfiles_hosts = a.example b:1";
    char expected[400];
    if (read_bytes(text, strlen(text), &config, &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
    assert_string_equal(config.token, "to=k#en");
    assert_string_equal(config.ca, "/etc/ca.pem");
    snprintf(expected, sizeof expected, "%s/node.pem", folder);
    assert_string_equal(config.certificate, expected);
    snprintf(expected, sizeof expected, "%s/keys/node.key", folder);
    assert_string_equal(config.key, expected);
    assert_string_equal(config.bass_url, "http://h:1/alpha-med/fed-bass");
    assert_string_equal(config.bass_user, "me");
    assert_string_equal(config.bass_password, "a b  c");
    assert_string_equal(config.bass_captcha, "x");
    assert_string_equal(config.files_hosts, "a.example b:1");
    af_config_release(&config);
    assert_null(config.token);
    assert_int_equal(read_bytes("", 0, &config, &why), 0);
    assert_null(config.token);
    af_config_release(&config);
}

static void expect_refused(const char *bytes, size_t len, int line, const char *part)
{
    struct af_config config = {0};
    struct af_failure why;
    char what[320];
    assert_int_equal(read_bytes(bytes, len, &config, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    snprintf(what, sizeof what, line > 0 ? "%s:%d" : "%s", path, line);
    if (strncmp(why.what, what, sizeof why.what - 1) != 0 || strstr(why.why, part) == NULL)
        fail_msg("told '%s': '%s'", why.what, why.why);
    assert_null(strstr(why.why, "s3cret"));
    assert_null(config.token); /* nothing is kept */
}

static void expect_text_refused(const char *text, int line, const char *part)
{
    expect_refused(text, strlen(text), line, part);
}

static void test_mistakes_are_told_with_their_line_and_without_values(void **state)
{
    (void)state;
    expect_text_refused("token = s3cret\nnonsense s3cret\n", 2, "expected `name = value`");
    expect_text_refused("tokens = s3cret\n", 1, "unknown name");
    expect_text_refused("s3cret = token\n", 1, "unknown name");
    expect_text_refused("= s3cret\n", 1, "unknown name");
    expect_text_refused("token = s3cret\n\ntoken = s3cret\n", 3, "'token' is given twice");
    expect_text_refused("token =\n", 1, "'token' has no value");
    expect_text_refused("token = s3cret\x01\n", 1, "control character");
    expect_text_refused("token = s3cret\xff\n", 1, "no UTF-8");
    expect_refused("token = s3\0cret\n", 16, 1, "control character");
    expect_text_refused("key = k\n", 0, "go together");
    expect_text_refused("certificate = k\n", 0, "go together");
}

static void test_a_file_that_is_too_large_is_not_read(void **state)
{
    (void)state;
    size_t len = 100000;
    char *text = malloc(len);
    memset(text, '#', len);
    expect_refused(text, len, 0, "is larger than");
    free(text);
}

static void test_what_others_may_read_or_is_no_file_is_refused(void **state)
{
    (void)state;
    struct af_config config = {0};
    struct af_failure why;
    static const mode_t wrong[] = {0644, 0640, 0604, 0660, 0601};
    assert_int_equal(read_bytes("token = t\n", 10, &config, &why), 0);
    af_config_release(&config);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        chmod(path, wrong[i]);
        why = AF_FAILURE_INIT;
        assert_int_equal(af_config_read(path, &config, &why), -1);
        assert_non_null(strstr(why.why, "chmod 600"));
    }
    why = AF_FAILURE_INIT;
    assert_int_equal(af_config_read(folder, &config, &why), -1);
    assert_non_null(strstr(why.why, "is not a file"));
    unlink(path);
    why = AF_FAILURE_INIT;
    assert_int_equal(af_config_read(path, &config, &why), -1);
    assert_string_equal(why.what, path);
    assert_non_null(strstr(why.why, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_name_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes_are_told_with_their_line_and_without_values,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_too_large_is_not_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_others_may_read_or_is_no_file_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
