/* test_trust.c: keys and signatures as minisign writes them, made here by libsodium; what minisign
 * itself makes is in tests/e2e/node_trust.sh. */
#include "base/failure.h"
#include "code/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char bytes[] = "return {}";
enum { LEN = sizeof bytes - 1 };

static unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];

static void encode(const char *algorithm, const unsigned char *rest, size_t len, char *text)
{
    static const unsigned char number[8] = {'1', '2', '3', '4', '5', '6', '7', '8'};
    unsigned char whole[128] = {(unsigned char)algorithm[0], (unsigned char)algorithm[1]};
    memcpy(whole + 2, number, sizeof number);
    memcpy(whole + 10, rest, len);
    sodium_bin2base64(text, 256, whole, 10 + len, sodium_base64_VARIANT_ORIGINAL);
}

static void key_text(char *text)
{
    encode("Ed", public, sizeof public, text);
}

/* A signature of `bytes`. */
static void sign(const char *algorithm, const char *comment, char *text)
{
    unsigned char made[64], hash[64], global[64], both[256];
    char first[256], second[256];
    if (strcmp(algorithm, "ED") == 0) {
        crypto_generichash(hash, sizeof hash, (const unsigned char *)bytes, LEN, NULL, 0);
        crypto_sign_detached(made, NULL, hash, sizeof hash, secret);
    } else {
        crypto_sign_detached(made, NULL, (const unsigned char *)bytes, LEN, secret);
    }
    memcpy(both, made, sizeof made);
    size_t len = sizeof made;
    for (const char *c = comment; *c != '\0'; c++)
        both[len++] = (unsigned char)*c;
    crypto_sign_detached(global, NULL, both, len, secret);
    encode(algorithm, made, sizeof made, first);
    sodium_bin2base64(second, sizeof second, global, sizeof global, sodium_base64_VARIANT_ORIGINAL);
    snprintf(text, 1024, "untrusted comment: of a test\n%s\ntrusted comment: %s\n%s\n", first,
             comment, second);
}

static int make_key(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    crypto_sign_keypair(public, secret);
    return 0;
}

static struct af_trust trusting(void)
{
    struct af_trust trust = {NULL, 0, 0};
    char key[256];
    key_text(key);
    assert_int_equal(af_trust_add(&trust, key, NULL), 0);
    assert_int_equal(trust.count, 1);
    return trust;
}

static void expect_taken(const struct af_trust *trust, const char *path, const char *text)
{
    struct af_failure why = AF_FAILURE_INIT;
    if (af_trust_check(trust, path, bytes, LEN, text, strlen(text), &why) != 0)
        fail_msg("%s: %s", why.what, why.why);
}

static void expect_refused(const struct af_trust *trust, const char *text, size_t len,
                           const char *says)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_trust_check(trust, "folder/a.lua", bytes, LEN, text, len, &why), -1);
    assert_int_equal(why.kind, AF_FAILURE_USAGE);
    assert_string_equal(why.what, "folder/a.lua");
    if (strstr(why.why, says) == NULL)
        fail_msg("expected '%s': %s", says, why.why);
}

static void test_both_kinds_of_signature_are_taken(void **state)
{
    (void)state;
    struct af_trust trust = trusting();
    char text[1024];
    sign("ED", "timestamp:1\tfile:a.lua\thashed", text);
    expect_taken(&trust, "a.lua", text);
    expect_taken(&trust, "folder/a.lua", text);
    sign("Ed", "whatever", text);
    expect_taken(&trust, "a.lua", text);
    text[strlen(text) - 1] = '\0'; /* no newline at the end */
    expect_taken(&trust, "a.lua", text);
    sign("Ed", "", text);
    expect_taken(&trust, "a.lua", text);
    af_trust_release(&trust);
}

static void test_what_does_not_fit_is_refused_and_why(void **state)
{
    (void)state;
    struct af_trust trust = trusting(), nobody = {NULL, 0, 0};
    char text[1024], other[1024];
    sign("ED", "file:b.lua", text);
    expect_refused(&trust, NULL, 0, "is not signed");
    expect_refused(&trust, text, strlen(text), "another name, 'b.lua'");
    expect_refused(&nobody, text, strlen(text), "3837363534333231, which is none of --trust");
    sign("Ex", "", text);
    expect_refused(&trust, text, strlen(text), "is not what key");
    sign("ED", "file:a.lua", text);
    snprintf(other, sizeof other, "%s", text);
    other[strstr(text, "a.lua") - text] = 'c';
    expect_refused(&trust, other, strlen(other), "the comment of its signature was changed");
    af_trust_release(&trust);
}

/* Cut anywhere it is none, and no bit of what counts can be turned. */
static void test_each_byte_counts(void **state)
{
    (void)state;
    struct af_trust trust = trusting();
    char text[1024], copy[1024];
    sign("ED", "file:a.lua", text);
    size_t len = strlen(text), counts = strlen("untrusted comment: of a test\n");
    for (size_t cut = 0; cut < len - 1; cut++)
        expect_refused(&trust, text, cut, "no signature of minisign");
    for (size_t at = counts; at < len - 1; at++) {
        memcpy(copy, text, len + 1);
        copy[at] ^= 1;
        struct af_failure why = AF_FAILURE_INIT;
        if (af_trust_check(&trust, "a.lua", bytes, LEN, copy, len, &why) == 0)
            fail_msg("byte %zu", at);
    }
    memcpy(copy, text, len);
    memcpy(copy + len, "more\n", 6);
    expect_refused(&trust, copy, strlen(copy), "no signature of minisign");
    af_trust_release(&trust);
}

static void test_what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "RW",
                                        "/dev/null",
                                        "/",
                                        "no such file",
                                        "RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "QUJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_trust trust = {NULL, 0, 0};
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_trust_add(&trust, wrong[i], &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_int_equal(trust.count, 0);
        af_trust_release(&trust);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_of_signature_are_taken),
        cmocka_unit_test(test_what_does_not_fit_is_refused_and_why),
        cmocka_unit_test(test_each_byte_counts),
        cmocka_unit_test(test_what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
