/* fuzz_audit.c: a line of an audit log. What is read as one follows from some chain, or does not;
 * what we write follows from ours. */
#include "audit/line.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char start[AF_AUDIT_HEX] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    char chain[AF_AUDIT_HEX];
    struct af_audit_line line;
    if (af_audit_line_read(&line, (const char *)data, size) == NULL)
        af_audit_line_follows((const char *)data, size, start);
    struct af_buf own = AF_BUF_EMPTY;
    memcpy(chain, start, sizeof chain);
    af_buf_append(&own, data, size);
    af_audit_line_end(&own, chain);
    assert(af_audit_line_follows(own.data, own.len - 1, start));
    af_buf_release(&own);
    return 0;
}
