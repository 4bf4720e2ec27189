/* test_client.c: requests against a service that can be told to misbehave. */
#include "http/client.h"

#include "lib/fake_service.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

struct got {
    int count;
    enum af_http_end end;
    int status;
    char why[AF_FAILURE_TEXT_MAX];
    char *body;
    size_t body_len;
    int64_t bytes, retry_ns;
    char header[200]; /* Content-Type */
};

struct world {
    struct fake_service *fake;
    struct af_loop *loop;
    struct af_http_client *client;
    struct got got;
    char folder[200], path[256], url[512];
    int progress_count;
    int64_t progress_bytes, progress_total;
};

static void keep(void *arg, const struct af_http_answer *answer)
{
    struct got *got = arg;
    size_t len;
    free(got->body);
    got->count++;
    got->end = answer->end;
    got->status = answer->status;
    snprintf(got->why, sizeof got->why, "%s", answer->why == NULL ? "" : answer->why);
    got->body = malloc(answer->body_len + 1);
    memcpy(got->body, answer->body, answer->body_len + 1);
    got->body_len = answer->body_len;
    got->bytes = answer->bytes;
    got->retry_ns = answer->retry_ns;
    const char *header = af_http_answer_header(answer, "content-type", 0, &len);
    snprintf(got->header, sizeof got->header, "%.*s", header == NULL ? 0 : (int)len,
             header == NULL ? "" : header);
    assert_null(af_http_answer_header(answer, "content-type", 1, &len));
    assert_null(af_http_answer_header(answer, "content", 0, &len));
}

static struct af_http_client *make_client(struct af_loop *loop, const char *ca)
{
    struct af_failure why = AF_FAILURE_INIT;
    struct af_http_options options = {.ca = ca};
    af_rng_init(&options.rng, 1, "test");
    struct af_http_client *client = af_http_client_new(loop, &options, &why);
    if (client == NULL)
        fail_msg("%s: %s", why.what, why.why);
    return client;
}

static struct fake_service *shared;

static int start_service(void **state)
{
    (void)state;
    shared = fake_start();
    return 0;
}

static int stop_service(void **state)
{
    (void)state;
    fake_stop(shared);
    return 0;
}

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    struct af_failure why = AF_FAILURE_INIT;
    struct world *world = calloc(1, sizeof *world);
    world->fake = shared;
    fake_tell(shared, "reset");
    world->loop = af_loop_ev_new(&why);
    world->client = make_client(world->loop, NULL);
    snprintf(world->folder, sizeof world->folder, "%s/test_http.XXXXXX",
             base == NULL ? "/tmp" : base);
    if (mkdtemp(world->folder) == NULL)
        return -1;
    snprintf(world->path, sizeof world->path, "%s/file", world->folder);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    af_http_client_free(world->client);
    af_loop_run(world->loop); /* ends: nothing is left */
    af_loop_free(world->loop);
    unlink(world->path);
    free(world->got.body);
    int result = rmdir(world->folder); /* nothing is left here either */
    free(world);
    return result;
}

static struct af_http_request request_for(struct world *world, const char *path)
{
    snprintf(world->url, sizeof world->url, "http://127.0.0.1:%d%s", world->fake->port, path);
    return (struct af_http_request){
        .url = world->url, .max_bytes = 1 << 20, .timeout_ns = 30 * AF_S_NS, .attempts = 1};
}

static struct got *perform(struct world *world, const struct af_http_request *request)
{
    int before = world->got.count;
    af_http_start(world->client, request, keep, &world->got);
    assert_int_equal(world->got.count, before); /* never from within */
    run_until(world->loop, &world->got.count, before + 1);
    return &world->got;
}

#define PROGRESS "/fed-service/api/v2/federated/task/progress"

/* ---- Answers. ---- */

