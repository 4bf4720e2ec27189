/* test_members.c: role=ID,ID;role=ID: what it says, and each text that is refused, with its words.
 */
#include "base/bounds.h"
#include "base/failure.h"
#include "bus/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_each_node_has_its_role_in_order(void **state)
{
    (void)state;
    struct af_bus_member_list list = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_bus_members_read(&list, "server=s;client=c1,c2", &why), 0);
    assert_int_equal(af_bus_members_read(&list, "watcher=w", &why), 0);
    static const char *const expected[][2] = {
        {"server", "s"}, {"client", "c1"}, {"client", "c2"}, {"watcher", "w"}};
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(list.items[i].role, expected[i][0]);
        assert_string_equal(list.items[i].node, expected[i][1]);
        assert_int_equal(list.items[i].number, 0);
    }
    af_bus_members_release(&list);
    assert_int_equal(list.count, 0);
}

static void test_what_is_refused_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "expected role=ID,ID;role=ID, not ''"},
        {"a", "expected role=ID,ID;role=ID, not 'a'"},
        {"=x", "expected role=ID,ID;role=ID, not '=x'"},
        {"a=", "not 'a=': an ID is empty"},
        {"a=x,", "not 'a=x,': an ID is empty"},
        {"a=,x", "an ID is empty"},
        {"a=x,,y", "an ID is empty"},
        {"a=x,b=y", "not 'a=x,b=y': roles are separated by ';'"},
        {"a=x;", "expected role=ID,ID;role=ID, not 'a=x;'"},
        {";a=x", "expected role=ID,ID;role=ID"},
        {"a=x;b", "expected role=ID,ID;role=ID"},
        {"a=x y", "expected an ID without blanks, not 'x y'"},
        {"a=*", "expected an ID without blanks, not '*'"},
        {"a b=x", "expected an ID without blanks, not 'a b'"},
        {"a=x,x", "names the node 'x' twice"},
        {"a=x;b=x", "names the node 'x' twice"},
        {"a=\xFFx", "expected an ID without blanks"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct af_bus_member_list list = {0};
        struct af_failure why = AF_FAILURE_INIT;
        if (af_bus_members_read(&list, rows[i].text, &why) != -1)
            fail_msg("accepted: %s", rows[i].text);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_string_equal(why.what, "");
        if (strstr(why.why, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, why.why);
        af_bus_members_release(&list);
    }
}

static void test_an_id_is_as_long_as_a_bus_takes_it(void **state)
{
    (void)state;
    char text[AF_BUS_ID_BYTES_MAX + 2];
    struct af_failure why = AF_FAILURE_INIT;
    memset(text, 'n', sizeof text);
    text[AF_BUS_ID_BYTES_MAX] = '\0';
    assert_int_equal(af_bus_check_id(text, &why), 0);
    text[AF_BUS_ID_BYTES_MAX] = 'n';
    text[AF_BUS_ID_BYTES_MAX + 1] = '\0';
    assert_int_equal(af_bus_check_id(text, &why), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_node_has_its_role_in_order),
        cmocka_unit_test(test_what_is_refused_is_told),
        cmocka_unit_test(test_an_id_is_as_long_as_a_bus_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
