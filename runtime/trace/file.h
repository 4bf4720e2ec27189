/* file.h: where the lines of a trace go, and where they are read from.
 *
 * A file is written beside its name and takes it when the run is over, so that a trace is whole or
 * not there. What is read is hostile until it is validated, record by record. */
#ifndef AF_TRACE_FILE_H
#define AF_TRACE_FILE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct af_failure;
struct af_trace_file;

/* A file of mode 0600, or standard output ("-", or by another name), where all else that is printed
 * then goes to standard error. NULL with *why filled if it cannot be made. */
struct af_trace_file *af_trace_file_create(const char *path, struct af_failure *why);
void af_trace_file_line(void *file, const char *line, size_t len); /* an af_trace_line_fn */

/* Writes out what was given so far, for who reads it now. */
void af_trace_file_flush(struct af_trace_file *file);

/* Closes it; keep: it takes its name. Returns -1 with *why filled if any write has failed. */
int af_trace_file_finish(struct af_trace_file *file, bool keep, struct af_failure *why);

/* Lines in memory, each ended by a newline. */
struct af_trace_memory {
    struct af_buf lines;
    size_t count;
};

void af_trace_memory_init(struct af_trace_memory *memory);
void af_trace_memory_release(struct af_trace_memory *memory);
void af_trace_memory_line(void *memory, const char *line, size_t len); /* an af_trace_line_fn */

/* Reads and validates a trace; "-" is standard input. Returns -1 with *why filled, file and line in
 * it: no such file, no trace, one of a newer version, a record that is not as it should be. */
int af_trace_memory_read(struct af_trace_memory *memory, const char *path, struct af_failure *why);

/* The line at *at (an offset, 0 to begin with), without its newline; moves *at on. NULL at the end.
 */
const char *af_trace_memory_next(const struct af_trace_memory *memory, size_t *at, size_t *len);

/* In a process that has jailed itself its broker (base/broker.h) makes files, and gives them their
 * names: AF_BROKER_TRACE_PLACE and _END, of an af_trace_reach. */
struct af_broker_question;
struct af_broker_answer;
struct af_trace_reach {
    const char *path; /* the only one, or NULL */
};
int af_trace_serve_place(const void *reach, const struct af_broker_question *question,
                         struct af_broker_answer *answer, struct af_failure *why);
int af_trace_serve_end(const void *reach, const struct af_broker_question *question,
                       struct af_broker_answer *answer, struct af_failure *why);

#endif
