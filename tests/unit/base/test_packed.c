/* base/packed: what gzip has made is what it was. */
#include "base/packed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char hello[] = {
    31,  139, 8, 0, 0,   0,   0,  0,  2, 3, 203, 72, 205,
    201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0,   0}; /* printf hello | gzip -9n */

static void what_was_packed_is_read(void **state)
{
    (void)state;
    size_t size = 0;
    assert_true(af_packed_is(hello, sizeof hello));
    char *text = af_packed_read(hello, sizeof hello, &size);
    assert_int_equal(size, 5);
    assert_string_equal(text, "hello");
    free(text);
}

static void bytecode_and_nothing_are_not_packed(void **state)
{
    (void)state;
    static const unsigned char bytecode[] = "\x1bLua and more than eighteen bytes";
    assert_false(af_packed_is(bytecode, sizeof bytecode));
    assert_false(af_packed_is(hello, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_read),
        cmocka_unit_test(bytecode_and_nothing_are_not_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
