/* fuzz_bundle.c: whatever the bytes of a .afb, it is refused for a reason, or is all that its
 * manifest says; and then it is packed so that it is read as the same. `make fuzz FUZZ=bundle`. */
#include "base/buf.h"
#include "base/failure.h"
#include "code/bundle.h"
#include "code/tar.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const char *name, const char *bytes, size_t len, struct af_failure *why)
{
    unsigned *sum = arg;
    (void)why;
    for (size_t i = 0; i < len; i++) /* all of it is there */
        *sum += (unsigned char)bytes[i];
    if (name[0] == '/' || strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_code code = {NULL, 0, 0}, again = {NULL, 0, 0};
    struct af_buf packed = AF_BUF_EMPTY;
    char first[65], second[65];
    unsigned sum = 0;
    af_tar_read((const char *)data, size, look, &sum, NULL);
    if (af_bundle_unpack((const char *)data, size, "x.afb", NULL, &code, &why) != 0) {
        if (why.kind != AF_FAILURE_USAGE || why.why[0] == '\0' || code.count != 0) {
            fprintf(stderr, "fuzz_bundle: refused without a reason, or something is left\n");
            abort();
        }
    } else {
        af_bundle_pack(&code, &packed);
        if (af_bundle_unpack(packed.data, packed.len, "x.afb", NULL, &again, &why) != 0) {
            fprintf(stderr, "fuzz_bundle: what was packed is not read: %s\n", why.why);
            abort();
        }
        af_code_hash(&code, first);
        af_code_hash(&again, second);
        if (strcmp(first, second) != 0)
            abort();
    }
    af_code_release(&code);
    af_code_release(&again);
    af_buf_release(&packed);
    return 0;
}
