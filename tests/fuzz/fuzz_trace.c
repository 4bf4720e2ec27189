/* fuzz_trace.c: whatever the bytes, reading them as a trace tells why not, or gives a trace that
 * can be drawn. `make fuzz FUZZ=trace` starts from the traces in corpus/trace. */
#include "base/failure.h"
#include "http/pages.h"
#include "script/tool.h"
#include "trace/file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_BYTES = 16384 }; /* each drawing has a state of its own, and takes its time */

static void demand(bool holds, const char *what, const struct af_failure *why)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_trace: %s: %s: %s\n", what, why->what, why->why);
    abort();
}

static void draw(const struct af_trace_memory *memory, size_t variant)
{
    static const char *const formats[] = {"text", "text", "json", "mermaid", "svg", "html"};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_tool_chart chart = {.format = formats[variant % 6],
                                  .width = (int)(40 + variant % 90),
                                  .color = variant % 4 == 1,
                                  .tail = variant % 5 == 1 ? 4 : 0,
                                  .max_rows = variant % 5 == 2 ? 7 : 0,
                                  .ascii = variant % 3 == 1,
                                  .data = variant % 4 < 2,
                                  .page = af_pages_find};
    char *text = af_tool_chart(memory, &chart, &why);
    demand(text != NULL, "a valid trace cannot be drawn", &why);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_trace_memory memory;
    char path[40];
    if (size > SIZE_MAX_BYTES)
        return -1;
    int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    af_trace_memory_init(&memory);
    int result = af_trace_memory_read(&memory, path, &why);
    close(fd);
    if (result == 0)
        draw(&memory, size);
    else
        demand(why.kind == AF_FAILURE_USAGE && why.what[0] != '\0' && why.why[0] != '\0',
               "refused without a reason", &why);
    af_trace_memory_release(&memory);
    return 0;
}
