/* serve_hops.c: serve_hops PORT COUNT [SIDECAR-PORT]: how long a contract is on its way between two
 * processes.
 *
 * One process pushes (to the sidecar, where there is one); the other has a pop parked at the
 * service, as our nodes do: it leases, knows uuids (`early`), and acknowledges what the one before
 * has brought. Prints the median and the 99th percentile, in seconds, from before the push is
 * written until the other process has read all of the contract, and then the same until the push is
 * confirmed. Before each push there is a pause, in which the pop and its acknowledgement come to
 * rest. */
#include "client.h"

#include <sys/wait.h>

enum { PAUSE_NS = 1000000, TEXT_MAX = 65536 };

static const char content[] =
    "{\"type\":\"sync\",\"round\":12,\"peer_id\":\"3b5e\",\"note\":"
    "\"0123456789012345678901234567890123"
    "456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\"}";

/* The other process: pops until so many have come, and tells when each was there. */
static void pop_all(int port, size_t count, int tell)
{
    static char request[TEXT_MAX], body[TEXT_MAX], answer[TEXT_MAX];
    char ack[100] = "", uuid[80];
    int fd = client_connect(port);
    for (size_t i = 0; i <= count; i++) {
        double ready_s = 0;
        snprintf(body, sizeof body,
                 "{\"task_id\":\"T\",\"channel\":\"federated\",\"wait_seconds\":%d,"
                 "\"lease_seconds\":60,\"holder\":\"h\",\"early\":true,\"max\":100,\"ack\":[%s]}",
                 i < count ? 30 : 0, ack);
        client_write(fd, request, client_request(request, sizeof request, "b", "pop", body));
        if (write(tell, &ready_s, sizeof ready_s) < 0)
            _exit(1);
        const char *got = client_read(fd, answer, sizeof answer);
        ready_s = now_s();
        if (client_find_text(got, "\"message_uuid\":\"", uuid, sizeof uuid) != NULL)
            snprintf(ack, sizeof ack, "\"%s\"", uuid);
        else if (i < count)
            die("a poll has brought nothing: %s", got);
        if (i < count && write(tell, &ready_s, sizeof ready_s) < 0)
            _exit(1);
    }
    _exit(0);
}

static double read_time(int fd)
{
    double time_s;
    if (read(fd, &time_s, sizeof time_s) != sizeof time_s)
        die("the other process has ended");
    return time_s;
}

static void hop(int fd, const char *node, int told, size_t number, double *there, double *confirmed)
{
    static char request[TEXT_MAX], body[TEXT_MAX], answer[TEXT_MAX];
    snprintf(body, sizeof body,
             "{\"task_id\":\"T\",\"channel\":\"federated\",\"node_id_list\":[\"b\"],"
             "\"message_title\":\"task_inside\",\"message_content\":%s,\"message_time\":1795427047,"
             "\"message_uuid\":\"%032zx\"}",
             content, number);
    size_t len = client_request(request, sizeof request, node, "push", body);
    read_time(told); /* it has asked */
    nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    double begin_s = now_s();
    client_write(fd, request, len);
    double there_s = read_time(told);
    const char *got = client_read(fd, answer, sizeof answer);
    *confirmed = now_s() - begin_s;
    *there = there_s - begin_s;
    if (strstr(got, "\"code\":0") == NULL)
        die("a push was refused: %s", got);
}

int main(int argc, char **argv)
{
    int tell[2], status;
    if (argc != 3 && argc != 4)
        return 2;
    int port = atoi(argv[1]), push_port = argc == 4 ? atoi(argv[3]) : port;
    const char *node = argc == 4 ? NULL : "a"; /* a sidecar knows */
    size_t count = strtoul(argv[2], NULL, 10);
    double *hops = malloc((count + 1) * sizeof *hops);
    double *pushes = malloc((count + 1) * sizeof *pushes);
    if (hops == NULL || pushes == NULL || pipe(tell) != 0)
        die("no memory");
    pid_t other = fork();
    if (other == 0)
        pop_all(port, count, tell[1]);
    close(tell[1]);
    int fd = client_connect(push_port);
    for (size_t i = 0; i < count; i++)
        hop(fd, node, tell[0], i, &hops[i], &pushes[i]);
    if (waitpid(other, &status, 0) != other || status != 0)
        die("the other process has failed");
    print_spread(hops, count);
    print_spread(pushes, count);
    free(hops);
    free(pushes);
    return 0;
}
