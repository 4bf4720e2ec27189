/* What a bus's ages say of its store, and the file that notes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failure.h"
#include "bus/age.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[200];

static void open_age(struct af_bus *bus, const char *url)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_bus_age_begin(&bus->age, url, path, &why), 0);
}

static int set_up(void **state)
{
    struct af_bus *bus = calloc(1, sizeof *bus);
    snprintf(path, sizeof path, "%s/af-age-%d",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"), (int)getpid());
    open_age(bus, "http://hub");
    *state = bus;
    return 0;
}

static int tear_down(void **state)
{
    struct af_bus *bus = *state;
    af_bus_age_end(&bus->age);
    free(bus);
    return unlink(path);
}

static void open_again(struct af_bus *bus, const char *url)
{
    af_bus_age_end(&bus->age);
    open_age(bus, url);
}

static void answer(struct af_bus *bus, const char *asked, const char *age)
{
    struct af_bus_result result = {.code = AF_BUS_OK, .age = age};
    af_bus_note_age(bus, asked, &result);
}

static void test_of_one_start_the_greatest_age_counts(void **state)
{
    struct af_bus *bus = *state;
    assert_string_equal(af_bus_age(bus), "");
    answer(bus, "", "9.aa");
    answer(bus, NULL, "10.aa"); /* of a push */
    assert_string_equal(af_bus_age(bus), "10.aa");
    answer(bus, NULL, "9.aa");
    assert_string_equal(af_bus_age(bus), "10.aa");
    answer(bus, NULL, NULL); /* of a service that tells none */
    assert_string_equal(af_bus_age(bus), "10.aa");
}

static void test_another_start_counts_where_the_newest_age_was_asked_for(void **state)
{
    struct af_bus *bus = *state;
    answer(bus, "", "10.aa");
    answer(bus, NULL, "12.bb"); /* an older copy, perhaps */
    answer(bus, "9.aa", "12.bb");
    assert_string_equal(af_bus_age(bus), "10.aa");
    answer(bus, "10.aa", "12.bb");
    assert_string_equal(af_bus_age(bus), "12.bb");
}

static void test_an_older_store_is_told_until_it_is_not(void **state)
{
    struct af_bus *bus = *state;
    const struct af_bus_result older = {.code = AF_BUS_OLDER, .why = "it is older"};
    answer(bus, "", "10.aa");
    af_bus_note_age(bus, "9.aa", &older); /* asked before that was known */
    assert_null(af_bus_older(bus));
    af_bus_note_age(bus, "10.aa", &older);
    assert_string_equal(af_bus_older(bus), "it is older");
    answer(bus, NULL, "5.bb"); /* a push that was on its way */
    assert_string_equal(af_bus_older(bus), "it is older");
    assert_string_equal(af_bus_age(bus), "10.aa");
    answer(bus, "10.aa", "11.cc");
    assert_null(af_bus_older(bus));
}

static void test_a_file_notes_it_for_the_bus_of_its_url(void **state)
{
    struct af_bus *bus = *state;
    answer(bus, "", "100000.aa");
    open_again(bus, "http://hub");
    assert_string_equal(af_bus_age(bus), "100000.aa");
    af_bus_set_age(bus, "7.bb"); /* shorter than what stood there */
    open_again(bus, "http://hub");
    assert_string_equal(af_bus_age(bus), "7.bb");
    open_again(bus, "http://hub2");
    assert_string_equal(af_bus_age(bus), "");
    open_again(bus, "http://hu");
    assert_string_equal(af_bus_age(bus), "");
}

static void test_what_is_no_age_is_none(void **state)
{
    static const char *const texts[] = {
        "", "http://hub", "http://hub\n", "http://hub\nx\n", "x\n1.aa\n", "http://hub\n\n"};
    struct af_bus *bus = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        open_again(bus, "http://hub");
        assert_string_equal(af_bus_age(bus), "");
    }
}

static void test_a_file_that_cannot_be_opened_is_told(void **state)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_bus_age age;
    (void)state;
    assert_int_equal(af_bus_age_begin(&age, "http://hub", "/nowhere/bus.age", &why), -1);
    assert_string_equal(why.what, "/nowhere/bus.age");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_of_one_start_the_greatest_age_counts),
        CASE(test_another_start_counts_where_the_newest_age_was_asked_for),
        CASE(test_an_older_store_is_told_until_it_is_not),
        CASE(test_a_file_notes_it_for_the_bus_of_its_url),
        CASE(test_what_is_no_age_is_none),
        CASE(test_a_file_that_cannot_be_opened_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
