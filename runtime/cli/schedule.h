/* schedule.h: an option that is a schedule. */
#ifndef AF_CLI_SCHEDULE_H
#define AF_CLI_SCHEDULE_H

struct af_failure;

/* Its setter: a JSON list of words, or a file with one or with a trace whose header has one ("-":
 * standard input), into an af_schedule. */
int af_schedule_option(void *schedule, const char *value, struct af_failure *why);

#endif
