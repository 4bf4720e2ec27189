/* fuzz_trust.c: whatever stands in a .minisig file, it is refused for a reason, or minisign's form
 * and signed by our key, which signed one thing only: corpus/trust/signed. `make fuzz FUZZ=trust`.
 */
#include "base/failure.h"
#include "code/trust.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] = "RWSERq8zqdHeig6meobyQYt9ytfW0+2ZBQw8kfIpow4FiDMCay8grq7g";
static const char signed_bytes[] = "return {}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct af_trust trust;
    struct af_failure why = AF_FAILURE_INIT;
    if (trust.count == 0 && af_trust_add(&trust, key, NULL) != 0)
        abort();
    bool taken = af_trust_check(&trust, "flow.lua", signed_bytes, sizeof signed_bytes - 1,
                                (const char *)data, size, &why) == 0;
    if (!taken && (why.kind != AF_FAILURE_USAGE || why.why[0] == '\0')) {
        fprintf(stderr, "fuzz_trust: refused without a reason\n");
        abort();
    }
    if (af_trust_check(&trust, "flow.lua", "other", 5, (const char *)data, size, NULL) == 0) {
        fprintf(stderr, "fuzz_trust: other bytes are taken\n");
        abort();
    }
    return 0;
}
