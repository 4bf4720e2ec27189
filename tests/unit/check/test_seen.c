/* test_seen.c: states are kept once, with where they were found and how they may go on. */
#include "check/seen.h"
#include "check/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 50000 };

/* State i: of 4 to 40 bytes. */
static size_t make(uint32_t i, unsigned char *bytes)
{
    size_t len = 4 + i % 37;
    memset(bytes, (int)(i % 5), len);
    memcpy(bytes, &i, sizeof i);
    return len;
}

static uint64_t add(struct af_check_seen *seen, uint32_t i, uint64_t parent, uint32_t sleep)
{
    unsigned char bytes[64];
    size_t len = make(i, bytes);
    uint64_t count = af_check_seen_count(seen), hash = af_check_hash(bytes, len);
    bool fresh, known = af_check_seen_find(seen, bytes, len) != AF_CHECK_NO_STATE;
    uint64_t address = af_check_seen_add(seen, hash, parent, sleep, bytes, len, &fresh);
    assert_int_equal(fresh, !known);
    assert_int_equal(af_check_seen_count(seen), count + (fresh ? 1 : 0));
    memset(bytes + len, 0, sizeof bytes - len);
    assert_int_equal(af_check_hash_padded(bytes, len), hash);
    return address;
}

static void test_states_are_found_again_with_all_that_is_kept(void **state)
{
    (void)state;
    struct af_check_seen *seen = af_check_seen_new();
    uint64_t *addresses = calloc(MANY, sizeof *addresses);
    for (uint32_t i = 0; i < MANY; i++) {
        addresses[i] = add(seen, i, i == 0 ? AF_CHECK_ROOT : addresses[i / 2], i);
        assert_int_equal(af_check_seen_lead(seen, addresses[i]), AF_CHECK_NO_STATE);
        if (i % 3 == 0 && i > 0)
            af_check_seen_set_lead(seen, addresses[i], addresses[i - 1]);
        if (i % 7 == 0)
            af_check_seen_mark(seen, addresses[i], AF_CHECK_GOOD);
        if (i % 14 == 0)
            af_check_seen_mark(seen, addresses[i], AF_CHECK_TRIED);
    }
    assert_int_equal(af_check_seen_count(seen), MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        unsigned char bytes[64];
        size_t len = make(i, bytes), kept_len;
        uint64_t parent;
        uint32_t sleep;
        assert_int_equal(af_check_seen_find(seen, bytes, len), addresses[i]);
        assert_int_equal(add(seen, i, 0, i), addresses[i]);
        const unsigned char *kept =
            af_check_seen_state(seen, addresses[i], &kept_len, &parent, &sleep);
        assert_int_equal(kept_len, len);
        assert_memory_equal(kept, bytes, len);
        assert_int_equal(parent, i == 0 ? AF_CHECK_ROOT : addresses[i / 2]);
        assert_int_equal(sleep, i);
        assert_int_equal(af_check_seen_lead(seen, addresses[i]),
                         i % 3 == 0 && i > 0 ? addresses[i - 1] : AF_CHECK_NO_STATE);
        assert_int_equal(af_check_seen_marks(seen, addresses[i]),
                         (i % 7 == 0 ? AF_CHECK_GOOD : 0) | (i % 14 == 0 ? AF_CHECK_TRIED : 0));
        bytes[len] = 9;
        assert_int_equal(af_check_seen_find(seen, bytes, len + 1), AF_CHECK_NO_STATE);
    }
    assert_int_equal(af_check_seen_count(seen), MANY);
    free(addresses);
    af_check_seen_free(seen);
}

/* What is found twice in a level sleeps where both say so; what is of an earlier level stays. */
static void test_sleep_is_what_all_of_a_level_say(void **state)
{
    (void)state;
    struct af_check_seen *seen = af_check_seen_new();
    size_t len;
    uint32_t sleep;
    uint64_t one = add(seen, 1, AF_CHECK_ROOT, 7);
    add(seen, 1, AF_CHECK_ROOT, 13);
    af_check_seen_state(seen, one, &len, NULL, &sleep);
    assert_int_equal(sleep, 7 & 13);
    af_check_seen_level(seen);
    add(seen, 1, AF_CHECK_ROOT, 0);
    add(seen, 2, one, 3);
    af_check_seen_state(seen, one, &len, NULL, &sleep);
    assert_int_equal(sleep, 7 & 13);
    af_check_seen_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_are_found_again_with_all_that_is_kept),
        cmocka_unit_test(test_sleep_is_what_all_of_a_level_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
