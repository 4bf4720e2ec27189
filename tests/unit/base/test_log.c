/* test_log.c: what people see on standard error, as lines, colours and progress. */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- Standard error in a file, or in a terminal of ours. ---- */

static int real_stderr = -1;
static int capture_fd = -1; /* what is read back from */
static char captured[4096];

static void redirect(int target)
{
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    assert_true(real_stderr >= 0);
    assert_true(dup2(target, STDERR_FILENO) >= 0);
}

static void restore(void)
{
    fflush(stderr);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    real_stderr = -1;
}

static void begin_capture(void)
{
    char path[] = "/tmp/afrun-test-log-XXXXXX";
    capture_fd = mkstemp(path);
    assert_true(capture_fd >= 0);
    unlink(path);
    redirect(capture_fd);
}

static const char *end_capture(void)
{
    restore();
    ssize_t len = pread(capture_fd, captured, sizeof captured - 1, 0);
    assert_true(len >= 0);
    captured[len] = '\0';
    close(capture_fd);
    return captured;
}

static void begin_terminal(unsigned short columns)
{
    capture_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(capture_fd >= 0);
    assert_int_equal(grantpt(capture_fd), 0);
    assert_int_equal(unlockpt(capture_fd), 0);
    int terminal = open(ptsname(capture_fd), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    redirect(terminal);
    close(terminal);
}

/* What has been written to the terminal since it was last asked; a newline is read as "\r\n". */
static const char *seen_on_terminal(void)
{
    size_t len = 0;
    struct pollfd ready = {.fd = capture_fd, .events = POLLIN};
    while (len < sizeof captured - 1 && poll(&ready, 1, 20) > 0 && (ready.revents & POLLIN) != 0) {
        ssize_t got = read(capture_fd, captured + len, sizeof captured - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    captured[len] = '\0';
    return captured;
}

static void end_terminal(void)
{
    restore();
    close(capture_fd);
}

static int reset(void **state)
{
    (void)state;
    af_log_set_level(AF_LOG_INFO);
    af_log_set_color(AF_COLOR_NEVER);
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    return 0;
}

static int restore_if_needed(void **state)
{
    (void)state;
    if (real_stderr >= 0)
        restore();
    return 0;
}

/* ---- Lines. ---- */

static void test_levels_are_labelled_and_filtered(void **state)
{
    (void)state;
    begin_capture();
    af_log(AF_LOG_ERROR, "one %d", 1);
    af_log(AF_LOG_WARNING, "two");
    af_log(AF_LOG_INFO, "three");
    af_log(AF_LOG_DEBUG, "four");
    af_log_set_level(AF_LOG_DEBUG);
    af_log(AF_LOG_DEBUG, "five");
    af_log_set_level(AF_LOG_ERROR);
    af_log(AF_LOG_WARNING, "six");
    af_log_party(0, "p", "seven", 5);
    bool shows_error = af_log_shows(AF_LOG_ERROR), shows_warning = af_log_shows(AF_LOG_WARNING);
    assert_string_equal(end_capture(), "afrun: error: one 1\n"
                                       "afrun: warning: two\n"
                                       "afrun: three\n"
                                       "afrun: debug: five\n");
    assert_true(shows_error);
    assert_false(shows_warning);
}

static void test_a_party_line_has_its_time_and_name(void **state)
{
    (void)state;
    begin_capture();
    af_log_party(21 * AF_MS_NS + 999999, "participant-1", "hello\tyou", 9);
    af_log_party(3600 * AF_S_NS, "p", "", 0);
    assert_string_equal(end_capture(), "  0.021  participant-1  hello\tyou\n3600.000  p  \n");
}

static void test_a_long_line_is_whole(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text);
    begin_capture();
    af_log_party(0, "p", text, sizeof text);
    const char *line = end_capture();
    assert_int_equal(strlen(line), strlen("  0.000  p  ") + sizeof text + 1);
}

/* ---- Escapes. ---- */

struct escape {
    const char *text;
    size_t len;
    const char *shown;
};

#define ESCAPE(text, shown)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, shown                                                              \
    }

static const struct escape escapes[] = {
    ESCAPE("", ""),
    ESCAPE("plain", "plain"),
    ESCAPE("tab\tis kept, \\ too", "tab\tis kept, \\ too"),
    ESCAPE("two\r\nlines", "two\\r\\nlines"),
    ESCAPE("\033[31mred", "\\x1b[31mred"),
    ESCAPE("nul\0and\177", "nul\\x00and\\x7f"),
    ESCAPE("\xc2\x9b"
           "31m",
           "\\u009b31m"), /* the one-byte CSI */
    ESCAPE("\xe2\x80\xae"
           "gnp",
           "\\u202egnp"), /* turns the text around */
    ESCAPE("\xe2\x81\xa9\xe2\x80\xa8", "\\u2069\\u2028"),
    ESCAPE("\xc3\xa9\xe2\x80\xa6\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x80\xa6\xf0\x9f\x98\x80"),
    ESCAPE("\xff\x80x", "\\xff\\x80x"), /* no UTF-8 */
    ESCAPE("\xc3", "\\xc3"),            /* broken off */
    ESCAPE("\xe2\x80x", "\\xe2\\x80x"),
    ESCAPE("\xf0\x9f\x98", "\\xf0\\x9f\\x98"),
    ESCAPE("\xc0\xaf\xc1\x81", "\\xc0\\xaf\\xc1\\x81"), /* overlong */
    ESCAPE("\xe0\x80\xaf", "\\xe0\\x80\\xaf"),
    ESCAPE("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"),
    ESCAPE("\xed\xa0\x80", "\\xed\\xa0\\x80"),          /* a surrogate */
    ESCAPE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"), /* beyond U+10FFFF */
    ESCAPE("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),     /* the last one */
};

static void test_what_a_terminal_would_obey_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        char *shown = NULL;
        size_t shown_len = 0;
        FILE *stream = open_memstream(&shown, &shown_len);
        assert_non_null(stream);
        /* In memory of just that size, so that a sanitizer sees a byte read too many. */
        char *text = malloc(escapes[i].len + (escapes[i].len == 0));
        assert_non_null(text);
        memcpy(text, escapes[i].text, escapes[i].len);
        af_log_write_safe(stream, text, escapes[i].len);
        free(text);
        fclose(stream);
        assert_string_equal(shown, escapes[i].shown);
        free(shown);
    }
}

