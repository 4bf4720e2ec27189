/* floor_hop.c: floor_hop FILE COUNT: the least that a durable hop between two processes takes.
 *
 * One process appends 512 bytes to the file, makes them durable, and wakes another by a pipe.
 * Prints the median and the 99th percentile, in seconds, from before the append until the other is
 * awake. The pauses are those of serve_hops.c. */
#include "client.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { APPEND_BYTES = 512, PAUSE_NS = 1000000 };

static void wait_and_tell(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1) {
        double awake_s = now_s();
        if (write(to, &awake_s, sizeof awake_s) < 0)
            _exit(1);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    static const char bytes[APPEND_BYTES];
    int wake[2], tell[2];
    if (argc != 3)
        return 2;
    size_t count = strtoul(argv[2], NULL, 10);
    double *hops = malloc((count + 1) * sizeof *hops);
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (hops == NULL || fd < 0 || pipe(wake) != 0 || pipe(tell) != 0)
        die("%s: cannot be measured", argv[1]);
    pid_t other = fork();
    if (other == 0) {
        close(wake[1]);
        wait_and_tell(wake[0], tell[1]);
    }
    for (size_t i = 0; i < count; i++) {
        double awake_s;
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        double begin_s = now_s();
        if (write(fd, bytes, sizeof bytes) != APPEND_BYTES || fdatasync(fd) != 0 ||
            write(wake[1], "", 1) != 1 || read(tell[0], &awake_s, sizeof awake_s) < 0)
            die("%s: cannot be measured", argv[1]);
        hops[i] = awake_s - begin_s;
    }
    close(wake[1]);
    waitpid(other, NULL, 0);
    unlink(argv[1]);
    print_spread(hops, count);
    free(hops);
    return 0;
}
