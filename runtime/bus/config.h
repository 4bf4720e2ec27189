/* config.h: what may not stand on a command line: tokens, certificates, the task manager's login.
 *
 * A text file of `name = value` lines; a line that begins with # is a comment (a value may hold
 * one); unknown names, a name twice, and a file that others than its owner may read are errors. A
 * FILE is looked for from the folder of this file:
 *
 *     token         = …            who we are to the service (Authorization: Bearer)
 *     ca            = FILE         PEM: whom to trust, instead of the system's
 *     certificate   = FILE         PEM: who we are, with
 *     key           = FILE         PEM
 *     bass_url      = http://…     the task manager; default: that of the service
 *     bass_user     = …
 *     bass_password = …
 *     bass_captcha  = …
 *     files_hosts   = HOST[:PORT] …   where the service keeps files, if that is not the service
 * itself
 *     creds         = FILE         who we are to a NATS server: a user's JWT and seed …
 *     nkey          = U…           … or its public key, with
 *     nkey_seed     = FILE         its seed; or `token`
 */
#ifndef AF_CONFIG_H
#define AF_CONFIG_H

#include <stdbool.h>

struct af_failure;

struct af_config { /* NULL: not given */
    char *token;
    char *ca, *certificate, *key;
    char *bass_url, *bass_user, *bass_password, *bass_captcha;
    char *files_hosts; /* between blanks or commas */
    char *creds, *nkey, *nkey_seed;
};

/* Reads a file into a zeroed config. Returns -1 with *why filled, which names file and line but
 * never a value. */
int af_config_read(const char *path, struct af_config *config, struct af_failure *why);

/* The same; a name that is none of those above is given to other(arg, …), which borrows both texts
 * and may refuse them. NULL: unknown names are errors. */
typedef int af_config_other_fn(void *arg, const char *name, const char *value,
                               struct af_failure *why);
int af_config_read_with(const char *path, struct af_config *config, af_config_other_fn *other,
                        void *arg, struct af_failure *why);
bool af_config_is_empty(const struct af_config *config);
void af_config_release(struct af_config *config); /* wipes secrets */

#endif
