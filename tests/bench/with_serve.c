/* with_serve.c: with_serve AFRUN FOLDER [--sidecar] COMMAND ARGUMENT…
 *
 * Starts `afrun serve` with its store in the folder, which is made; runs the command, to which the
 * service's port is given as its first argument; ends the service; and prints the most memory it
 * has had, in bytes, and the processors' seconds that it took, behind what the command has printed.
 * With --sidecar there is one of node a before it, whose port is the command's last argument. The
 * folder is removed. Exit status 1 if anything fails. */
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts a service, or the sidecar of one at hub_port. */
static pid_t start_serve(const char *afrun, const char *folder, int hub_port, int *port)
{
    char bus[4096], files[4096], state[4096], line[4096] = "";
    int ends[2];
    snprintf(bus, sizeof bus, "local:%s/bus.db", folder);
    snprintf(files, sizeof files, "%s/files%d", folder, hub_port);
    snprintf(state, sizeof state, "%s/outbox.db", folder);
    if (hub_port > 0)
        snprintf(bus, sizeof bus, "http://127.0.0.1:%d/node/a", hub_port);
    if (pipe(ends) != 0)
        return -1;
    pid_t serve = fork();
    if (serve == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        const char *hub[] = {"--prefix-nodes", "--open-tasks", NULL, NULL};
        const char *sidecar[] = {"--node", "a", "--state", state};
        const char **own = hub_port > 0 ? sidecar : hub;
        execl(afrun, afrun, "serve", "--listen", "127.0.0.1:0", "--bus", bus, "--files", files,
              "--quiet", own[0], own[1], own[2], own[3], (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    const char *colon = NULL;
    if (output != NULL && fgets(line, sizeof line, output) != NULL)
        colon = strstr(line, "127.0.0.1:");
    *port = colon == NULL ? 0 : atoi(colon + strlen("127.0.0.1:"));
    return serve;
}

/* Ports that are 0 are not given. */
static int run_command(char **command, int port, int sidecar_port)
{
    char text[16], last[16];
    int status;
    char *args[32] = {command[0], text};
    snprintf(text, sizeof text, "%d", port);
    int count = 1;
    for (; command[count] != NULL && count < 29; count++)
        args[count + 1] = command[count];
    snprintf(last, sizeof last, "%d", sidecar_port);
    if (sidecar_port > 0)
        args[count + 1] = last;
    pid_t child = fork();
    if (child == 0) {
        execv(args[0], args);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static long peak_bytes(pid_t serve)
{
    char name[64], line[256];
    long kilobytes = -1;
    snprintf(name, sizeof name, "/proc/%d/status", (int)serve);
    FILE *file = fopen(name, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes * 1024;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static int end_serve(pid_t serve, struct rusage *used)
{
    int status = -1;
    if (serve > 0) {
        kill(serve, SIGTERM);
        wait4(serve, &status, 0, used);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    int port = 0, sidecar_port = 0;
    bool has_sidecar = argc > 3 && strcmp(argv[3], "--sidecar") == 0;
    if (argc < 4 + has_sidecar)
        return 2;
    nftw(argv[2], remove_entry, 16, FTW_DEPTH | FTW_PHYS); /* of a run that was killed */
    if (mkdir(argv[2], 0700) != 0) {
        perror(argv[2]);
        return 1;
    }
    pid_t serve = start_serve(argv[1], argv[2], 0, &port), sidecar = 0;
    if (has_sidecar && port > 0)
        sidecar = start_serve(argv[1], argv[2], port, &sidecar_port);
    bool is_up = port > 0 && (!has_sidecar || sidecar_port > 0);
    int result = is_up ? run_command(argv + 3 + has_sidecar, port, sidecar_port) : -1;
    long bytes = serve > 0 ? peak_bytes(serve) : -1;
    struct rusage used = {0};
    int status = has_sidecar ? end_serve(sidecar, &used) : 0;
    status |= end_serve(serve, &used);
    nftw(argv[2], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (result != 0 || bytes < 0 || status != 0) {
        fprintf(stderr, "with_serve: %s failed\n", result != 0 ? argv[3 + has_sidecar] : argv[1]);
        return 1;
    }
    printf("%ld %.6f\n", bytes,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
