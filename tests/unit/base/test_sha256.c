/* test_sha256.c: the SHA-256 of bytes in pieces, by whichever library does it. */
#include "base/sha256.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_in_pieces(void **state)
{
    unsigned char bytes[300], digest[crypto_hash_sha256_BYTES];
    char expected[AF_SHA256_HEX_BYTES], got[AF_SHA256_HEX_BYTES];
    struct af_sha256 *hash = af_sha256_new();
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        crypto_hash_sha256(digest, bytes, len);
        sodium_bin2hex(expected, sizeof expected, digest, sizeof digest);
        af_sha256_add(hash, bytes, len / 3);
        af_sha256_add(hash, bytes + len / 3, len - len / 3);
        af_sha256_hex(hash, got);
        assert_string_equal(got, expected);
    }
    af_sha256_free(hash);
}

static void test_begins_anew(void **state)
{
    char got[AF_SHA256_HEX_BYTES];
    struct af_sha256 *hash = af_sha256_new();
    (void)state;
    af_sha256_add(hash, "not wanted", 10);
    af_sha256_restart(hash);
    af_sha256_add(hash, "abc", 3);
    af_sha256_hex(hash, got);
    assert_string_equal(got, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    af_sha256_hex(hash, got);
    assert_string_equal(got, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    af_sha256_free(hash);
    af_sha256_free(NULL);
}

/* Many bytes are done by whatever is loaded by then. */
static void test_at_once(void **state)
{
    static char bytes[200000];
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, sizeof bytes};
    char expected[AF_SHA256_HEX_BYTES], got[AF_SHA256_HEX_BYTES];
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 11);
    for (int loaded = 0; loaded < 2; loaded++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            crypto_hash_sha256(digest, (const unsigned char *)bytes, sizes[i]);
            sodium_bin2hex(expected, sizeof expected, digest, sizeof digest);
            af_sha256_of(bytes, sizes[i], got);
            assert_string_equal(got, expected);
        }
        af_sha256_free(af_sha256_new());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_at_once),
                                       cmocka_unit_test(test_in_pieces),
                                       cmocka_unit_test(test_begins_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
