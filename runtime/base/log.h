/* log.h: messages to people, on standard error.
 *
 * One line a message, `afrun: warning: …`, coloured where the terminal wants it; or, where programs
 * read it, a line of JSON: {"time": UTC as RFC 3339, "level": …, "message": …}, of a party's own
 * line with "party" and "at" (seconds of its run) besides. What a flow's party logs goes through
 * af_log_party(), with its virtual or real time. Nothing here enters a trace.
 *
 * Where standard error is systemd's journal, a line begins with its priority, `<4>`, which the
 * journal takes away: see sd-daemon(3). */
#ifndef AF_LOG_H
#define AF_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum af_log_level { AF_LOG_ERROR, AF_LOG_WARNING, AF_LOG_INFO, AF_LOG_DEBUG };
enum af_color_mode { AF_COLOR_AUTO, AF_COLOR_ALWAYS, AF_COLOR_NEVER };

/* What is shown: level and all below it. The default is AF_LOG_INFO. */
void af_log_set_level(enum af_log_level level);
/* The same by a command's -q (less than 0) and -v (more): warnings, or all. */
void af_log_set_verbosity(int verbosity);
bool af_log_shows(enum af_log_level level);

/* AUTO: coloured where the file is a terminal and NO_COLOR is not set. */
void af_log_set_color(enum af_color_mode mode);
bool af_log_color(int fd);

enum af_log_format { AF_LOG_TEXT, AF_LOG_JSON };
void af_log_set_format(enum af_log_format format);

/* errno stays as it is. */
void af_log(enum af_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the program has to say, whatever the verbosity: a failure, a finding. Without a label where
 * it is text. */
void af_log_tell(enum af_log_level level, const char *text, uint64_t len);

/* The same line of JSON as a stream of its own has it (FILE * as void *), with a field besides:
 * what a service that has started says on standard output. */
void af_log_start(void *stream, const char *name, const char *value, const char *text);

/* How a message names files; the default changes nothing. mend appends text to `out`, a struct
 * af_buf *. */
typedef void af_log_mend_fn(void *out, const char *text, uint64_t len);
void af_log_set_mend(af_log_mend_fn *mend);

enum af_log_format af_log_format(void);

/* A party's own line: `  0.021  participant-1  text`, shown where AF_LOG_INFO is. Control
 * characters but tab, and what is no UTF-8, are shown as escapes, so that a flow cannot play with
 * the terminal. len bytes of text. */
void af_log_party(int64_t time_ns, const char *party, const char *text, uint64_t len);

/* `text` with its control characters shown as escapes, to a stream (FILE * as void *). */
void af_log_write_safe(void *stream, const char *text, uint64_t len);

/* For progress.c: whether its line stands at the foot of the terminal; a message wipes it first. */
void af_log_set_foot(bool shown);

#endif
