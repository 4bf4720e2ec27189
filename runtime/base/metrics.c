/* metrics.c: see metrics.h. */
#include "base/metrics.h"

#include "base/buf.h"
#include "base/version.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* From a hop's commit to a poll that stands for the bus. */
static const int64_t bounds_us[AF_HISTOGRAM_BOUNDS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 250000, 1000000, 10000000};

void af_histogram_note(struct af_histogram *histogram, int64_t ns)
{
    size_t i = 0;
    ns = ns < 0 ? 0 : ns;
    while (i < AF_HISTOGRAM_BOUNDS && ns > bounds_us[i] * 1000)
        i++;
    histogram->counts[i]++;
    histogram->sum_ns += (uint64_t)ns;
}

static void append_head(struct af_buf *out, const char *prefix, const char *name, const char *type,
                        const char *help)
{
    af_buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

void af_metrics_head(struct af_buf *out, const char *name, const char *type, const char *help)
{
    append_head(out, "afrun_", name, type, help);
}

void af_metrics_number(struct af_buf *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    af_metrics_head(out, name, type, help);
    af_buf_printf(out, "afrun_%s %" PRIu64 "\n", name, value);
}

void af_metrics_histogram(struct af_buf *out, const char *name, const char *label,
                          const struct af_histogram *histogram)
{
    const char *comma = label[0] == '\0' ? "" : ",", *open = label[0] == '\0' ? "" : "{",
               *close = label[0] == '\0' ? "" : "}";
    uint64_t count = 0;
    for (size_t i = 0; i < AF_HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
        af_buf_printf(out, "afrun_%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, label, comma,
                      (double)bounds_us[i] / 1e6, count);
    }
    count += histogram->counts[AF_HISTOGRAM_BOUNDS];
    af_buf_printf(out, "afrun_%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, count);
    af_buf_printf(out, "afrun_%s_sum%s%s%s %.9f\n", name, open, label, close,
                  (double)histogram->sum_ns / 1e9);
    af_buf_printf(out, "afrun_%s_count%s%s%s %" PRIu64 "\n", name, open, label, close, count);
}

void af_metrics_commits(struct af_buf *out, const struct af_histogram *bus,
                        const struct af_histogram *state)
{
    static const char name[] = "commit_duration_seconds";
    af_metrics_head(out, name, "histogram", "Time of a commit to a file, until it is on the disk.");
    if (bus != NULL)
        af_metrics_histogram(out, name, "file=\"bus\"", bus);
    if (state != NULL)
        af_metrics_histogram(out, name, "file=\"state\"", state);
}

/* ---- The process. ---- */

static void append_process(struct af_buf *out, const char *name, const char *type, const char *help,
                           double value)
{
    append_head(out, "process_", name, type, help);
    af_buf_printf(out, "process_%s %.15g\n", name, value);
}

uint64_t af_metrics_resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void append_descriptors(struct af_buf *out)
{
    struct rlimit limit;
    DIR *folder = opendir("/proc/self/fd");
    double count = -3; /* the folder's own, . and .. */
    if (folder != NULL) {
        while (readdir(folder) != NULL)
            count++;
        closedir(folder);
        append_process(out, "open_fds", "gauge", "Descriptors that are open.", count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        append_process(out, "max_fds", "gauge", "Descriptors that may be open.",
                       (double)limit.rlim_cur);
}

void af_metrics_process(struct af_buf *out, int64_t start_ns)
{
    struct rusage used;
    append_process(out, "resident_memory_bytes", "gauge", "Memory that is there.",
                   (double)af_metrics_resident_bytes());
    append_descriptors(out);
    if (getrusage(RUSAGE_SELF, &used) == 0)
        append_process(out, "cpu_seconds_total", "counter", "Processor time that was used.",
                       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    append_process(out, "start_time_seconds", "gauge", "When it began, since 1970.",
                   (double)start_ns / 1e9);
    af_metrics_head(out, "build_info", "gauge", "Always 1; its label says which program this is.");
    af_buf_printf(out, "afrun_build_info{version=\"%s\"} 1\n", AF_VERSION);
}
