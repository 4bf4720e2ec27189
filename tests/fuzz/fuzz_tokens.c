/* fuzz_tokens.c: the file of tokens, its lines. */
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/tokens.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_serve_tokens tokens = {0};
    char *text = af_mem_copy((const char *)data, size);
    af_log_set_verbosity(-2);
    int result = af_serve_tokens_read_text(&tokens, "tokens", text, size, &why);
    assert((result == 0) == (why.kind == AF_FAILURE_NONE));
    assert(result == 0 || tokens.items == NULL);
    for (size_t i = 0; i < tokens.count; i++)
        assert(af_serve_is_id(tokens.items[i].node));
    af_serve_tokens_release(&tokens);
    free(text);
    return 0;
}