static void test_a_post_is_sent_and_answered(void **state)
{
    struct world *world = *state;
    static const char *const headers[] = {"accept: application/json", "X-One: 1"};
    struct af_http_request request = request_for(world, PROGRESS);
    request.post = true;
    request.headers = headers;
    request.header_count = 2;
    request.body = "{\"task_id\":\"T\"}";
    request.body_len = strlen(request.body);
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_ANSWERED);
    assert_int_equal(got->status, 200);
    assert_string_equal(got->body,
                        "{\"code\": 0, \"message\": \"\", \"data\": {\"task_id\": \"T\"}}");
    assert_string_equal(got->header, "application/json");
    const char *line = fake_tell(world->fake, "requests");
    assert_non_null(strstr(line, "\"x-one\": \"1\""));
    assert_non_null(strstr(line, "\"user-agent\": \"afrun/"));
    assert_null(strstr(line, "expect"));
    assert_null(strstr(line, "accept-encoding"));
}

static void test_a_connection_is_kept(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    for (int i = 0; i < 5; i++)
        assert_int_equal(perform(world, &request)->status, 404);
    assert_string_equal(fake_tell(world->fake, "connections"), "1");
}

static void test_an_answer_is_bounded(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/x");
    fake_tell(world->fake, "plan /x bytes 100000");
    request.max_bytes = 100000;
    assert_int_equal(perform(world, &request)->body_len, 100000);
    fake_tell(world->fake, "plan /x bytes 100001");
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNUSABLE);
    assert_non_null(strstr(got->why, "/x: it is larger than allowed"));
    fake_tell(world->fake, "plan /x bytes 1");
    request.max_bytes = 0;
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNUSABLE);
}

static void test_what_is_no_http_url_is_refused(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/x");
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "nonsense", "",
                                       "http://me:s3cret@127.0.0.1/"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        request.url = urls[i];
        struct got *got = perform(world, &request);
        assert_int_equal(got->end, AF_HTTP_UNUSABLE);
        assert_null(strstr(got->why, "s3cret"));
    }
}

static void test_nobody_there_is_told_without_the_query(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/x");
    char expected[100];
    int port = world->fake->port;
    fake_stop(shared);
    world->fake = shared = fake_start();
    snprintf(world->url, sizeof world->url, "http://127.0.0.1:%d/x?token=s3cret", port);
    snprintf(expected, sizeof expected, "no answer from http://127.0.0.1:%d/x: ", port);
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNREACHABLE);
    assert_int_equal(strncmp(got->why, expected, strlen(expected)), 0);
    assert_null(strstr(got->why, "s3cret"));
}

/* ---- Attempts. ---- */

static void test_an_attempt_is_repeated_only_as_allowed(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    request.post = true;
    fake_tell(world->fake, "plan nowhere status 503");
    assert_int_equal(perform(world, &request)->status, 503);
    fake_tell(world->fake, "plan nowhere drop");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNREACHABLE);
    fake_tell(world->fake, "plan nowhere cut 30");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNREACHABLE);
    request.attempts = 5;
    fake_tell(world->fake, "plan nowhere status 503");
    fake_tell(world->fake, "plan nowhere drop");
    fake_tell(world->fake, "plan nowhere cut 60");
    fake_tell(world->fake, "plan nowhere status 429 Retry-After: 0");
    assert_int_equal(perform(world, &request)->status, 404);
    request.attempts = 2;
    fake_tell(world->fake, "plan nowhere status 500");
    fake_tell(world->fake, "plan nowhere status 502 Retry-After: 7");
    struct got *got = perform(world, &request);
    assert_int_equal(got->status, 502);
    assert_true(got->retry_ns == 7 * AF_S_NS);
    fake_tell(world->fake, "plan nowhere status 400");
    assert_int_equal(perform(world, &request)->status, 400);
    assert_string_equal(fake_tell(world->fake, "count"), "11");
}

