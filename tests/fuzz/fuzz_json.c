/* fuzz_json.c: whatever the bytes, we and jansson must agree; see ../lib/json_oracle.h.
 * `make fuzz` starts from the texts in corpus/json; json.dict has words to try. */
#include "lib/json_oracle.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(const char *difference)
{
    if (difference == NULL)
        return;
    fprintf(stderr, "fuzz_json: %s\n", difference);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct af_json_reader reader; /* kept over inputs, as a node keeps it over messages */
    const char *text = (const char *)data;
    double number;
    bool is_accepted;
    demand(oracle_compare(&reader, text, size, &is_accepted));
    demand(oracle_compare_string(text, size));
    if (size == sizeof number) {
        memcpy(&number, data, sizeof number);
        demand(oracle_compare_double(number));
    }
    return 0;
}