static void test_messages_and_names_are_escaped_too(void **state)
{
    (void)state;
    begin_capture();
    af_log(AF_LOG_INFO, "from %s", "a\nb");
    af_log_party(0, "p\033", "x\ny", 3);
    assert_string_equal(end_capture(), "afrun: from a\\nb\n  0.000  p\\x1b  x\\ny\n");
}

/* ---- Colours. ---- */

static void test_as_json_a_line_is_an_object_whatever_is_said(void **state)
{
    (void)state;
    af_log_set_format(AF_LOG_JSON);
    begin_capture();
    af_log(AF_LOG_WARNING, "a \"quote\", a \\ and \x1b[2J");
    af_log(AF_LOG_DEBUG, "not shown");
    af_log_party(1500000001, "p-1", "\xff\n\xc3\xa4", 4);
    const char *text = end_capture();
    af_log_set_format(AF_LOG_TEXT);
    char *line = strdup(text), *second = strchr(line, '\n') + 1;
    second[-1] = '\0';
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_string_equal(strchr(line, ','),
                        ",\"level\":\"warning\",\"message\":\"a \\\"quote\\\", a "
                        "\\\\ and \\u001b[2J\"}");
    assert_string_equal(strchr(second, ','),
                        ",\"level\":\"info\",\"party\":\"p-1\",\"at\":1.500000001,\"message\":\""
                        "\\ufffd\\u000a\xc3\xa4\"}\n");
    free(line);
}

