/* test_queue.c: queues of a platform's service, which are told apart by their task and channel. */
#include "bus/http/impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void release(struct af_bus_http *bus)
{
    for (size_t i = 0; i < bus->poll_count; i++) {
        free(bus->polls[i].task);
        free(bus->polls[i].channel);
    }
    free(bus->polls);
}

static void test_each_queue_has_pauses_of_its_own(void **state)
{
    (void)state;
    static const char *const queues[][2] = {
        {"a", "automl"}, {"b", "automl"}, {"a", "federated"}, {"b", "federated"}};
    enum { COUNT = sizeof queues / sizeof *queues };
    struct af_bus_http bus = {.polls = NULL};
    for (size_t i = 0; i < COUNT; i++)
        af_bus_http_poll(&bus, queues[i][0], queues[i][1]);
    assert_int_equal(bus.poll_count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(af_bus_http_poll(&bus, queues[i][0], queues[i][1]), &bus.polls[i]);
    assert_int_equal(bus.poll_count, COUNT);
    release(&bus);
}

static void test_a_task_is_of_automl_if_all_its_queues_are(void **state)
{
    (void)state;
    struct af_bus_http bus = {.polls = NULL};
    af_bus_http_poll(&bus, "mixed", "automl");
    af_bus_http_poll(&bus, "plain", "federated");
    af_bus_http_poll(&bus, "own", "automl");
    af_bus_http_poll(&bus, "mixed", "federated");
    assert_true(af_bus_http_is_automl(&bus, "own"));
    assert_false(af_bus_http_is_automl(&bus, "mixed"));
    assert_false(af_bus_http_is_automl(&bus, "plain"));
    assert_false(af_bus_http_is_automl(&bus, "unknown"));
    release(&bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_queue_has_pauses_of_its_own),
        cmocka_unit_test(test_a_task_is_of_automl_if_all_its_queues_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
