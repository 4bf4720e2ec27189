/* floor_numbers.c: floor_numbers mask|mean|points|psi|shares|secure TIMES: the same work as
 * numbers_flow.lua, by libsodium and plain loops alone, on one thread. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 1000000, MODELS = 20, PARAMETERS = 1000000, SHARES = 30, THRESHOLD = 20 };

/* Numbers, each page written: pages that nobody has written are one page, which is always near. */
static void *numbers(size_t count)
{
    void *memory = malloc(count * sizeof(uint64_t));
    if (memory == NULL)
        exit(1);
    return memset(memory, 1, count * sizeof(uint64_t));
}

static void add_masks(uint64_t *v, uint64_t *stream, long times)
{
    static const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    unsigned char key[crypto_stream_chacha20_KEYBYTES] = {0};
    for (long i = 0; i < times; i++) {
        key[0] = (unsigned char)i;
        crypto_stream_chacha20((unsigned char *)stream, NUMBERS * sizeof *stream, nonce, key);
        for (size_t k = 0; k < NUMBERS; k++)
            v[k] += stream[k];
    }
}

static void mask(long times)
{
    uint64_t *v = numbers(NUMBERS), *stream = numbers(NUMBERS);
    add_masks(v, stream, times);
    free(stream);
    free(v);
}

/* Each of so many parties masks its vector for all of them, and for itself in place of one; the
 * vector goes by its SHA-256, which both ends work out; a server adds them up, and takes as many
 * masks away. */
static void secure(long parties)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    uint64_t *v = numbers(NUMBERS), *stream = numbers(NUMBERS), *sum = numbers(NUMBERS);
    for (long i = 0; i < parties; i++) {
        memset(v, (int)i, NUMBERS * sizeof *v);
        add_masks(v, stream, parties);
        for (int end = 0; end < 2; end++)
            crypto_hash_sha256(digest, (unsigned char *)v, NUMBERS * sizeof *v);
        for (size_t k = 0; k < NUMBERS; k++)
            sum[k] += v[k];
    }
    add_masks(sum, stream, parties);
    free(sum);
    free(stream);
    free(v);
}

static volatile double told; /* or nothing of a mean need be done */

static void mean(long times)
{
    double *model = numbers(PARAMETERS), *sum = numbers(PARAMETERS);
    for (long i = 0; i < times; i++) {
        memset(sum, 0, PARAMETERS * sizeof *sum);
        for (size_t m = 0; m < MODELS; m++) {
            for (size_t k = 0; k < PARAMETERS; k++)
                sum[k] += model[k];
            model[m] += 1; /* or a compiler may see that it is one model */
        }
        for (size_t k = 0; k < PARAMETERS; k++)
            sum[k] /= MODELS;
        told = sum[i % PARAMETERS];
    }
    free(model);
    free(sum);
}

/* Each item is hashed and blinded, so many times. */
static void blind(long items, int times)
{
    unsigned char scalar[crypto_core_ristretto255_SCALARBYTES];
    unsigned char digest[crypto_hash_sha512_BYTES], point[crypto_core_ristretto255_BYTES];
    char item[32];
    crypto_core_ristretto255_scalar_random(scalar);
    for (long i = 0; i < items; i++) {
        int len = snprintf(item, sizeof item, "patient-%08ld", i + 1);
        crypto_hash_sha512(digest, (unsigned char *)item, (unsigned long long)len);
        if (crypto_core_ristretto255_from_hash(point, digest) != 0)
            exit(1);
        for (int k = 0; k < times; k++)
            if (crypto_scalarmult_ristretto255(point, scalar, point) != 0)
                exit(1);
    }
}

static void points(long items)
{
    blind(items, 1);
}

static void psi(long items)
{
    blind(items, 2);
}

/* ---- Shares: a polynomial over the scalars of the group. ---- */

struct scalar {
    unsigned char bytes[crypto_core_ristretto255_SCALARBYTES];
};

static struct scalar times_of(struct scalar a, struct scalar b)
{
    crypto_core_ristretto255_scalar_mul(a.bytes, a.bytes, b.bytes);
    return a;
}

static struct scalar minus(struct scalar a, struct scalar b)
{
    crypto_core_ristretto255_scalar_sub(a.bytes, a.bytes, b.bytes);
    return a;
}

static struct scalar plus(struct scalar a, struct scalar b)
{
    crypto_core_ristretto255_scalar_add(a.bytes, a.bytes, b.bytes);
    return a;
}

static struct scalar number(unsigned n)
{
    return (struct scalar){{(unsigned char)n}};
}

static void share_and_combine(void)
{
    struct scalar terms[THRESHOLD], shares[SHARES], secret = number(0);
    for (size_t k = 0; k < THRESHOLD; k++)
        crypto_core_ristretto255_scalar_random(terms[k].bytes);
    for (unsigned x = 1; x <= SHARES; x++) {
        struct scalar y = terms[THRESHOLD - 1];
        for (size_t k = THRESHOLD - 1; k > 0; k--)
            y = plus(times_of(y, number(x)), terms[k - 1]);
        shares[x - 1] = y;
    }
    for (unsigned i = 1; i <= THRESHOLD; i++) {
        struct scalar over = number(1), under = number(1);
        for (unsigned j = 1; j <= THRESHOLD; j++) {
            if (j == i)
                continue;
            over = times_of(over, number(j));
            under = times_of(under, minus(number(j), number(i)));
        }
        crypto_core_ristretto255_scalar_invert(under.bytes, under.bytes);
        secret = plus(secret, times_of(shares[i - 1], times_of(over, under)));
    }
    if (memcmp(&secret, &terms[0], sizeof secret) != 0)
        exit(1);
}

static void shares(long times)
{
    for (long i = 0; i < times; i++)
        share_and_combine();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*work)(long times);
    } all[] = {{"mask", mask}, {"mean", mean},     {"points", points},
               {"psi", psi},   {"shares", shares}, {"secure", secure}};
    if (argc != 3 || sodium_init() < 0)
        return 2;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, argv[1]) != 0)
            continue;
        all[i].work(strtol(argv[2], NULL, 10));
        return 0;
    }
    return 2;
}
