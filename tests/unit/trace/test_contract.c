/* test_contract.c: contracts that are shared by counting, and which were there already. */
#include "base/bounds.h"
#include "trace/contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char content[] = "{\"type\":\"query\",\"n\":1}";

static struct af_contract *make(struct af_hash uuid, const char *from)
{
    struct af_contract_parts parts = {.uuid = uuid,
                                      .time_ns = 5 * AF_S_NS,
                                      .task = "t",
                                      .channel = "federated",
                                      .title = "task_inside",
                                      .from = from,
                                      .type = "query",
                                      .type_len = 5,
                                      .content = content,
                                      .content_len = sizeof content - 1};
    return af_contract_new(&parts);
}

static int same_hash(struct af_hash a, struct af_hash b)
{
    return a.a == b.a && a.b == b.b;
}

/* ---- Contracts. ---- */

static void test_a_contract_keeps_copies_of_its_type_and_content(void **state)
{
    (void)state;
    char type[] = "queryXXX", text[] = "{}\0{}";
    struct af_contract_parts parts = {.uuid = {1, 2},
                                      .time_ns = 7,
                                      .task = "t",
                                      .channel = "c",
                                      .type = type,
                                      .type_len = 5,
                                      .content = text,
                                      .content_len = 5};
    struct af_contract *contract = af_contract_new(&parts);
    memset(type, '!', sizeof type);
    memset(text, '!', sizeof text);

    assert_string_equal(contract->type, "query");
    assert_int_equal(contract->type_len, 5);
    assert_int_equal(contract->content_len, 5);
    assert_memory_equal(contract->content, "{}\0{}", 6); /* a 0 byte stands behind it */
    assert_int_equal(contract->time_ns, 7);
    assert_null(contract->from);
    assert_null(contract->title);
    af_contract_drop(contract);
}

static void test_a_contract_may_have_no_type_and_no_content(void **state)
{
    (void)state;
    struct af_contract_parts parts = {.type = "", .content = ""};
    struct af_contract *contract = af_contract_new(&parts);
    assert_string_equal(contract->type, "");
    assert_string_equal(contract->content, "");
    assert_int_equal(contract->content_len, 0);
    af_contract_drop(contract);
}

static void test_a_contract_lives_until_its_last_holder_drops_it(void **state)
{
    (void)state;
    struct af_contract *contract = make((struct af_hash){1, 2}, "a");
    assert_int_equal(contract->refs, 1);
    assert_ptr_equal(af_contract_hold(contract), contract);
    assert_ptr_equal(af_contract_hold(contract), contract);
    assert_int_equal(contract->refs, 3);
    af_contract_drop(contract);
    af_contract_drop(contract);
    assert_int_equal(contract->refs, 1);
    assert_string_equal(contract->content, content); /* the sanitizer sees a use after free */
    af_contract_drop(contract);
    af_contract_drop(NULL);
}

static void test_a_repeated_contract_differs_in_its_uuid_alone(void **state)
{
    (void)state;
    struct af_contract *first = make((struct af_hash){1, 2}, "a");
    struct af_contract *again = af_contract_repeat(first, (struct af_hash){3, 4});

    assert_int_equal(first->refs, 1);
    assert_int_equal(again->refs, 1);
    assert_true(same_hash(again->uuid, (struct af_hash){3, 4}));
    assert_false(same_hash(again->key, first->key));
    assert_int_equal(again->time_ns, first->time_ns);
    assert_string_equal(again->task, first->task);
    assert_string_equal(again->channel, first->channel);
    assert_string_equal(again->title, first->title);
    assert_string_equal(again->from, "a");
    assert_string_equal(again->type, "query");
    af_contract_drop(first); /* it has its own copies */
    assert_string_equal(again->content, content);
    af_contract_drop(again);
}

