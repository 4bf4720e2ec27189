/* test_read.c: the bus over a platform's service: requests are those of the samples in
 * tests/data/wire, and whatever the answer, a call ends once, with the code that fits. */
#include "base/bounds.h"
#include "base/buf.h"
#include "bus/bus.h"
#include "bus/config.h"
#include "base/log.h"

#include "lib/fake_service.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TASK "b2f615fb-f2e7-4aa0-b5fb-a4fd68c6f38a"

static struct fake_service *fake;

struct got {
    int count;
    enum af_bus_code code;
    char why[AF_FAILURE_TEXT_MAX];
    int64_t retry_ns;
    size_t items;
    char text[8192]; /* of what came: uuids, contents, nodes, the URL or path */
};

struct world {
    struct af_loop *loop;
    struct af_bus *bus;
    struct af_config config;
    struct got got;
};

static void add(struct got *got, const char *text, size_t len)
{
    size_t at = strlen(got->text);
    snprintf(got->text + at, sizeof got->text - at, "%s%.*s", at == 0 ? "" : " ", (int)len, text);
}

static void keep(void *arg, const struct af_bus_result *result)
{
    struct got *got = arg;
    got->count++;
    got->code = result->code;
    got->retry_ns = result->retry_ns;
    got->items = result->count;
    got->text[0] = '\0';
    snprintf(got->why, sizeof got->why, "%s", result->why == NULL ? "" : result->why);
    assert_true((result->code == AF_BUS_OK) == (result->why == NULL || result->why[0] == '\0'));
    for (size_t i = 0; result->uuids != NULL && i < result->count; i++)
        add(got, result->uuids[i], strlen(result->uuids[i]));
    for (size_t i = 0; result->items != NULL && i < result->count; i++)
        if (result->items[i].wrong != NULL)
            add(got, result->items[i].wrong, strlen(result->items[i].wrong));
        else
            add(got, result->items[i].content, result->items[i].content_len);
    for (size_t i = 0; result->members != NULL && i < result->count; i++) {
        char text[100];
        int len = snprintf(text, sizeof text, "%s/%s/%d", result->members[i].node,
                           result->members[i].role, result->members[i].number);
        add(got, text, (size_t)len);
    }
    if (result->text != NULL)
        add(got, result->text, result->text_len);
    if (result->bytes != NULL)
        add(got, result->bytes, result->bytes_len);
}

static int start_service(void **state)
{
    (void)state;
    fake = fake_start();
    af_log_set_level(AF_LOG_ERROR);
    return 0;
}

static int stop_service(void **state)
{
    (void)state;
    fake_stop(fake);
    return 0;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct af_failure why = AF_FAILURE_INIT;
    char url[100];
    fake_tell(fake, "reset");
    world->loop = af_loop_ev_new(&why);
    world->config = (struct af_config){.token = "s3cret-token"};
    struct af_bus_options options = {.node = "node-a", .config = &world->config};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", fake->port);
    world->bus = af_bus_http.open(url, world->loop, &options, &why);
    if (world->bus == NULL)
        fail_msg("%s: %s", why.what, why.why);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (world->bus != NULL)
        world->bus->driver->close(world->bus);
    af_loop_run(world->loop); /* ends: nothing is left */
    af_loop_free(world->loop);
    free(world);
    return 0;
}

static struct got *answered(struct world *world)
{
    run_until(world->loop, &world->got.count, 1);
    assert_int_equal(world->got.count, 1);
    world->got.count = 0;
    return &world->got;
}

/* ---- Calls. ---- */

static struct got *publish(struct world *world, const struct af_bus_post *post)
{
    world->bus->driver->publish(world->bus, post, 1, keep, &world->got);
    assert_int_equal(world->got.count, 0); /* never from within */
    return answered(world);
}

static const char *const everyone[] = {"*"};

static const struct af_bus_post plain_post = {.task = TASK,
                                              .channel = "federated",
                                              .title = "task_inside",
                                              .uuid = "our-uuid",
                                              .targets = everyone,
                                              .target_count = 1,
                                              .content = "{\"type\":\"x\"}",
                                              .content_len = 12,
                                              .time_s = 5};

static struct af_bus_take a_take(void)
{
    return (struct af_bus_take){.task = TASK, .channel = "federated", .max = 10};
}

static struct got *take(struct world *world, const struct af_bus_take *wanted)
{
    assert_true(world->bus->driver->take(world->bus, wanted, keep, &world->got) > 0);
    assert_int_equal(world->got.count, 0);
    return answered(world);
}

static struct got *members(struct world *world)
{
    world->bus->driver->members(world->bus, TASK, NULL, keep, &world->got);
    return answered(world);
}

static struct got *tell(struct world *world, const struct af_bus_note *note)
{
    world->bus->driver->tell(world->bus, note, keep, &world->got);
    assert_int_equal(world->got.count, 0);
    return answered(world);
}

/* ---- Samples. ---- */

