/* metrics.h: numbers for Prometheus, as its text format has them (version 0.0.4).
 *
 * Every metric has a line that says what it is (HELP) and its type, then its samples. Names carry
 * their unit; a counter's ends in _total: `promtool check metrics` has nothing to say. */
#ifndef AF_METRICS_H
#define AF_METRICS_H

#include <stdint.h>

struct af_buf;

/* How long something took, often: counts of those up to each bound, and their sum. */
enum { AF_HISTOGRAM_BOUNDS = 12 };
struct af_histogram {
    uint64_t counts[AF_HISTOGRAM_BOUNDS + 1]; /* not yet added up; the last: beyond all bounds */
    uint64_t sum_ns;
};

/* ns below 0 count as 0. */
void af_histogram_note(struct af_histogram *histogram, int64_t ns);

/* The two lines before a metric's samples; name is without `afrun_`, type is Prometheus' word. */
void af_metrics_head(struct af_buf *out, const char *name, const char *type, const char *help);

/* A metric of one sample. */
void af_metrics_number(struct af_buf *out, const char *name, const char *type, const char *help,
                       uint64_t value);

/* The samples of a histogram, in seconds, behind its head; label: `path="push"`, or "". */
void af_metrics_histogram(struct af_buf *out, const char *name, const char *label,
                          const struct af_histogram *histogram);

/* How long commits took of the bus' file, and of what is kept of parties; NULL: there is no such.
 */
void af_metrics_commits(struct af_buf *out, const struct af_histogram *bus,
                        const struct af_histogram *state);

/* The memory of this process that is there; 0 if that cannot be told. */
uint64_t af_metrics_resident_bytes(void);

/* What Prometheus wants to know of every process (process_…), and afrun_build_info. start_ns: wall
 * time at which the process began. */
void af_metrics_process(struct af_buf *out, int64_t start_ns);

#endif
