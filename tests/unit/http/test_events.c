/* test_events.c: server-sent events: how one is written, and what is news. */
#include "http/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_each_line_of_a_text_is_a_line_of_the_event(void **state)
{
    (void)state;
    static const struct {
        const char *text, *event;
    } rows[] = {
        {"{}", "event: status\ndata: {}\n\n"},
        {"", "event: status\ndata: \n\n"},
        {"a\nb", "event: status\ndata: a\ndata: b\n\n"},
        {"a\n", "event: status\ndata: a\ndata: \n\n"},
        {"event: x\n\ndata: y", "event: status\ndata: event: x\ndata: \ndata: data: y\n\n"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_buf out = AF_BUF_EMPTY;
        af_events_write(&out, "status", rows[i].text, strlen(rows[i].text));
        assert_string_equal(af_buf_text(&out), rows[i].event);
        af_buf_release(&out);
    }
}

static bool is_news(unsigned char *told, const char *words)
{
    struct af_buf text = AF_BUF_EMPTY;
    af_buf_append_string(&text, words);
    bool news = af_events_is_news(told, &text);
    af_buf_release(&text);
    return news;
}

static void test_what_says_the_same_is_no_news(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        bool is_news;
    } rows[] = {{"{\"queue\":1}", "{\"queue\":1}", false},
                {"{\"queue\":1}", "{\"queue\":2}", true},
                {"{\"queue\":1}", "{\"queue\":11}", true},
                {"{\"age_s\":1.5}", "{\"age_s\":20}", false},
                {"{\"age_s\":1.5,\"queue\":1}", "{\"age_s\":2.5,\"queue\":2}", true},
                {"{\"age_s\":1}", "{\"age_s\":null}", true},
                {"{\"uptime_seconds\":1}", "{\"uptime_seconds\":2}", false},
                {"fires in 1.5 s", "fires in 2.5 s", true},
                {"timer 'x' in 1.5 s", "timer 'x' in 0.5 s", false},
                {"timer 'x' in 1.5 s", "timer 'y' in 1.5 s", true},
                {"{\"now\":1}", "{\"now\":", true},
                {"", "1", true},
                {"12", "13", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char told[AF_EVENTS_DIGEST_BYTES] = {0};
        assert_true(is_news(told, rows[i].before));
        assert_false(is_news(told, rows[i].before));
        if (is_news(told, rows[i].after) != rows[i].is_news)
            fail_msg("'%s' behind '%s'", rows[i].after, rows[i].before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_of_a_text_is_a_line_of_the_event),
        cmocka_unit_test(test_what_says_the_same_is_no_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
