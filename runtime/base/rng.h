/* rng.h: seeded streams of chance.
 *
 * A stream is keyed by a seed, a purpose and up to 16 bytes more, so that each purpose (latency,
 * loss, a party's own draws …) has a stream of its own: adding a fault does not shift the others.
 * The same key gives the same draws on every machine: integers only, xoshiro256** seeded by
 * SipHash. */
#ifndef AF_RNG_H
#define AF_RNG_H

#include <stddef.h>
#include <stdint.h>

struct af_rng {
    uint64_t s[4];
};

/* A 128-bit hash of bytes under a 128-bit key, SipHash-2-4: also uuids and hashes of data. */
struct af_hash {
    uint64_t a, b;
};
struct af_hash af_hash_bytes(struct af_hash key, const void *bytes, size_t len);

/* 32 digits and a 0 byte. */
#define AF_HASH_HEX_BYTES 33
void af_hash_hex(struct af_hash hash, char text[AF_HASH_HEX_BYTES]);

/* The stream of `purpose` (a word) under a seed, and one of those of a key. */
void af_rng_init(struct af_rng *rng, uint64_t seed, const char *purpose);
void af_rng_init_keyed(struct af_rng *rng, struct af_hash key);

uint64_t af_rng_next(struct af_rng *rng);

/* Evenly from 0 to below - 1; 0 where below is 0 or 1. */
uint64_t af_rng_below(struct af_rng *rng, uint64_t below);

/* A double in [0, 1), of 53 bits. */
double af_rng_unit(struct af_rng *rng);

/* True with probability p; draws nothing where p is 0 or less, or 1 or more. */
int af_rng_chance(struct af_rng *rng, double p);

/* 36 characters and a 0 byte: the hash written as a version 4 UUID. */
#define AF_UUID_TEXT_BYTES 37
void af_uuid_format(struct af_hash hash, char text[AF_UUID_TEXT_BYTES]);

/* Reads one back: the hash but for the bits that a version 4 UUID fixes. Returns 0 if it is none.
 */
int af_uuid_parse(const char *text, struct af_hash *hash);

#endif
