/* fuzz_manifest.c: whatever the bytes, a manifest is refused for a reason, or read; and then it is
 * written so that it is read as the same. `make fuzz FUZZ=manifest`. */
#include "base/buf.h"
#include "base/failure.h"
#include "code/manifest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_manifest first = {.name = NULL}, second = {.name = NULL};
    struct af_buf once = AF_BUF_EMPTY, twice = AF_BUF_EMPTY;
    if (af_manifest_read(&first, (const char *)data, size, &why) != 0) {
        if (why.kind != AF_FAILURE_USAGE || why.why[0] == '\0') {
            fprintf(stderr, "fuzz_manifest: refused without a reason\n");
            abort();
        }
    } else {
        for (size_t i = 0; i < first.file_count; i++)
            if (strstr(first.files[i].name, "..") == first.files[i].name ||
                first.files[i].name[0] == '/')
                abort();
        af_manifest_write(&first, &once);
        if (af_manifest_read(&second, af_buf_text(&once), once.len, &why) != 0) {
            fprintf(stderr, "fuzz_manifest: what was written is not read: %s\n", why.why);
            abort();
        }
        af_manifest_write(&second, &twice);
        if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
            abort();
    }
    af_manifest_release(&first);
    af_manifest_release(&second);
    af_buf_release(&once);
    af_buf_release(&twice);
    return 0;
}