static void test_the_journal_is_told_priorities(void **state)
{
    (void)state;
    char stream[64];
    struct stat file;
    begin_capture();
    assert_int_equal(fstat(STDERR_FILENO, &file), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)file.st_dev,
             (unsigned long long)file.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    af_log(AF_LOG_ERROR, "bad");
    af_log_party(0, "p", "x", 1);
    setenv("JOURNAL_STREAM", "1:1", 1); /* another file */
    af_log(AF_LOG_INFO, "fine");
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(end_capture(), "<3>afrun: error: bad\n<6>  0.000  p  x\nafrun: fine\n");
}

static void test_colours_surround_labels_only(void **state)
{
    (void)state;
    af_log_set_color(AF_COLOR_ALWAYS);
    begin_capture();
    af_log(AF_LOG_ERROR, "e");
    af_log(AF_LOG_INFO, "i");
    af_log_party(0, "p", "x", 1);
    assert_string_equal(end_capture(), "afrun: \033[1;31merror: \033[0me\n"
                                       "afrun: i\n"
                                       "\033[2m  0.000\033[0m  \033[36mp\033[0m  x\n");
}

static void test_auto_colours_a_terminal_unless_told_otherwise(void **state)
{
    (void)state;
    begin_terminal(80);
    af_log_set_color(AF_COLOR_AUTO);
    bool plain = af_log_color(STDERR_FILENO);
    setenv("NO_COLOR", "1", 1);
    bool with_no_color = af_log_color(STDERR_FILENO);
    af_log_set_color(AF_COLOR_ALWAYS);
    bool always = af_log_color(STDERR_FILENO);
    af_log_set_color(AF_COLOR_AUTO);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    bool dumb = af_log_color(STDERR_FILENO);
    end_terminal();
    assert_true(plain);
    assert_false(with_no_color);
    assert_true(always);
    assert_false(dumb);

    setenv("TERM", "xterm", 1);
    begin_capture();
    bool file = af_log_color(STDERR_FILENO);
    end_capture();
    assert_false(file);
}

/* ---- Progress. ---- */

/* As if so much time had passed for it: a test neither sleeps nor hopes to be fast enough. */
static void let_pass(struct af_progress *progress, int64_t ns)
{
    progress->started_ns -= ns;
    progress->last_ns -= ns;
}

static void test_progress_writes_nothing_to_a_file_or_when_quiet(void **state)
{
    (void)state;
    struct af_progress progress;
    begin_capture();
    af_progress_init(&progress, false);
    let_pass(&progress, AF_S_NS);
    bool due = af_progress_due(&progress);
    af_progress_show(&progress, "half");
    af_progress_end(&progress);
    assert_string_equal(end_capture(), "");
    assert_false(due);

    begin_terminal(80);
    af_progress_init(&progress, true);
    bool terminal = progress.terminal;
    end_terminal();
    assert_false(terminal);
}

static void test_progress_waits_is_rate_limited_and_is_wiped(void **state)
{
    (void)state;
    struct af_progress progress;
    begin_terminal(12);
    af_progress_init(&progress, false);
    af_progress_show(&progress, "too soon");
    assert_string_equal(seen_on_terminal(), "");
    let_pass(&progress, 500 * AF_MS_NS);
    assert_true(af_progress_due(&progress));
    af_progress_show(&progress, "%d %s", 50, "percent… of\nit");
    assert_string_equal(seen_on_terminal(), "\r50 percent…\033[K"); /* 11 columns */
    let_pass(&progress, -10 * AF_S_NS);
    progress.started_ns -= 20 * AF_S_NS; /* late enough for the first, too early for the next */
    assert_false(af_progress_due(&progress));
    af_progress_show(&progress, "too often");
    assert_string_equal(seen_on_terminal(), "");
    af_log(AF_LOG_INFO, "news"); /* takes the place of the line */
    assert_string_equal(seen_on_terminal(), "\r\033[Kafrun: news\r\n");
    af_log(AF_LOG_INFO, "more");
    assert_string_equal(seen_on_terminal(), "afrun: more\r\n");
    let_pass(&progress, 10 * AF_S_NS + 100 * AF_MS_NS);
    af_progress_show(&progress, "90");
    assert_string_equal(seen_on_terminal(), "\r90\033[K");
    af_progress_end(&progress);
    assert_string_equal(seen_on_terminal(), "\r\033[K");
    af_progress_end(&progress);
    af_log(AF_LOG_INFO, "end");
    assert_string_equal(seen_on_terminal(), "afrun: end\r\n");
    end_terminal();
}