static void test_a_pause_beyond_the_deadline_is_not_made(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    request.attempts = 5;
    fake_tell(world->fake, "plan nowhere status 503 Retry-After: 60");
    assert_int_equal(perform(world, &request)->status, 503);
}

static void test_a_request_that_hangs_is_given_up(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    request.attempt_ns = 50 * AF_MS_NS;
    fake_tell(world->fake, "plan nowhere hang");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNREACHABLE);
    request.attempts = 2;
    fake_tell(world->fake, "plan nowhere hang");
    request.attempt_ns = 5 * AF_S_NS;
    request.timeout_ns = 100 * AF_MS_NS;
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNREACHABLE);
}

/* A kept connection that dies under a request: what was sent may have been handled. */
static void test_a_lost_answer_is_not_hidden_unless_it_may_be_sent_again(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, PROGRESS);
    request.post = true;
    request.body = "{\"task_id\":\"T\"}";
    request.body_len = strlen(request.body);
    assert_int_equal(perform(world, &request)->status, 200);
    fake_tell(world->fake, "plan progress drop");
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNREACHABLE);
    assert_string_equal(fake_tell(world->fake, "count"), "2");
    assert_int_equal(perform(world, &request)->status, 200);
    request.resend = true;
    fake_tell(world->fake, "plan progress drop");
    assert_int_equal(perform(world, &request)->status, 200);
    assert_string_equal(fake_tell(world->fake, "count"), "3");
}

static void test_a_connection_that_was_closed_meanwhile_is_made_again(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, PROGRESS);
    request.post = true;
    request.body = "{\"task_id\":\"T\"}";
    request.body_len = strlen(request.body);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(perform(world, &request)->status, 200);
        fake_tell(world->fake, "restart");
    }
    assert_string_equal(fake_tell(world->fake, "connections"), "3");
}

static void test_a_cancelled_one_is_not_answered(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    struct got got = {0};
    fake_tell(world->fake, "plan nowhere hang");
    struct af_http_call *call = af_http_start(world->client, &request, keep, &got);
    while (strcmp(fake_tell(world->fake, "count"), "0") == 0)
        af_loop_step(world->loop);
    af_http_cancel(call);
    af_http_cancel(af_http_start(world->client, &request, keep, &got));
    assert_int_equal(perform(world, &request)->status, 404);
    assert_int_equal(got.count, 0);
    af_http_start(world->client, &request, keep, &got); /* for the end of the client */
    request.url = "nonsense";
    af_http_start(world->client, &request, keep, &got);
}

static void free_client(void *arg, const struct af_http_answer *answer)
{
    struct world *world = arg;
    (void)answer;
    af_http_client_free(world->client);
    world->client = NULL;
    world->got.count++;
}

static void test_the_client_may_be_freed_by_who_is_answered(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/nowhere");
    af_http_start(world->client, &request, free_client, world);
    af_http_start(world->client, &request, free_client, world);
    run_until(world->loop, &world->got.count, 1);
    af_loop_run(world->loop);
    assert_int_equal(world->got.count, 1);
}

/* ---- Redirects. ---- */

static void test_a_redirect_is_followed_at_the_same_origin_only(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/from");
    fake_tell(world->fake, "plan /from move /nowhere");
    assert_int_equal(perform(world, &request)->status, 302);
    request.follow = true;
    fake_tell(world->fake, "plan /from move /nowhere");
    assert_int_equal(perform(world, &request)->status, 404);
    fake_tell(world->fake, "plan /from move http://localhost:%d/nowhere", world->fake->port);
    assert_int_equal(perform(world, &request)->status, 302);
    for (int i = 0; i < 6; i++)
        fake_tell(world->fake, "plan /from move /from");
    assert_int_equal(perform(world, &request)->status, 302);
}

/* ---- Files. ---- */

static bool has_file(const struct world *world)
{
    return access(world->path, F_OK) == 0;
}

