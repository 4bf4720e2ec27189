/* test_bundle.c: manifests, tars and signatures without a disk; what the program makes of them is
 * in tests/e2e/bundle.sh. */
#include "base/buf.h"
#include "base/failure.h"
#include "code/bundle.h"
#include "code/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char flow[] = "return {}", module[] = "return 1";

/* A bundle of two files; least_next: 0, none. */
static struct af_code make(int64_t version, int64_t least_next)
{
    struct af_code code = {NULL, 0, 0};
    struct af_manifest manifest = {
        .name = "x", .flow = "x.lua", .least_af = "0.0.1", .version = version};
    struct af_buf text = AF_BUF_EMPTY;
    manifest.least_next = least_next;
    af_code_add(&code, "x.lua", flow, strlen(flow));
    af_code_add(&code, "sub/y.lua", module, strlen(module));
    for (size_t i = 0; i < code.count; i++)
        af_manifest_add_file(&manifest, code.files[i].path, code.files[i].bytes, code.files[i].len);
    af_manifest_add_grant(&manifest, AF_MANIFEST_NET, "host:80");
    af_manifest_write(&manifest, &text);
    af_code_add(&code, AF_MANIFEST_NAME, text.data, text.len);
    af_manifest_release(&manifest);
    af_buf_release(&text);
    return code;
}

static int unpack(const struct af_buf *bytes, struct af_code *code, struct af_failure *why)
{
    return af_bundle_unpack(af_buf_text(bytes), bytes->len, "x.afb", NULL, code, why);
}

static void what_is_packed_is_unpacked_in_one_order(void **state)
{
    (void)state;
    struct af_code code = make(1, 0), again = {NULL, 0, 0};
    struct af_buf bytes = AF_BUF_EMPTY;
    struct af_failure why = AF_FAILURE_INIT;
    af_bundle_pack(&code, &bytes);
    assert_int_equal(bytes.len % 512, 0);
    assert_int_equal(unpack(&bytes, &again, &why), 0);
    assert_int_equal(again.count, 3);
    assert_string_equal(again.files[0].path, "x.lua");
    assert_string_equal(again.files[1].path, "sub/y.lua");
    assert_string_equal(again.files[2].path, AF_MANIFEST_NAME);
    af_code_release(&code);
    af_code_release(&again);
    af_buf_release(&bytes);
}

static void each_changed_byte_is_refused(void **state)
{
    (void)state;
    struct af_code code = make(1, 0), again = {NULL, 0, 0};
    struct af_buf bytes = AF_BUF_EMPTY;
    af_bundle_pack(&code, &bytes);
    for (size_t i = 0; i + 1024 < bytes.len; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        char was = bytes.data[i];
        bytes.data[i] = (char)(was ^ 0x41);
        if (unpack(&bytes, &again, &why) == 0) {
            /* in what nobody reads, or in what the manifest says of itself */
            const struct af_code_file *manifest = af_code_find(&again, AF_MANIFEST_NAME);
            struct af_manifest read = {.name = NULL};
            assert_int_equal(af_bundle_check(&again, NULL, &read, NULL), 0);
            assert_non_null(manifest);
            for (size_t j = 0; j < 2; j++)
                assert_memory_equal(again.files[j].bytes, j == 0 ? flow : module,
                                    again.files[j].len);
            af_manifest_release(&read);
        } else {
            assert_int_equal(again.count, 0);
            assert_string_not_equal(why.why, "");
        }
        af_code_release(&again);
        bytes.data[i] = was;
    }
    af_code_release(&code);
    af_buf_release(&bytes);
}

static void a_tar_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct af_code code = make(1, 0), again = {NULL, 0, 0};
    struct af_buf bytes = AF_BUF_EMPTY;
    af_bundle_pack(&code, &bytes);
    for (size_t len = 0; len < bytes.len; len += 256) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_bundle_unpack(bytes.data, len, "x.afb", NULL, &again, &why), -1);
        assert_int_equal(again.count, 0);
    }
    af_code_release(&code);
    af_buf_release(&bytes);
}

static void a_version_follows_where_the_manifest_lets_it(void **state)
{
    (void)state;
    struct af_code any = make(3, 0), five = make(3, 5);
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_bundle_may_follow(&any, 1, NULL), 0);
    assert_int_equal(af_bundle_may_follow(&five, 5, NULL), 0);
    assert_int_equal(af_bundle_may_follow(&five, 3, NULL), 0); /* the same, mended */
    assert_int_equal(af_bundle_may_follow(&five, 4, &why), -1);
    assert_non_null(strstr(why.why, "version 4 may not follow version 3"));
    af_code_release(&any);
    af_code_release(&five);
}

static void names_and_versions(void **state)
{
    (void)state;
    static const char *const good[] = {"x.lua", "a/b-c_d.1", "train"};
    static const char *const bad[] = {"",          "/x",      "x/", "a//b", "../x",
                                      "a/../b",    "a/.b",    ".x", "a b",  "manifest.json",
                                      "x.minisig", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(af_manifest_is_file_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(af_manifest_is_file_name(bad[i]));
    char longest[102];
    memset(longest, 'x', sizeof longest);
    longest[101] = '\0';
    assert_false(af_manifest_is_file_name(longest));
    longest[100] = '\0';
    assert_true(af_manifest_is_file_name(longest));
    assert_true(af_manifest_af_is_least("1.10.0", "1.9.9"));
    assert_true(af_manifest_af_is_least("1.2.3", "1.2.3"));
    assert_false(af_manifest_af_is_least("1.2.3", "1.2.4"));
    assert_false(af_manifest_af_is_least("1.2.3", "2.0.0"));
    assert_false(af_manifest_is_af("1.2"));
    assert_false(af_manifest_is_af("1.2.3.4"));
    assert_false(af_manifest_is_af("1.2.3a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked_in_one_order),
        cmocka_unit_test(each_changed_byte_is_refused),
        cmocka_unit_test(a_tar_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_version_follows_where_the_manifest_lets_it),
        cmocka_unit_test(names_and_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