/* ---- What is always told. ---- */

static void test_a_finding_is_told_however_quiet_and_without_a_label(void **state)
{
    (void)state;
    static const char text[] = "p: x.lua:3: no\a";
    begin_capture();
    af_log_set_verbosity(-1);
    af_log(AF_LOG_INFO, "not shown");
    af_log_tell(AF_LOG_ERROR, text, sizeof text - 1);
    assert_string_equal(end_capture(), "afrun: p: x.lua:3: no\\x07\n");
}

static void mend(void *out, const char *text, uint64_t len)
{
    af_buf_printf(out, "sub/%.*s", (int)len, text);
}

static void test_messages_are_mended_and_a_partys_own_lines_are_not(void **state)
{
    (void)state;
    begin_capture();
    af_log_set_mend(mend);
    af_log(AF_LOG_WARNING, "x.lua:%d", 3);
    af_log_tell(AF_LOG_ERROR, "y.lua:4", 7);
    af_log_party(0, "p", "z.lua:5", 7);
    af_log_set_mend(NULL);
    assert_string_equal(end_capture(),
                        "afrun: warning: sub/x.lua:3\nafrun: sub/y.lua:4\n  0.000  p  z.lua:5\n");
}

static void test_a_start_is_a_line_of_text_or_an_object_with_a_field(void **state)
{
    (void)state;
    char text[300] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    af_log_start(stream, "address", "http://[::1]:80", "it listens");
    assert_string_equal(text, "it listens\n");
    rewind(stream);
    af_log_set_format(AF_LOG_JSON);
    af_log_start(stream, "address", "http://[::1]:80", "it \"listens\"");
    af_log_set_format(AF_LOG_TEXT);
    fclose(stream);
    assert_int_equal(strncmp(text, "{\"time\":\"20", 11), 0);
    assert_string_equal(strstr(text, ",\"level\""),
                        ",\"level\":\"info\",\"address\":\"http://[::1]:80\",\"message\":\"it "
                        "\\\"listens\\\"\"}\n");
}

static void test_errno_is_the_callers(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    af_log_set_color(AF_COLOR_AUTO);
    begin_capture(); /* no terminal: to ask for colours sets errno */
    errno = EMFILE;
    af_log(AF_LOG_WARNING, "%s", strerror(errno));
    int error = errno;
    end_capture();
    assert_int_equal(error, EMFILE);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, reset, restore_if_needed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_levels_are_labelled_and_filtered),
        LOG_TEST(test_a_party_line_has_its_time_and_name),
        LOG_TEST(test_a_long_line_is_whole),
        LOG_TEST(test_what_a_terminal_would_obey_is_escaped),
        LOG_TEST(test_messages_and_names_are_escaped_too),
        LOG_TEST(test_as_json_a_line_is_an_object_whatever_is_said),
        LOG_TEST(test_a_finding_is_told_however_quiet_and_without_a_label),
        LOG_TEST(test_messages_are_mended_and_a_partys_own_lines_are_not),
        LOG_TEST(test_a_start_is_a_line_of_text_or_an_object_with_a_field),
        LOG_TEST(test_errno_is_the_callers),
        LOG_TEST(test_the_journal_is_told_priorities),
        LOG_TEST(test_colours_surround_labels_only),
        LOG_TEST(test_auto_colours_a_terminal_unless_told_otherwise),
        LOG_TEST(test_progress_writes_nothing_to_a_file_or_when_quiet),
        LOG_TEST(test_progress_waits_is_rate_limited_and_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