static int files_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_an_answer_goes_to_a_file_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    struct stat info;
    struct af_http_request request = request_for(world, "/x");
    request.path = world->path;
    assert_int_equal(perform(world, &request)->status, 404); /* in memory */
    assert_string_equal(world->got.body, "not found");
    fake_tell(world->fake, "plan /x status 500");
    assert_int_equal(perform(world, &request)->status, 500);
    request.max_bytes = 3000000;
    fake_tell(world->fake, "plan /x bytes 3000001");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_UNUSABLE);
    assert_int_equal(files_in(world->folder), 0);
    fake_tell(world->fake, "plan /x bytes 3000000");
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_ANSWERED);
    assert_int_equal(got->bytes, 3000000);
    assert_int_equal(got->body_len, 0);
    assert_int_equal(stat(world->path, &info), 0);
    assert_int_equal(info.st_size, 3000000);
    assert_int_equal(info.st_mode & 0777, 0600);
    fake_tell(world->fake, "plan /x bytes 0");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_ANSWERED);
    assert_int_equal(stat(world->path, &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(files_in(world->folder), 1);
    request.path = "/nowhere/file";
    fake_tell(world->fake, "plan /x bytes 5");
    got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNUSABLE);
    assert_non_null(strstr(got->why, "the file cannot be written"));
}

static void test_the_digest_is_looked_at(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, "/x");
    /* printf hello | sha256sum */
    request.sha256 = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
    fake_tell(world->fake, "plan /x body hello");
    assert_string_equal(perform(world, &request)->body, "hello");
    request.path = world->path;
    fake_tell(world->fake, "plan /x body hello!");
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNUSABLE);
    assert_non_null(strstr(got->why, "SHA-256"));
    assert_false(has_file(world));
    fake_tell(world->fake, "plan /x body hello");
    assert_int_equal(perform(world, &request)->end, AF_HTTP_ANSWERED);
    assert_true(has_file(world));
}

static void note_progress(void *arg, int64_t done_bytes, int64_t total_bytes)
{
    struct world *world = arg;
    assert_in_range(done_bytes, 0, total_bytes); /* a second attempt begins again */
    world->progress_count++;
    world->progress_bytes = done_bytes;
    world->progress_total = total_bytes;
}

#define UPLOAD "/fed-service/api/v2/file/upload?task_id=T&durable=True"

static void test_a_file_is_uploaded_with_progress(void **state)
{
    struct world *world = *state;
    enum { SIZE = 5000000 };
    struct af_http_request request = request_for(world, UPLOAD);
    struct af_http_upload upload = {
        .part = "files", .filename = "a \"b\"\r\n.zip", .path = world->path};
    char *bytes = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)((i * 31 + i / 251) & 0xFF);
    int fd = open(world->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    close(fd);
    request.post = true;
    request.upload = &upload;
    request.progress = note_progress;
    request.progress_arg = world;
    request.attempts = 2;
    fake_tell(world->fake, "plan upload drop"); /* so that it is sent twice */
    struct got *got = perform(world, &request);
    assert_int_equal(got->status, 200);
    assert_int_equal(world->progress_bytes, SIZE);
    assert_int_equal(world->progress_total, SIZE);
    assert_true(world->progress_count >= 1);
    const char *url = strstr(got->body, "http://127.0.0.1");
    assert_non_null(url);
    snprintf(world->url, sizeof world->url, "%.*s", (int)strcspn(url, "\""), url);
    request = (struct af_http_request){.url = world->url, .max_bytes = SIZE, .attempts = 1};
    got = perform(world, &request); /* without any timeout */
    assert_int_equal(got->body_len, SIZE);
    assert_memory_equal(got->body, bytes, SIZE);
    free(bytes);
    /* what is no file is told */
    upload.path = world->folder;
    request = request_for(world, UPLOAD);
    request.post = true;
    request.upload = &upload;
    got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNUSABLE);
    assert_non_null(strstr(got->why, "it is not a plain file"));
}

