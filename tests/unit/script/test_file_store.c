/* test_file_store.c: files by their content. */
#include "script/file_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_a_url_is_the_digest_of_the_bytes(void **state)
{
    (void)state;
    struct af_file_store *store = af_file_store_new();
    char url[AF_FILE_URL_BYTES];
    af_file_store_put(store, "abc", 3, url);
    assert_string_equal(
        url, "mock://file/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    af_file_store_free(store);
}

static void test_what_was_put_is_got_back(void **state)
{
    (void)state;
    struct af_file_store *store = af_file_store_new();
    char url[AF_FILE_URL_BYTES], empty_url[AF_FILE_URL_BYTES];
    char bytes[] = "a\0b";
    size_t len = 99;
    af_file_store_put(store, bytes, 4, url);
    bytes[0] = '!'; /* it has a copy */
    const void *kept = af_file_store_get(store, url, &len);
    assert_non_null(kept);
    assert_int_equal(len, 4);
    assert_memory_equal(kept, "a\0b", 4);

    af_file_store_put(store, "", 0, empty_url);
    assert_non_null(af_file_store_get(store, empty_url, &len));
    assert_int_equal(len, 0);
    af_file_store_free(store);
}

static void test_equal_bytes_are_kept_once(void **state)
{
    (void)state;
    struct af_file_store *store = af_file_store_new();
    char url[AF_FILE_URL_BYTES], again[AF_FILE_URL_BYTES];
    size_t len;
    af_file_store_put(store, "same", 4, url);
    const void *first = af_file_store_get(store, url, &len);
    af_file_store_put(store, "same", 4, again);
    assert_string_equal(url, again);
    assert_ptr_equal(af_file_store_get(store, again, &len), first);
    af_file_store_free(store);
}

static void test_what_was_not_put_is_not_there(void **state)
{
    (void)state;
    struct af_file_store *store = af_file_store_new();
    char url[AF_FILE_URL_BYTES];
    size_t len = 5;
    assert_null(af_file_store_get(store, "mock://file/00", &len));
    af_file_store_put(store, "x", 1, url);
    url[strlen(url) - 1] ^= 1;
    assert_null(af_file_store_get(store, url, &len));
    assert_null(af_file_store_get(store, "", &len));
    assert_int_equal(len, 5);
    af_file_store_free(store);
    af_file_store_free(NULL);
}

static void test_many_files_stay_where_they_are(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct af_file_store *store = af_file_store_new();
    static char urls[COUNT][AF_FILE_URL_BYTES];
    const void *places[COUNT];
    size_t len;
    for (int i = 0; i < COUNT; i++) {
        af_file_store_put(store, &i, sizeof i, urls[i]);
        places[i] = af_file_store_get(store, urls[i], &len);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(af_file_store_get(store, urls[i], &len), places[i]);
        assert_memory_equal(places[i], &i, sizeof i);
    }
    af_file_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_is_the_digest_of_the_bytes),
        cmocka_unit_test(test_what_was_put_is_got_back),
        cmocka_unit_test(test_equal_bytes_are_kept_once),
        cmocka_unit_test(test_what_was_not_put_is_not_there),
        cmocka_unit_test(test_many_files_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