static json_t *sample(const char *name)
{
    char path[100];
    json_error_t error;
    snprintf(path, sizeof path, "tests/data/wire/%s.json", name);
    json_t *file = json_load_file(path, 0, &error);
    if (file == NULL)
        fail_msg("%s: %s", path, error.text);
    return file;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* The last of the requests that came. */
static json_t *last_request(void)
{
    json_error_t error;
    json_t *list = json_loads(fake_tell(fake, "requests"), 0, &error);
    assert_true(json_array_size(list) > 0);
    json_t *last = json_incref(json_array_get(list, json_array_size(list) - 1));
    json_decref(list);
    return last;
}

/* Fields of ours, which a platform's service passes over. */
static const char *const additions[] = {"message_uuid", "lease_seconds", "wait_seconds", "max",
                                        "ack",          "holder",        "again"};

/* The request that came is the sample's, but for fields of ours if they are allowed. */
static void expect_sample(const char *name, bool with_additions)
{
    json_t *file = sample(name), *came = last_request();
    json_t *expected = json_object_get(file, "request");
    assert_string_equal(text_of(came, "method"), text_of(expected, "method"));
    assert_string_equal(text_of(came, "path"), text_of(expected, "path"));
    assert_string_equal(text_of(came, "query"), text_of(expected, "query"));
    json_t *headers = json_object_get(came, "headers");
    assert_string_equal(text_of(headers, "accept"), "application/json");
    json_t *body = json_object_get(expected, "body_json");
    if (json_is_object(body)) {
        json_t *came_body = json_loads(text_of(came, "body_text"), 0, NULL);
        assert_string_equal(text_of(headers, "content-type"), "application/json");
        for (size_t i = 0; with_additions && i < sizeof additions / sizeof additions[0]; i++)
            json_object_del(came_body, additions[i]);
        if (!json_equal(came_body, body))
            fail_msg("%s: came %s", name, text_of(came, "body_text"));
        json_decref(came_body);
    }
    json_decref(came);
    json_decref(file);
}

static void push_sample(struct world *world, const char *name)
{
    json_t *file = sample(name);
    json_t *body = json_object_get(json_object_get(file, "request"), "body_json");
    json_t *nodes = json_object_get(body, "node_id_list");
    char *content = json_dumps(json_object_get(body, "message_content"), JSON_COMPACT);
    const char *targets[8];
    for (size_t i = 0; i < json_array_size(nodes); i++)
        targets[i] = json_string_value(json_array_get(nodes, i));
    struct af_bus_post post = {
        .task = text_of(body, "task_id"),
        .channel = text_of(body, "channel"),
        .title = text_of(body, "message_title"),
        .uuid = "our-uuid",
        .targets = targets,
        .target_count = json_array_size(nodes),
        .content = content,
        .content_len = strlen(content),
        .time_s = json_integer_value(json_object_get(body, "message_time")),
    };
    assert_int_equal(publish(world, &post)->code, AF_BUS_OK);
    assert_int_equal(strlen(world->got.text), 64); /* the uuid that the service chose */
    expect_sample(name, true);
    free(content);
    json_decref(file);
}

static void test_pushes_are_those_of_the_samples(void **state)
{
    static const char *const names[] = {"push_accept_grpc_sending_data",
                                        "push_accept_sf_sending_data",
                                        "push_apply_grpc_sending_data",
                                        "push_apply_sf_sending_data",
                                        "push_automl_channel",
                                        "push_broadcast_unicode",
                                        "push_deny_sending_data",
                                        "push_deny_sending_data_no_cause",
                                        "push_notice_task_completion_false",
                                        "push_notice_task_completion_true",
                                        "push_task_file_upload_empty_model",
                                        "push_task_file_upload_empty_report",
                                        "upload_metric_report.2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        push_sample(*state, names[i]);
}

static void test_pops_are_those_of_the_samples(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    wanted.lease_ns = 15 * AF_S_NS;
    wanted.holder = "h";
    wanted.task = "T-pop";
    assert_int_equal(world->bus->driver->leases(world->bus), -1);
    assert_int_equal(take(world, &wanted)->code, AF_BUS_OK);
    assert_int_equal(world->got.items, 0);
    expect_sample("pop_empty", true);
    assert_int_equal(world->bus->driver->leases(world->bus), 0);
    take(world, &wanted); /* now it is known to be a platform's: none of ours is sent */
    expect_sample("pop_empty", false);
    wanted.channel = "automl";
    take(world, &wanted);
    expect_sample("pop_empty_automl", false);
    json_t *file = sample("pop_message");
    char *answer = json_dumps(json_object_get(json_object_get(file, "response"), "body"), 0);
    fake_tell(fake, "plan message/pop body %s", answer);
    wanted = a_take();
    wanted.task = "T-pop";
    assert_int_equal(take(world, &wanted)->items, 1);
    expect_sample("pop_message", false);
    json_t *content = json_loads(world->got.text, 0, NULL);
    json_t *data =
        json_object_get(json_object_get(json_object_get(file, "response"), "body"), "data");
    assert_true(json_equal(content, json_object_get(data, "message_content")));
    json_decref(content);
    json_decref(file);
    free(answer);
}

/* Until it is known whose service it is. */
static void test_a_first_take_has_what_our_service_knows(void **state)
{
    struct af_bus_take wanted = a_take();
    wanted.lease_ns = 15 * AF_S_NS;
    wanted.holder = "h";
    wanted.mark = 3;
    wanted.begins = wanted.early = true;
    wanted.age = "5.x";
    take(*state, &wanted);
    json_t *came = last_request(), *body = json_loads(text_of(came, "body_text"), 0, NULL);
    assert_true(json_number_value(json_object_get(body, "lease_seconds")) == 15);
    assert_string_equal(text_of(body, "holder"), "h");
    assert_int_equal(json_integer_value(json_object_get(body, "mark")), 3);
    assert_true(json_is_true(json_object_get(body, "begins")));
    assert_true(json_is_true(json_object_get(body, "early")));
    assert_string_equal(text_of(body, "age"), "5.x");
    json_decref(body);
    json_decref(came);
}

static void test_other_calls_are_those_of_the_samples(void **state)
{
    struct world *world = *state;
    assert_string_equal(members(world)->text, "node-a//1 node-b//2 node-c//2");
    expect_sample("task_nodelist_type1", false);
    struct af_bus_note note = {
        .kind = AF_BUS_NOTE_PROGRESS, .task = TASK, .channel = "federated", .number = 42};
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_sample("federated_task_progress", false);
    note.channel = "automl";
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_sample("automl_task_progress", false);
    note = (struct af_bus_note){.kind = AF_BUS_NOTE_RESULT,
                                .task = TASK,
                                .number = 1,
                                .url = "http://127.0.0.1/f",
                                .text = "py"};
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_sample("federated_task_verify_upload", false);
    json_t *file = sample("federated_task_train_upload");
    json_t *body = json_object_get(json_object_get(file, "request"), "body_json");
    note.number = 2;
    note.text = text_of(body, "file_type");
    note.url = text_of(body, "f_url");
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_sample("federated_task_train_upload", false);
    json_decref(file);
    struct af_bus_take wanted = a_take();
    wanted.channel = "automl"; /* the task's channel is known from now on */
    take(world, &wanted);
    assert_string_equal(members(world)->text, "node-a//1 node-b//2 node-c//2");
    expect_sample("task_nodelist_type2_automl", false);
}

/* ---- Files. ---- */

static void expect_upload(struct world *world, const struct af_bus_file *file, const char *name)
{
    world->bus->driver->put_file(world->bus, file, keep, &world->got);
    if (answered(world)->code != AF_BUS_OK)
        fail_msg("%s", world->got.why);
    json_t *came = last_request(), *wanted = sample(name);
    json_t *expected = json_object_get(wanted, "request");
    assert_string_equal(text_of(came, "path"), text_of(expected, "path"));
    assert_string_equal(text_of(came, "query"), text_of(expected, "query"));
    /* the form is the same, byte for byte, but for its boundary */
    const char *came_body = text_of(came, "body_text");
    char *expected_body = strdup(text_of(expected, "body_text"));
    assert_int_equal(strlen(came_body), strlen(expected_body));
    memcpy(expected_body + 2, came_body + 2, 32);
    memcpy(expected_body + strlen(expected_body) - 36, came_body + 2, 32);
    assert_string_equal(came_body, expected_body);
    free(expected_body);
    json_decref(came);
    json_decref(wanted);
}

static void test_uploads_are_those_of_the_samples_and_come_back(void **state)
{
    struct world *world = *state;
    struct af_bus_file file = {.task = TASK, .bytes = "A message from sender.", .bytes_len = 22};
    expect_upload(world, &file, "file_upload_tempfile");
    char url[300];
    snprintf(url, sizeof url, "%s", world->got.text);
    file.bytes = "xxxxxxxxxx";
    file.bytes_len = 10;
    file.name = "b.bin";
    expect_upload(world, &file, "file_upload_bytesio");
    char folder[200], path[256];
    snprintf(folder, sizeof folder, "%s/test_bus.XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report.zip", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "report bytes", 12), 12);
    close(fd);
    file = (struct af_bus_file){.task = TASK, .path = path, .durable = true, .move = true};
    expect_upload(world, &file, "file_upload_fileobj_named");
    assert_int_equal(access(path, F_OK), -1); /* it was given away */
    struct af_bus_fetch fetch = {.task = TASK, .url = url, .max_bytes = 22};
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_string_equal(answered(world)->text, "A message from sender.");
    fetch.path = path;
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_string_equal(answered(world)->text, path);
    assert_int_equal(unlink(path), 0);
    fetch.max_bytes = 21;
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_INVALID);
    fetch.url = "file:///etc/passwd";
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_INVALID);
    assert_int_equal(rmdir(folder), 0);
}

