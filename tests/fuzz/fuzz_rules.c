/* fuzz_rules.c: the file of who may launch what, its lines; and what they say of a launch. */
#include "base/failure.h"
#include "base/mem.h"
#include "node/rules.h"
#include "script/args.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_node_rules rules = {.count = 0};
    struct af_script_arg args[] = {{"rounds", "5"}, {"debug", "true"}};
    struct af_node_launching launch = {"fed_avg", "hospital-1", "trial-7", "participant", args, 2};
    size_t line = 0;
    char *text = af_mem_copy((const char *)data, size);
    int result = af_node_rules_read_text(&rules, "rules", text, size, &why);
    assert((result == 0) == (why.kind == AF_FAILURE_NONE));
    assert(result == 0 || rules.items == NULL);
    for (int by_operator = 0; by_operator < 2; by_operator++) {
        enum af_node_answer answer = af_node_rules_say(&rules, &launch, &line);
        assert(line > 0 || answer == (by_operator ? AF_NODE_ALLOW : AF_NODE_REFUSE));
        launch.from = NULL;
    }
    af_node_rules_release(&rules);
    free(text);
    return 0;
}
