/* test_wire_link.c: what is left of a message that cannot be packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "lib/descriptors.h"
#include "worker/wire.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void test_a_message_for_which_there_is_no_room_leaves_nothing_open(void **state)
{
    (void)state;
    struct rlimit limit, small;
    struct af_buf body = AF_BUF_EMPTY;
    af_buf_append_string(&body, "more than there is room for");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 4;
    int before = count_descriptors();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int fd = af_wire_pack(&body, NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(count_descriptors(), before);
    fd = af_wire_pack(&body, "tail", 4);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), body.len + strlen("tail") + 1);
    close(fd);
    af_buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_for_which_there_is_no_room_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
