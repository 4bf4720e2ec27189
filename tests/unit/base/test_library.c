/* test_library.c: shared libraries that are loaded when they are first needed. */
#include "base/library.h"

#include "base/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

static __typeof__(zlibVersion) *version;
static void (*missing)(void);
static int loaded_times;

static void loaded(void)
{
    assert_non_null(version);
    loaded_times++;
}

static void test_loads_once(void **state)
{
    static const struct af_library_function functions[] = {{"zlibVersion", &version}};
    struct af_library library = {.files = {"libnone.so.1", "libz.so.1"},
                                 .package = "zlib1g",
                                 AF_LIBRARY_LIST(functions),
                                 .loaded = loaded};
    struct af_failure why = AF_FAILURE_INIT;
    (void)state;
    assert_false(af_library_is_loaded(&library));
    assert_int_equal(af_library_need(&library, &why), 0);
    assert_int_equal(af_library_need(&library, NULL), 0);
    assert_true(af_library_is_loaded(&library));
    assert_int_equal(loaded_times, 1);
    assert_string_equal(version(), zlibVersion());
    assert_int_equal(why.kind, AF_FAILURE_NONE);
}

static void refused(struct af_library *library, const char *text)
{
    for (int i = 0; i < 2; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_library_need(library, &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_TRANSPORT);
        assert_string_equal(why.what, library->files[0]);
        assert_non_null(strstr(why.why, "cannot be loaded; it is in Debian's package libnone1 ("));
        assert_non_null(strstr(why.why, text));
    }
    assert_int_equal(af_library_need(library, NULL), -1);
    assert_false(af_library_is_loaded(library));
}

static void test_tells_what_is_not_there(void **state)
{
    static const struct af_library_function functions[] = {{"af_none", &missing}};
    struct af_library library = {
        .files = {"libnone.so.1"}, .package = "libnone1", AF_LIBRARY_LIST(functions)};
    struct af_library older = {
        .files = {"libz.so.1"}, .package = "libnone1", AF_LIBRARY_LIST(functions)};
    (void)state;
    refused(&library, "libnone.so.1: cannot open shared object file");
    refused(&older, "undefined symbol: af_none");
    assert_null(missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loads_once),
                                       cmocka_unit_test(test_tells_what_is_not_there)};
    return cmocka_run_group_tests_name("base/library", tests, NULL, NULL);
}