static void test_bytes_are_uploaded_as_the_form_of_the_platform(void **state)
{
    struct world *world = *state;
    struct af_http_request request = request_for(world, UPLOAD);
    struct af_http_upload upload = {
        .part = "files", .filename = "files", .bytes = "x\0y", .bytes_len = 3};
    request.post = true;
    request.upload = &upload;
    assert_int_equal(perform(world, &request)->status, 200);
    const char *line = fake_tell(world->fake, "requests");
    const char *boundary = strstr(line, "boundary=");
    assert_non_null(boundary);
    char expected[300];
    snprintf(expected, sizeof expected,
             "\"body_text\": \"--%.32s\\r\\nContent-Disposition: form-data; name=\\\"files\\\"; "
             "filename=\\\"files\\\"\\r\\n\\r\\nx\\u0000y\\r\\n--%.32s--\\r\\n\"",
             boundary + 9, boundary + 9);
    assert_non_null(strstr(line, expected));
}

/* How many of the requests since the last time asked for a part; *first: from where the first. */
static int parts_asked(struct world *world, long *first)
{
    int count = 0;
    const char *line = fake_tell(world->fake, "requests");
    for (const char *at = line; (at = strstr(at, "\"range\": \"bytes=")) != NULL; at++)
        if (count++ == 0)
            *first = strtol(at + strlen("\"range\": \"bytes="), NULL, 10);
    return count;
}

static void test_a_file_that_was_cut_off_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    enum { SIZE = 300000 };
    char *bytes = malloc(SIZE), hex[65];
    unsigned char digest[crypto_hash_sha256_BYTES];
    long first = 0;
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + (i * 31 + i / 251) % 26);
    crypto_hash_sha256(digest, (unsigned char *)bytes, SIZE);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    struct af_http_request request = request_for(world, UPLOAD);
    struct af_http_upload upload = {
        .part = "files", .filename = "f", .bytes = bytes, .bytes_len = SIZE};
    request.post = true;
    request.upload = &upload;
    const char *url = strstr(perform(world, &request)->body, "http://127.0.0.1");
    char file[512], part[300], whole[SIZE + 1];
    snprintf(file, sizeof file, "%.*s", (int)strcspn(url, "\""), url);
    snprintf(part, sizeof part, "%s.%.16s.part", world->path, hex);
    request = (struct af_http_request){.url = file,
                                       .path = world->path,
                                       .sha256 = hex,
                                       .max_bytes = SIZE,
                                       .attempts = 3,
                                       .progress = note_progress,
                                       .progress_arg = world};
    /* 0, 1: a service that gives all of it each time; 2, 3, 4: one that gives parts. 0, 2: it is
     * cut off; 1, 3: an earlier process has left a part; 4: … of other bytes; 5: … all of it */
    for (int way = 0; way < 6; way++) {
        fake_tell(world->fake, "requests");
        world->progress_bytes = 0;
        if (way == 2)
            fake_tell(world->fake, "parts");
        if (way == 0 || way == 2) {
            fake_tell(world->fake, "plan .files cut 200000");
        } else {
            int fd = open(part, O_WRONLY | O_CREAT, 0600);
            size_t left = way == 5 ? SIZE : 1000;
            assert_int_equal(write(fd, bytes + (way == 4), left), left);
            close(fd);
        }
        struct got *got = perform(world, &request);
        int count = parts_asked(world, &first);
        assert_int_equal(got->end, AF_HTTP_ANSWERED);
        assert_int_equal(got->bytes, SIZE);
        int fd = open(world->path, O_RDONLY);
        assert_int_equal(read(fd, whole, SIZE + 1), SIZE);
        close(fd);
        assert_memory_equal(whole, bytes, SIZE);
        assert_int_equal(count, 1);
        assert_true(way == 0 || way == 2 ? first > 100000 && first < 200000
                                         : first == (way == 5 ? SIZE : 1000));
        assert_int_not_equal(access(part, F_OK), 0);
        unlink(world->path);
    }
    assert_int_equal(world->progress_total, SIZE);
    free(bytes);
}

