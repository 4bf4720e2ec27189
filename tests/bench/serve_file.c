/* serve_file.c: serve_file PORT FILE COPY [PROCESSES]: a file up to the service, and down again.
 *
 * Up: the file as a part of a form, until the service has confirmed it. Down: into COPY, with its
 * SHA-256, which must be the one that stands in the URL, as a node writes and digests what it
 * fetches. Prints the seconds of both.
 *
 * With so many processes beside this one, what a round of fed_avg moves, without its protocol: each
 * has the file down, one of its own up, and one down; this one has the file up, those of all down,
 * and what is made of them up twice. Prints the seconds until all have ended. */
#include "client.h"

#include "base/writer.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { TEXT_MAX = 8192, PIECE_BYTES = 1 << 18 };

static const char part_head[] = "--0123456789\r\nContent-Disposition: form-data; name=\"files\"; "
                                "filename=\"model.zip\"\r\n\r\n";
static const char part_end[] = "\r\n--0123456789--\r\n";

static void upload(int port, const char *path, char *url, size_t cap)
{
    static char text[TEXT_MAX];
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC), fd = client_connect(port);
    if (file < 0 || fstat(file, &status) != 0)
        die("%s: cannot be read", path);
    size_t left = (size_t)status.st_size;
    int len = snprintf(text, sizeof text,
                       "POST /node/a/fed-service/api/v2/file/upload?task_id=T HTTP/1.1\r\n"
                       "Host: 127.0.0.1:%d\r\nContent-Length: %zu\r\n"
                       "Content-Type: multipart/form-data; boundary=0123456789\r\n\r\n%s",
                       port, sizeof part_head - 1 + left + sizeof part_end - 1, part_head);
    client_write(fd, text, (size_t)len);
    while (left > 0) {
        ssize_t sent = sendfile(fd, file, NULL, left);
        if (sent <= 0)
            die("the service has closed an upload");
        left -= (size_t)sent;
    }
    client_write(fd, part_end, sizeof part_end - 1);
    const char *body = client_read(fd, text, sizeof text);
    if (client_find_text(body, "\"f_url\":\"", url, cap) == NULL)
        die("no URL: %s", body);
    close(file);
    close(fd);
}

/* Reads an answer's headers. Returns how many bytes of the body came with them; *left is how long
 * it is. */
static size_t read_headers(int fd, char *piece, char **body, size_t *left)
{
    size_t len = 0;
    char *end;
    do {
        ssize_t got = read(fd, piece + len, PIECE_BYTES - len);
        if (got <= 0)
            die("the service has closed a download");
        len += (size_t)got;
        piece[len] = '\0';
    } while ((end = strstr(piece, "\r\n\r\n")) == NULL);
    const char *length = strcasestr(piece, "\r\nContent-Length:");
    if (strncmp(piece, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end)
        die("expected a file, got: %.300s", piece);
    *body = end + 4;
    *left = strtoull(length + 17, NULL, 10);
    return len - (size_t)(*body - piece);
}

static void download(int port, const char *url, const char *copy)
{
    static char piece[PIECE_BYTES + 1];
    char hex[AF_SHA256_HEX_BYTES], *bytes;
    size_t left;
    int fd = client_connect(port), file = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const char *path = strchr(url + strlen("http://"), '/');
    int len = snprintf(piece, sizeof piece, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    client_write(fd, piece, (size_t)len);
    size_t got = read_headers(fd, piece, &bytes, &left);
    struct af_sha256 *hash = af_sha256_new();
    struct af_writer *writer = af_writer_new(file, 0, hash);
    for (;;) {
        if (!af_writer_add(writer, bytes, got))
            die("%s: cannot be written", copy);
        left -= got;
        if (left == 0)
            break;
        ssize_t more = read(fd, piece, PIECE_BYTES);
        if (more <= 0)
            die("the service has closed a download");
        bytes = piece;
        got = (size_t)more;
    }
    bool ok = af_writer_flush(writer);
    af_writer_free(writer);
    af_sha256_hex(hash, hex);
    af_sha256_free(hash);
    if (!ok || strstr(url, hex) == NULL)
        die("the file that came is not the one that was sent");
    close(file);
    close(fd);
}

/* A process of its own; its file differs from the others'. */
static void take_part(int port, const char *url, const char *copy, int number)
{
    char own[1024], path[1024];
    snprintf(path, sizeof path, "%s.%d", copy, number);
    download(port, url, path);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (pwrite(file, &number, sizeof number, 0) != sizeof number || close(file) != 0)
        die("%s: cannot be written", path);
    upload(port, path, own, sizeof own);
    download(port, url, path);
    unlink(path);
    exit(0);
}

static void move_round(int port, const char *path, const char *copy, int count)
{
    char url[1024];
    double begin_s = now_s();
    int status, failed = 0;
    upload(port, path, url, sizeof url);
    for (int i = 1; i <= count; i++)
        if (fork() == 0)
            take_part(port, url, copy, i);
    for (int i = 0; i < count; i++)
        download(port, url, copy);
    for (int i = 0; i < 2; i++)
        upload(port, path, url, sizeof url);
    while (wait(&status) > 0)
        failed += status != 0;
    if (failed > 0)
        die("%d processes have failed", failed);
    printf("%.6f\n", now_s() - begin_s);
}

int main(int argc, char **argv)
{
    char url[1024];
    if (argc == 5) {
        move_round(atoi(argv[1]), argv[2], argv[3], atoi(argv[4]));
        unlink(argv[3]);
        return 0;
    }
    if (argc != 4)
        return 2;
    double begin_s = now_s();
    upload(atoi(argv[1]), argv[2], url, sizeof url);
    double there_s = now_s();
    download(atoi(argv[1]), url, argv[3]);
    printf("%.6f %.6f\n", there_s - begin_s, now_s() - there_s);
    unlink(argv[3]);
    return 0;
}