static void test_the_token_goes_to_the_service_alone(void **state)
{
    struct world *world = *state;
    struct fake_service *other = fake_start();
    char url[100];
    members(world);
    assert_non_null(strstr(fake_tell(fake, "requests"), "Bearer s3cret-token"));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/f", fake->port);
    struct af_bus_fetch fetch = {.task = TASK, .url = url, .max_bytes = 100};
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_INVALID);
    assert_string_equal(world->got.why, "download: the service answered with status 404");
    assert_non_null(strstr(fake_tell(fake, "requests"), "Bearer s3cret-token"));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/f", other->port);
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    answered(world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/f", fake->port);
    fake_tell(fake, "plan /f move http://127.0.0.1:%d/f", other->port);
    world->bus->driver->get_file(world->bus, &fetch, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_INVALID); /* not followed */
    const char *seen = fake_tell(other, "requests");
    assert_non_null(strstr(seen, "\"path\": \"/f\""));
    assert_null(strstr(seen, "s3cret"));
    fake_stop(other);
}

/* ---- Answers. ---- */

static void expect_pop(struct world *world, const char *plan, enum af_bus_code code,
                       const char *part)
{
    struct af_bus_take wanted = a_take();
    fake_tell(fake, "plan message/pop %s", plan);
    struct got *got = take(world, &wanted);
    if (got->code != code || strstr(got->why, part) == NULL)
        fail_msg("%s: got code %d: %s", plan, (int)got->code, got->why);
    assert_null(strstr(got->why, "s3cret"));
    assert_string_equal(fake_tell(fake, "count"), "1"); /* it is not repeated here */
}

