/* tokens.h: the file that says whose a token is.
 *
 *     # comments, and empty lines
 *     TOKEN NODE
 *     sha256:HEX NODE [expires=2027-01-31T00:00:00Z] [label=the rest of the line]
 *
 * A line of the second kind holds no secret: the digest of one. `afrun token` writes these; whoever
 * writes the file by hand may use either. Others must not be able to read or change it. */
#ifndef AF_SERVE_TOKENS_H
#define AF_SERVE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct af_failure;

enum { AF_SERVE_DIGEST_BYTES = 32, AF_SERVE_TOKEN_TEXT = 44 /* of a new one, with the 0 byte */ };

struct af_serve_token {
    unsigned char digest[AF_SERVE_DIGEST_BYTES]; /* SHA-256 */
    char *node, *label;                          /* label: "" for none */
    int64_t expires_s;                           /* since 1970; 0: never */
    bool is_plain;                               /* the file holds the token itself */
};

struct af_serve_tokens { /* zeroed to begin with */
    struct af_serve_token *items;
    size_t count, cap;
};

/* Reads a file that others cannot read. *len is of its text, which a 0 byte follows; the caller
 * gives it to af_serve_secret_free(). NULL with *why filled. */
char *af_serve_secret_read(const char *path, size_t max, size_t *len, struct af_failure *why);
void af_serve_secret_free(char *text, size_t len);

/* Whether it may be a node's or a task's ID. */
bool af_serve_is_id(const char *text);

/* The SHA-256 of a token. */
void af_serve_token_digest(const char *text, size_t len,
                           unsigned char digest[AF_SERVE_DIGEST_BYTES]);

/* Reads all of a file, in its order. Returns 0, or -1 with *why filled: what is wrong stands at
 * FILE:LINE, and the tokens are none. Two lines of one token are wrong. */
int af_serve_tokens_read(struct af_serve_tokens *tokens, const char *path, struct af_failure *why);
/* The same of its text, which a 0 byte follows and which is changed; path is for messages. */
int af_serve_tokens_read_text(struct af_serve_tokens *tokens, const char *path, char *text,
                              size_t len, struct af_failure *why);
void af_serve_tokens_release(struct af_serve_tokens *tokens);

/* Draws a token of 32 random bytes and appends a line with its digest to the file, which is made if
 * it is not there. Returns 0 with the token, which nobody can tell again, or -1 with *why filled:
 * nothing was changed. */
int af_serve_token_add(const char *path, const char *node, const char *label, int64_t expires_s,
                       char text[AF_SERVE_TOKEN_TEXT], struct af_failure *why);

/* Removes the line of which this is the digest; other lines stay as they are. Returns 0, or -1 with
 * *why filled: nothing was changed. */
int af_serve_token_remove(const char *path, const unsigned char digest[AF_SERVE_DIGEST_BYTES],
                          struct af_failure *why);

#endif