/* ---- TLS. ---- */

static void test_a_service_may_want_to_know_who_we_are(void **state)
{
    struct world *world = *state;
    struct af_failure why = AF_FAILURE_INIT;
    struct fake_service *secure = fake_start_secure(
        "tests/data/tls/server.pem", "tests/data/tls/server.key", "tests/data/tls/ca.pem");
    struct af_http_options options = {.ca = "tests/data/tls/ca.pem"};
    struct af_http_request request = request_for(world, "/nowhere");
    snprintf(world->url, sizeof world->url, "https://127.0.0.1:%d/nowhere", secure->port);
    af_http_client_free(world->client);
    world->client = make_client(world->loop, options.ca);
    assert_true(perform(world, &request)->end != AF_HTTP_ANSWERED);
    af_http_client_free(world->client);
    options.certificate = "tests/data/tls/server.pem";
    options.key = "tests/data/tls/server.key";
    world->client = af_http_client_new(world->loop, &options, &why);
    assert_int_equal(perform(world, &request)->status, 404);
    fake_stop(secure);
}

static void test_a_certificate_must_be_trusted(void **state)
{
    struct world *world = *state;
    struct fake_service *secure =
        fake_start_secure("tests/data/tls/server.pem", "tests/data/tls/server.key", NULL);
    struct af_http_request request = request_for(world, "/nowhere");
    snprintf(world->url, sizeof world->url, "https://127.0.0.1:%d/nowhere", secure->port);
    struct got *got = perform(world, &request);
    assert_int_equal(got->end, AF_HTTP_UNUSABLE);
    assert_non_null(strstr(got->why, "certificate"));
    af_http_client_free(world->client);
    world->client = make_client(world->loop, "tests/data/tls/ca.pem");
    assert_int_equal(perform(world, &request)->status, 404);
    struct af_failure why = AF_FAILURE_INIT;
    struct af_http_options options = {.key = "/nowhere.key"};
    assert_null(af_http_client_new(world->loop, &options, &why));
    assert_string_equal(why.what, "/nowhere.key");
    fake_stop(secure);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* not looked at */
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_a_post_is_sent_and_answered),
        WITH_WORLD(test_a_connection_is_kept),
        WITH_WORLD(test_an_answer_is_bounded),
        WITH_WORLD(test_what_is_no_http_url_is_refused),
        WITH_WORLD(test_nobody_there_is_told_without_the_query),
        WITH_WORLD(test_an_attempt_is_repeated_only_as_allowed),
        WITH_WORLD(test_a_pause_beyond_the_deadline_is_not_made),
        WITH_WORLD(test_a_request_that_hangs_is_given_up),
        WITH_WORLD(test_a_lost_answer_is_not_hidden_unless_it_may_be_sent_again),
        WITH_WORLD(test_a_connection_that_was_closed_meanwhile_is_made_again),
        WITH_WORLD(test_a_cancelled_one_is_not_answered),
        WITH_WORLD(test_the_client_may_be_freed_by_who_is_answered),
        WITH_WORLD(test_a_redirect_is_followed_at_the_same_origin_only),
        WITH_WORLD(test_an_answer_goes_to_a_file_whole_or_not_at_all),
        WITH_WORLD(test_the_digest_is_looked_at),
        WITH_WORLD(test_a_file_that_was_cut_off_goes_on_where_it_was),
        WITH_WORLD(test_a_file_is_uploaded_with_progress),
        WITH_WORLD(test_bytes_are_uploaded_as_the_form_of_the_platform),
        WITH_WORLD(test_a_certificate_must_be_trusted),
        WITH_WORLD(test_a_service_may_want_to_know_who_we_are),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}