static void test_every_answer_ends_a_call_with_the_code_that_fits(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *plan;
        enum af_bus_code code;
        const char *part;
    } rows[] = {
        {"status 401", AF_BUS_REFUSED, "pop: the service answered with status 401: on purpose"},
        {"status 403", AF_BUS_NOT_MEMBER, "403"},
        {"status 404", AF_BUS_NO_TASK, "404"},
        {"status 429 Retry-After: 3", AF_BUS_FULL, "429"},
        {"status 503", AF_BUS_FULL, "503"},
        {"status 507", AF_BUS_FULL, "507"},
        {"status 500", AF_BUS_UNREACHABLE, "500"},
        {"status 502", AF_BUS_UNREACHABLE, "502"},
        {"status 418", AF_BUS_INVALID, "418"},
        {"move /elsewhere", AF_BUS_INVALID, "302"},
        {"code 403", AF_BUS_NOT_MEMBER, "pop: the service answered with code 403: on purpose"},
        {"code 404", AF_BUS_NO_TASK, "code 404"},
        {"code 507", AF_BUS_FULL, "code 507"},
        {"code 1", AF_BUS_INVALID, "code 1"},
        {"code -1", AF_BUS_INVALID, "code -1"},
        {"body {\"code\": 1, \"message\": \"who is s3cret-token?\"}", AF_BUS_INVALID, "code 1"},
        {"refuse", AF_BUS_UNREACHABLE, "no answer"},
        {"drop", AF_BUS_UNREACHABLE, "no answer"},
        {"body <html>x</html>", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body null", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body [1]", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body {}", AF_BUS_UNREACHABLE, "no `code`"},
        {"body {\"data\":{}}", AF_BUS_UNREACHABLE, "no `code`"},
        {"body {\"code\":\"0\",\"data\":{}}", AF_BUS_UNREACHABLE, "no `code`"},
        {"body {\"code\":0.0,\"data\":{}}", AF_BUS_UNREACHABLE, "no `code`"},
        {"body {\"code\":true,\"data\":{}}", AF_BUS_UNREACHABLE, "no `code`"},
        {"body {\"code\":0}", AF_BUS_UNREACHABLE, "no `data`"},
        {"body {\"code\":0,\"data\":null}", AF_BUS_UNREACHABLE, "no `data`"},
        {"body {\"code\":0,\"data\":[]}", AF_BUS_UNREACHABLE, "no `data`"},
        {"body {\"code\":0,\"code\":0,\"data\":{}}", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body {\"code\":0,\"data\":{}} x", AF_BUS_UNREACHABLE, "no JSON object"},
        {"body {\"data\":{\"a\":1},\"code\":0}", AF_BUS_UNREACHABLE, "no `message_uuid`"},
        {"body {\"code\":0,\"data\":{\"message_uuid\":7,\"message_content\":{}}}",
         AF_BUS_UNREACHABLE, "no `message_uuid`"},
        {"body {\"code\":0,\"data\":{\"messages\":7}}", AF_BUS_UNREACHABLE, "no list"},
        {"body {\"code\":0,\"data\":{\"messages\":[7]}}", AF_BUS_UNREACHABLE, "no list"},
        {"body {\"code\":0,\"data\":{}}", AF_BUS_OK, ""},
        {"body {\"extra\":[{}],\"data\":{},\"code\":0}", AF_BUS_OK, ""},
        {"body {\"code\":0,\"data\":{\"messages\":[]}}", AF_BUS_OK, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_pop(world, rows[i].plan, rows[i].code, rows[i].part);
    fake_tell(fake, "plan message/pop status 429 Retry-After: 3");
    struct af_bus_take wanted = a_take();
    assert_true(take(world, &wanted)->retry_ns == 3 * AF_S_NS);
}

static void test_a_contract_that_cannot_be_read_keeps_none_from_what_can(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    wanted.max = 10;
    fake_tell(fake, "plan message/pop body {\"code\":0,\"data\":{\"messages\":["
                    "{\"message_uuid\":\"u\",\"message_content\":\"{}\"},"
                    "{\"message_uuid\":\"v\",\"message_content\":{\"type\":\"x\"}},"
                    "{\"message_uuid\":\"w\",\"message_content\":{},\"task_id\":\"OTHER\"}]}}");
    struct got *got = take(world, &wanted);
    assert_int_equal(got->code, AF_BUS_OK);
    assert_string_equal(got->text, "it has no `message_content` that is an object "
                                   "{\"type\":\"x\"} it is of another task");
}

static void test_an_answer_that_is_cut_anywhere_is_no_answer(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    int cuts = 0;
    for (int at = 0;; at += 7, cuts++) {
        assert_int_equal(publish(world, &plain_post)->code, AF_BUS_OK);
        fake_tell(fake, "plan message/pop cut %d", at);
        if (take(world, &wanted)->code == AF_BUS_OK)
            break;
        assert_int_equal(world->got.code, AF_BUS_UNREACHABLE);
    }
    assert_true(cuts > 40);
    assert_string_equal(world->got.text, "{\"type\": \"x\"}");
}

/* A push whose answer is lost may have been taken: with its uuid it can be pushed again. */
static void test_a_push_is_confirmed_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    int cuts = 0, handled = 0;
    for (int at = 0;; at += 9, cuts++) {
        fake_tell(fake, "restart"); /* on a fresh connection it is not repeated */
        fake_tell(fake, "plan message/push cut %d", at);
        bool ok = publish(world, &plain_post)->code == AF_BUS_OK;
        assert_int_equal(sscanf(fake_tell(fake, "handled"), "%d", &handled), 1);
        assert_int_equal(handled, cuts + 1);
        if (ok)
            break;
        assert_int_equal(world->got.code, AF_BUS_UNREACHABLE);
    }
    assert_true(cuts > 10);
}

static void test_what_does_no_harm_is_repeated(void **state)
{
    struct world *world = *state;
    fake_tell(fake, "plan nodelist status 500");
    fake_tell(fake, "plan nodelist drop");
    fake_tell(fake, "plan nodelist cut 90");
    assert_int_equal(members(world)->items, 3);
    fake_tell(fake, "plan nodelist code 403");
    assert_int_equal(members(world)->code, AF_BUS_NOT_MEMBER);
    fake_tell(fake, "plan nodelist body {\"code\":0,\"data\":{}}");
    assert_int_equal(members(world)->code, AF_BUS_UNREACHABLE);
    fake_tell(fake, "plan nodelist body {\"code\":0,\"data\":{\"records\":[{\"role\":1}]}}");
    assert_int_equal(members(world)->code, AF_BUS_UNREACHABLE);
    assert_non_null(strstr(world->got.why, "no `node_id`"));
    fake_tell(fake, "plan upload body {\"code\":0,\"data\":{\"f_url\":\"file:///x\"}}");
    struct af_bus_file file = {.task = TASK, .bytes = "x", .bytes_len = 1};
    world->bus->driver->put_file(world->bus, &file, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_UNREACHABLE);
}

static void test_what_no_receiver_could_be_given_is_not_pushed(void **state)
{
    struct world *world = *state;
    struct af_bus_post post = plain_post;
    struct af_buf deep = AF_BUF_EMPTY;
    for (int levels = AF_VALUE_DEPTH_MAX; levels <= AF_VALUE_DEPTH_MAX + 1; levels++) {
        af_buf_clear(&deep);
        af_buf_append_string(&deep, "{\"x\":");
        for (int i = 1; i < levels; i++)
            af_buf_append_char(&deep, '[');
        for (int i = 1; i < levels; i++)
            af_buf_append_char(&deep, ']');
        af_buf_append_char(&deep, '}');
        post.content = deep.data;
        post.content_len = deep.len;
        bool fits = levels <= AF_VALUE_DEPTH_MAX;
        struct got *got = publish(world, &post);
        assert_int_equal(got->code, fits ? AF_BUS_OK : AF_BUS_INVALID);
        if (!fits)
            assert_non_null(
                strstr(got->why, "the content is deeper than 120 levels; keep it flatter"));
    }
    af_buf_release(&deep);
}

static void test_a_push_is_not_repeated_but_on_a_dead_connection(void **state)
{
    struct world *world = *state;
    fake_tell(fake, "plan push status 500");
    assert_int_equal(publish(world, &plain_post)->code, AF_BUS_UNREACHABLE);
    assert_string_equal(fake_tell(fake, "handled"), "0 0");
    assert_int_equal(publish(world, &plain_post)->code, AF_BUS_OK);
    fake_tell(fake, "restart"); /* the connection that is kept is dead */
    assert_int_equal(publish(world, &plain_post)->code, AF_BUS_OK);
    assert_string_equal(fake_tell(fake, "handled"), "2 0");
    fake_tell(fake, "plan push body {\"code\":0,\"data\":{}}");
    assert_int_equal(publish(world, &plain_post)->code, AF_BUS_UNREACHABLE);
}

static void note_order(void *arg, const struct af_bus_result *result)
{
    (void)result;
    ++*(int *)arg;
}

static void test_pushes_of_one_sender_arrive_in_their_order(void **state)
{
    struct world *world = *state;
    struct af_bus_post post = plain_post;
    int count = 0;
    char content[40];
    for (int i = 0; i < 20; i++) {
        snprintf(content, sizeof content, "{\"n\":%d}", i);
        post.content = content;
        post.content_len = strlen(content);
        world->bus->driver->publish(world->bus, &post, 1, note_order, &count);
    }
    run_until(world->loop, &count, 20);
    struct af_bus_take wanted = a_take();
    for (int i = 0; i < 20; i++) {
        snprintf(content, sizeof content, "{\"n\": %d}", i);
        assert_string_equal(take(world, &wanted)->text, content);
    }
}

/* ---- Waiting. ---- */

static void test_a_platform_is_polled_until_something_comes(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    wanted.wait_ns = 30 * AF_S_NS;
    int before = 0;
    world->bus->driver->take(world->bus, &wanted, keep, &world->got);
    for (int polls = 0; polls < 3; polls += atoi(fake_tell(fake, "count")))
        af_loop_step(world->loop);
    assert_int_equal(world->got.count, 0);
    world->bus->driver->publish(world->bus, &plain_post, 1, note_order, &before);
    run_until(world->loop, &before, 1);
    assert_string_equal(answered(world)->text, "{\"type\": \"x\"}");
    assert_int_equal(world->bus->driver->leases(world->bus), 0);
    wanted.wait_ns = 60 * AF_MS_NS;
    assert_int_equal(take(world, &wanted)->items, 0);
    fake_tell(fake, "count");
    wanted = a_take();
    wanted.ack_count = 1;
    wanted.acks = everyone;
    world->bus->driver->ack(world->bus, &wanted, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_OK);
    assert_string_equal(fake_tell(fake, "count"), "0"); /* nothing to acknowledge there */
}

static void test_a_wait_can_be_cancelled(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    wanted.wait_ns = 60 * AF_S_NS;
    uint64_t ticket = world->bus->driver->take(world->bus, &wanted, keep, &world->got);
    world->bus->driver->cancel(world->bus, ticket);
    world->bus->driver->cancel(world->bus, ticket);
    assert_int_equal(answered(world)->code, AF_BUS_CANCELLED);
    world->bus->driver->cancel(world->bus, ticket);
    fake_tell(fake, "header Afrun-Service: 1");
    fake_tell(fake, "plan message/pop hang");
    ticket = world->bus->driver->take(world->bus, &wanted, keep, &world->got);
    while (strcmp(fake_tell(fake, "count"), "0") == 0)
        af_loop_step(world->loop);
    world->bus->driver->cancel(world->bus, ticket);
    assert_int_equal(answered(world)->code, AF_BUS_CANCELLED);
    world->bus->driver->take(world->bus, &wanted, keep, &world->got);
    world->bus->driver->close(world->bus); /* from within */
    world->bus = NULL;
    assert_int_equal(answered(world)->code, AF_BUS_CANCELLED);
}

static void note_cancelled(void *arg, const struct af_bus_result *result)
{
    if (result->code == AF_BUS_CANCELLED)
        ++*(int *)arg;
}

static void test_many_wait_at_once_and_are_all_told_of_the_end(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    enum { MANY = 100 };
    int count = 0, seen = 0;
    wanted.wait_ns = 60 * AF_S_NS;
    fake_tell(fake, "header Afrun-Service: 1");
    for (int i = 0; i < MANY; i++)
        fake_tell(fake, "plan message/pop hang");
    for (int i = 0; i < MANY; i++)
        world->bus->driver->take(world->bus, &wanted, note_cancelled, &count);
    while (seen < MANY) {
        assert_true(af_loop_step(world->loop));
        seen += atoi(fake_tell(fake, "count"));
    }
    assert_int_equal(members(world)->items, 3); /* the others are not in its way */
    assert_int_equal(count, 0);
    world->bus->driver->close(world->bus);
    world->bus = NULL;
    assert_int_equal(count, MANY);
}

static void test_what_a_platform_hands_out_is_not_lost_by_a_cancel(void **state)
{
    struct world *world = *state;
    struct af_bus_take wanted = a_take();
    take(world, &wanted); /* it is known for a platform's */
    assert_int_equal(publish(world, &plain_post)->code, AF_BUS_OK);
    uint64_t ticket = world->bus->driver->take(world->bus, &wanted, keep, &world->got);
    world->bus->driver->cancel(world->bus, ticket);
    assert_int_equal(answered(world)->code, AF_BUS_OK);
    assert_int_equal(world->got.items, 1);
}

/* ---- A service of ours. ---- */

static json_t *last_body(void)
{
    json_t *request = last_request();
    json_t *body = json_loads(text_of(request, "body_text"), 0, NULL);
    json_decref(request);
    return body;
}

static void test_a_service_of_ours_is_given_our_fields(void **state)
{
    struct world *world = *state;
    static const char *const acks[] = {"u1", "u2"};
    struct af_bus_take wanted = {.task = TASK,
                                 .channel = "federated",
                                 .holder = "h",
                                 .lease_ns = 15 * AF_S_NS,
                                 .wait_ns = 1500 * AF_MS_NS,
                                 .max = 100,
                                 .again = true,
                                 .acks = acks,
                                 .ack_count = 2};
    fake_tell(fake, "header Afrun-Service: 1");
    fake_tell(fake, "plan message/pop body {\"code\":0,\"data\":{\"messages\":["
                    "{\"message_uuid\":\"a\",\"message_content\":{\"n\":1},\"sender_id\":\"s\"},"
                    "{\"message_uuid\":\"b\",\"message_content\":{\"n\":2}}]}}");
    assert_string_equal(take(world, &wanted)->text, "{\"n\":1} {\"n\":2}");
    assert_int_equal(world->bus->driver->leases(world->bus), 1);
    json_t *body = last_body();
    json_t *expected =
        json_pack("{ss ss si ss s[ss] si sb}", "task_id", TASK, "channel", "federated",
                  "lease_seconds", 15, "holder", "h", "ack", "u1", "u2", "max", 100, "again", 1);
    double wait_s = json_number_value(json_object_get(body, "wait_seconds"));
    assert_true(wait_s > 1 && wait_s <= 1.5);
    json_object_del(body, "wait_seconds");
    assert_true(json_equal(body, expected));
    json_decref(body);
    json_decref(expected);
    fake_tell(fake, "plan message/ack body {\"code\":0,\"data\":{}}");
    wanted.release = true;
    world->bus->driver->ack(world->bus, &wanted, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_OK);
    body = last_body();
    expected = json_pack("{ss ss si ss s[ss] sb}", "task_id", TASK, "channel", "federated",
                         "lease_seconds", 15, "holder", "h", "ack", "u1", "u2", "release", 1);
    assert_true(json_equal(body, expected));
    json_decref(body);
    json_decref(expected);
}

static void test_several_go_in_one_push_to_a_service_of_ours(void **state)
{
    struct world *world = *state;
    struct af_bus_post posts[2] = {plain_post, plain_post};
    posts[1].uuid = "second";
    world->bus->driver->publish(world->bus, posts, 2, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_INVALID); /* not known yet */
    fake_tell(fake, "header Afrun-Service: 1");
    members(world);
    fake_tell(fake, "plan push body {\"code\":0,\"data\":{\"message_uuid\":\"our-uuid\","
                    "\"message_uuids\":[\"our-uuid\",\"second\"]}}");
    world->bus->driver->publish(world->bus, posts, 2, keep, &world->got);
    assert_string_equal(answered(world)->text, "our-uuid second");
    json_t *body = last_body();
    json_t *messages = json_object_get(body, "messages");
    assert_int_equal(json_object_size(body), 1);
    assert_int_equal(json_array_size(messages), 2);
    assert_int_equal(json_object_size(json_array_get(messages, 1)), 7);
    assert_string_equal(text_of(json_array_get(messages, 1), "message_uuid"), "second");
    json_decref(body);
    fake_tell(fake, "plan push body {\"code\":0,\"data\":{\"message_uuid\":\"our-uuid\"}}");
    world->bus->driver->publish(world->bus, posts, 2, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_UNREACHABLE);
}

/* Of a service that knows it, none is done twice. */
static void test_a_call_that_has_an_id_tells_it_in_a_header(void **state)
{
    struct world *world = *state;
    struct af_bus_note note = {.kind = AF_BUS_NOTE_PROGRESS, .task = TASK, .channel = "federated"};
    struct af_bus_file file = {.task = TASK, .bytes = "x", .bytes_len = 1, .call_id = "call-1"};
    world->bus->driver->put_file(world->bus, &file, keep, &world->got);
    assert_int_equal(answered(world)->code, AF_BUS_OK);
    json_t *came = last_request();
    assert_string_equal(text_of(json_object_get(came, "headers"), "idempotency-key"), "call-1");
    json_decref(came);
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    came = last_request();
    assert_null(json_object_get(json_object_get(came, "headers"), "idempotency-key"));
    json_decref(came);
}

/* ---- The task manager. ---- */

static void expect_bass(const char *name, size_t from_last)
{
    json_error_t error;
    json_t *list = json_loads(fake_tell(fake, "requests"), 0, &error);
    json_t *came = json_array_get(list, json_array_size(list) - 1 - from_last);
    json_t *file = sample(name), *expected = json_object_get(file, "request");
    assert_string_equal(text_of(came, "path"), text_of(expected, "path"));
    assert_string_equal(text_of(came, "query"), text_of(expected, "query"));
    json_t *body = json_loads(text_of(came, "body_text"), 0, NULL);
    if (!json_equal(body, json_object_get(expected, "body_json")))
        fail_msg("%s: came %s", name, text_of(came, "body_text"));
    json_t *headers = json_object_get(came, "headers");
    json_t *wanted = json_object_get(expected, "headers");
    assert_string_equal(text_of(headers, "token"), text_of(wanted, "token"));
    assert_string_equal(text_of(headers, "cookie"), text_of(wanted, "cookie"));
    json_decref(body);
    json_decref(file);
    json_decref(list);
}

static void test_the_task_manager_is_told_after_a_login(void **state)
{
    struct world *world = *state;
    struct af_bus_note note = {.kind = AF_BUS_NOTE_DATASET, .task = TASK, .number = 1};
    assert_int_equal(members(world)->code, AF_BUS_OK); /* it is a platform's */
    assert_int_equal(tell(world, &note)->code, AF_BUS_REFUSED);
    assert_non_null(strstr(world->got.why, "bass_user, bass_password and bass_captcha"));
    assert_string_equal(fake_tell(fake, "count"), "1");
    world->config.bass_user = "USER";
    world->config.bass_password = "REDACTED";
    world->config.bass_captcha = "REDACTED";
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_bass("bass_login", 1);
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_bass("bass_notify_dataset_state_ok", 0);
    note.number = 0;
    note.text = "no data";
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_bass("bass_notify_dataset_state_fail", 0);
    note =
        (struct af_bus_note){.kind = AF_BUS_NOTE_LAUNCH, .task = TASK, .text = "file-key-or-url"};
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    expect_bass("bass_launch_task", 0);
}

static void test_a_login_that_has_run_out_is_renewed_once(void **state)
{
    struct world *world = *state;
    struct af_bus_note note = {.kind = AF_BUS_NOTE_LAUNCH, .task = TASK, .text = "k"};
    world->config.bass_user = "USER";
    world->config.bass_password = "s3cret";
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    assert_string_equal(fake_tell(fake, "count"), "2");
    fake_tell(fake, "plan fed-bass status 401");
    assert_int_equal(tell(world, &note)->code, AF_BUS_OK);
    assert_string_equal(fake_tell(fake, "count"), "3");
    fake_tell(fake, "plan fed-bass body {\"Response\":{\"Data\":{\"Status\":\"NO\"}}}");
    fake_tell(fake, "plan fed-bass body {\"Response\":{\"Data\":{\"Token\":\"t\"}}}");
    fake_tell(fake, "plan fed-bass body {\"Response\":{\"Data\":{}}}");
    assert_int_equal(tell(world, &note)->code, AF_BUS_REFUSED);
    assert_string_equal(fake_tell(fake, "count"), "3");
    fake_tell(fake, "plan fed-bass status 401");
    fake_tell(fake, "plan fed-bass body {\"Response\":{\"Error\":\"s3cret\"}}");
    assert_int_equal(tell(world, &note)->code, AF_BUS_REFUSED);
    assert_string_equal(world->got.why, "the task manager refused the login");
    fake_tell(fake, "plan fed-bass drop"); /* a launch is not repeated blindly */
    assert_int_equal(tell(world, &note)->code, AF_BUS_UNREACHABLE);
    assert_null(strstr(world->got.why, "s3cret"));
}

static void test_what_is_no_address_is_not_opened(void **state)
{
    (void)state;
    static const char *const wrong[] = {"http://", "http://a b/", "http://me:s3cret@127.0.0.1/",
                                        "http://127.0.0.1:9/?a=b"};
    struct af_loop *loop = af_loop_sim_new();
    struct af_bus_options options = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_null(af_bus_http.open(wrong[i], loop, &options, &why));
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_null(strstr(why.what, "s3cret"));
    }
    af_loop_free(loop);
}

/* Whether it is warned of when a bus with a token is opened. */
static bool is_warned_of(const char *url)
{
    char told[1000] = "";
    int file = memfd_create("stderr", MFD_CLOEXEC), before = dup(STDERR_FILENO);
    struct af_loop *loop = af_loop_sim_new();
    struct af_config config = {.token = "s3cret-token"};
    struct af_bus_options options = {.node = "node-a", .config = &config};
    af_log_set_level(AF_LOG_WARNING);
    dup2(file, STDERR_FILENO);
    struct af_bus *bus = af_bus_http.open(url, loop, &options, NULL);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    af_log_set_level(AF_LOG_ERROR);
    assert_non_null(bus);
    bus->driver->close(bus);
    af_loop_run(loop);
    af_loop_free(loop);
    assert_true(pread(file, told, sizeof told - 1, 0) >= 0);
    close(before);
    close(file);
    assert_null(strstr(told, "s3cret"));
    return strstr(told, "is sent to") != NULL;
}

static void test_a_token_that_leaves_the_machine_without_encryption_is_warned_of(void **state)
{
    (void)state;
    static const char *const near[] = {"http://localhost:9", "http://127.0.0.1:9",
                                       "http://127.1.2.3:9", "http://[::1]:9",
                                       "https://hub.example"};
    static const char *const far[] = {"http://hub.example", "http://192.0.2.127:9",
                                      "http://[2001:db8::1]:9"};
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        if (is_warned_of(near[i]))
            fail_msg("%s is warned of", near[i]);
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        if (!is_warned_of(far[i]))
            fail_msg("%s is not warned of", far[i]);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_pushes_are_those_of_the_samples),
        WITH_WORLD(test_pops_are_those_of_the_samples),
        WITH_WORLD(test_a_first_take_has_what_our_service_knows),
        WITH_WORLD(test_other_calls_are_those_of_the_samples),
        WITH_WORLD(test_uploads_are_those_of_the_samples_and_come_back),
        WITH_WORLD(test_the_token_goes_to_the_service_alone),
        WITH_WORLD(test_every_answer_ends_a_call_with_the_code_that_fits),
        WITH_WORLD(test_a_contract_that_cannot_be_read_keeps_none_from_what_can),
        WITH_WORLD(test_an_answer_that_is_cut_anywhere_is_no_answer),
        WITH_WORLD(test_a_push_is_confirmed_whole_or_not_at_all),
        WITH_WORLD(test_what_does_no_harm_is_repeated),
        WITH_WORLD(test_what_no_receiver_could_be_given_is_not_pushed),
        WITH_WORLD(test_a_push_is_not_repeated_but_on_a_dead_connection),
        WITH_WORLD(test_pushes_of_one_sender_arrive_in_their_order),
        WITH_WORLD(test_a_platform_is_polled_until_something_comes),
        WITH_WORLD(test_a_wait_can_be_cancelled),
        WITH_WORLD(test_many_wait_at_once_and_are_all_told_of_the_end),
        WITH_WORLD(test_what_a_platform_hands_out_is_not_lost_by_a_cancel),
        WITH_WORLD(test_a_service_of_ours_is_given_our_fields),
        WITH_WORLD(test_several_go_in_one_push_to_a_service_of_ours),
        WITH_WORLD(test_a_call_that_has_an_id_tells_it_in_a_header),
        WITH_WORLD(test_the_task_manager_is_told_after_a_login),
        WITH_WORLD(test_a_login_that_has_run_out_is_renewed_once),
        cmocka_unit_test(test_what_is_no_address_is_not_opened),
        cmocka_unit_test(test_a_token_that_leaves_the_machine_without_encryption_is_warned_of),
    };
    return cmocka_run_group_tests(tests, start_service, stop_service);
}