static void test_the_key_is_of_sender_and_uuid(void **state)
{
    (void)state;
    struct af_contract *a = make((struct af_hash){1, 2}, "a");
    struct af_contract *same = make((struct af_hash){1, 2}, "a");
    struct af_contract *b = make((struct af_hash){1, 2}, "b");
    struct af_contract *later = make((struct af_hash){1, 3}, "a");
    struct af_contract *unknown = make((struct af_hash){1, 2}, NULL);

    assert_true(same_hash(a->key, same->key));
    assert_false(same_hash(a->key, b->key));
    assert_false(same_hash(a->key, later->key));
    assert_false(same_hash(a->key, unknown->key));
    assert_true(same_hash(unknown->key, unknown->uuid));
    af_contract_drop(a);
    af_contract_drop(same);
    af_contract_drop(b);
    af_contract_drop(later);
    af_contract_drop(unknown);
}

/* ---- Which were seen. ---- */

static void test_a_key_is_new_once(void **state)
{
    (void)state;
    struct af_seen seen = {0};
    struct af_contract *a = make((struct af_hash){1, 2}, "a");
    struct af_contract *b = make((struct af_hash){1, 2}, "b");
    assert_int_equal(af_seen_add(&seen, a->key), 1);
    assert_int_equal(af_seen_add(&seen, a->key), 0);
    assert_int_equal(af_seen_add(&seen, b->key), 1); /* another sender's, of the same uuid */
    assert_int_equal(af_seen_add(&seen, b->key), 0);
    assert_int_equal(af_seen_add(&seen, a->key), 0);
    af_contract_drop(a);
    af_contract_drop(b);
    af_seen_release(&seen);
    assert_int_equal(af_seen_add(&seen, (struct af_hash){9, 9}), 1); /* empty, and ready */
    af_seen_release(&seen);
}

static void test_keys_that_share_half_of_their_bits_are_told_apart(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct af_seen seen = {0};
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(af_seen_add(&seen, (struct af_hash){7, i}), 1);
        assert_int_equal(af_seen_add(&seen, (struct af_hash){i << 32, 7}), 1);
    }
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(af_seen_add(&seen, (struct af_hash){7, i}), 0);
        assert_int_equal(af_seen_add(&seen, (struct af_hash){i << 32, 7}), 0);
    }
    af_seen_release(&seen);
}

static struct af_hash key_of(uint64_t i)
{
    return af_hash_bytes((struct af_hash){1, 2}, &i, sizeof i);
}

static void test_the_last_half_million_are_remembered(void **state)
{
    (void)state;
    const uint64_t total = 4 * (uint64_t)AF_PARTY_SEEN_MAX;
    struct af_seen seen = {0};
    for (uint64_t i = 0; i < total; i++) {
        if (af_seen_add(&seen, key_of(i)) != 1)
            fail_msg("key %u was taken for another", (unsigned)i);
        /* the oldest of those that must be known; looking does not change that it is known */
        if (i >= AF_PARTY_SEEN_MAX && i % 997 == 0 &&
            af_seen_add(&seen, key_of(i + 1 - AF_PARTY_SEEN_MAX)) != 0)
            fail_msg("key %u was forgotten at %u", (unsigned)(i + 1 - AF_PARTY_SEEN_MAX),
                     (unsigned)i);
    }
    for (uint64_t i = total - AF_PARTY_SEEN_MAX; i < total; i++)
        if (af_seen_add(&seen, key_of(i)) != 0)
            fail_msg("key %u was forgotten", (unsigned)i);
    /* what is kept does not grow without end */
    assert_true(seen.current.cap + seen.previous.cap <= 8 * (size_t)AF_PARTY_SEEN_MAX);
    assert_int_equal(af_seen_add(&seen, key_of(0)), 1); /* forgotten, long ago */
    af_seen_release(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_contract_keeps_copies_of_its_type_and_content),
        cmocka_unit_test(test_a_contract_may_have_no_type_and_no_content),
        cmocka_unit_test(test_a_contract_lives_until_its_last_holder_drops_it),
        cmocka_unit_test(test_a_repeated_contract_differs_in_its_uuid_alone),
        cmocka_unit_test(test_the_key_is_of_sender_and_uuid),
        cmocka_unit_test(test_a_key_is_new_once),
        cmocka_unit_test(test_keys_that_share_half_of_their_bits_are_told_apart),
        cmocka_unit_test(test_the_last_half_million_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
