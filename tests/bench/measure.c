/* measure.c: measure COMMAND ARGUMENT…
 *
 * Runs a command, its output thrown away, and prints its time in seconds (wall clock), its peak
 * memory in bytes and the processors' time in seconds. Exit status 1 if the command cannot be run,
 * or fails. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    if (argc < 2)
        return 2;
    double begin_s = now_s();
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
            _exit(127);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        return 1;
    double seconds = now_s() - begin_s;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s failed\n", argv[1]);
        return 1;
    }
    printf("%.6f %ld %.6f\n", seconds, usage.ru_maxrss * 1024,
           seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    return 0;
}
