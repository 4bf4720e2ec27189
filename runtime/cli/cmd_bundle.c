/* cmd_bundle.c: `afrun bundle FLOW`: a flow with its modules, and whatever else belongs to it, as
 * one thing that a node takes whole; see code/bundle.h. cli/bundle_out.c writes it. */
#include "cli/command.h"

#include "base/arena.h"
#include "base/bounds.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "cli/answer.h"
#include "cli/bundle_out.h"
#include "cli/paths.h"
#include "code/bundle.h"
#include "code/sign.h"
#include "json/json.h"
#include "script/script.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct texts {
    const char **items;
    size_t count, cap;
};

struct bundle_options {
    const char *out, *sign, *least_af;
    int64_t least_next;
    struct texts with, wants[AF_MANIFEST_GRANTS];
    bool json;
};

static int add_text(void *field, const char *value, struct af_failure *why)
{
    struct texts *texts = field;
    if (strlen(value) > AF_BUNDLE_GRANT_BYTES_MAX || texts->count == AF_BUNDLE_GRANTS_MAX)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "is too long, or given too often");
    af_mem_reserve(&texts->items, &texts->cap, texts->count + 1, sizeof *texts->items);
    texts->items[texts->count++] = value;
    return 0;
}

static int set_af(void *field, const char *value, struct af_failure *why)
{
    const char **least = field;
    *least = value;
    return af_manifest_is_af(value)
               ? 0
               : af_failure_set(why, AF_FAILURE_USAGE, "",
                                "expected a version of afrun, as " AF_VERSION ", got '%.60s'",
                                value);
}

#define OF struct bundle_options

static const struct af_opt opts[] = {
    {"output", 'o', "NAME.afb|FOLDER", "where it goes (default: NAME.afb, of the flow's name)",
     "Options", AF_OPT_TEXT(OF, out)},
    {"with", 0, "FILE", "put this file in as well, as a program; may be repeated", "Options",
     AF_OPT_READ(OF, with, add_text)},
    {"sign", 0, "KEY", "sign it with this secret key (a file, of minisign -G)", "Options",
     AF_OPT_TEXT(OF, sign)},
    {"least-next", 0, "VERSION",
     "the least version that a node may take after this one (default: any)", "Options",
     AF_OPT_COUNT(OF, least_next, 1, AF_BUNDLE_VERSION_MAX)},
    {"least-af", 0, "VERSION", "the least afrun that may run it (default: this one)", "Options",
     AF_OPT_READ(OF, least_af, set_af)},
    {"allow-read", 0, "DIR", "it reads files below DIR", "What it asks of a node",
     AF_OPT_READ(OF, wants[AF_MANIFEST_READ], add_text)},
    {"allow-write", 0, "DIR", "it writes files below DIR", "What it asks of a node",
     AF_OPT_READ(OF, wants[AF_MANIFEST_WRITE], add_text)},
    {"allow-net", 0, "HOST[:PORT]", "it downloads from HOST", "What it asks of a node",
     AF_OPT_READ(OF, wants[AF_MANIFEST_NET], add_text)},
    {"allow-run", 0, "PROGRAM", "it runs PROGRAM", "What it asks of a node",
     AF_OPT_READ(OF, wants[AF_MANIFEST_RUN], add_text)},
    {"json", 0, NULL, "tell the result as one JSON object", "Output", AF_OPT_FLAG(OF, json)},
    AF_OPTS_LAST("Output"),
};

static const struct af_opts_command row = {
    "bundle", "FLOW.lua [options]", "a flow and its modules as one thing that nodes take whole",
    "Loads the flow, finds the modules that it requires, and makes NAME.afb (a tar) or a folder, "
    "with "
    "manifest.json: its name and version, each file with size and SHA-256, and what it asks of a "
    "node. The same files and options give the same bytes. A node takes it in its flows folder, "
    "all of "
    "it or nothing; run, check and lint take it in place of a flow. With --sign it has "
    "manifest.json.minisig, which is what counts on a node with --trust.\n\n"
    "The flow may be a bundle itself, which is then made anew, and signed.",
    opts};

/* ---- What goes into it. ---- */

struct collected {
    const char *flow; /* the path of its own file */
    struct af_code code;
    struct af_arena arena;
    const char *name; /* of the flow */
    int64_t version;
};

static int read_file(void *arg, const char *path, struct af_buf *out, struct af_failure *why)
{
    struct collected *collected = arg;
    return af_bundle_give(&collected->code, collected->flow, path, out, why);
}

/* Loads the flow, which reads what it requires meanwhile. */
static int load(struct collected *collected, struct af_failure *why)
{
    const struct af_script_source source = {read_file, collected};
    struct af_script *script = af_script_load_from(collected->flow, &source, why);
    if (script == NULL)
        return -1;
    const struct af_flow *flow = af_script_flow(script);
    if (flow == NULL)
        af_failure_set(why, AF_FAILURE_USAGE, collected->flow,
                       "is a sequential script; a bundle is of a flow");
    else {
        collected->name = af_arena_string(&collected->arena, flow->name);
        collected->version = flow->version;
    }
    af_script_free(script);
    return flow == NULL ? -1 : 0;
}

/* Takes a module that a text names, if it is beside the flow. */
static bool take_module(struct collected *collected, const char *name, size_t len)
{
    static const char *const ends[] = {".lua", "/init.lua"};
    size_t folder = (size_t)(strrchr(collected->flow, '/') + 1 - collected->flow);
    bool found = false;
    for (int i = 0; i < 2 && !found; i++) {
        struct af_buf path = AF_BUF_EMPTY, bytes = AF_BUF_EMPTY;
        af_buf_append(&path, collected->flow, folder);
        for (size_t j = 0; j < len; j++)
            af_buf_append_char(&path, name[j] == '.' ? '/' : name[j]);
        af_buf_append_string(&path, ends[i]);
        found = af_manifest_is_file_name(af_buf_text(&path) + folder) &&
                read_file(collected, af_buf_text(&path), &bytes, NULL) == 0;
        af_buf_release(&path);
        af_buf_release(&bytes);
    }
    return found;
}

/* What a handler requires is not read while a flow is loaded: its text says so. Returns where to go
 * on. */
static const char *take_required(struct collected *collected, const char *file, const char *text,
                                 const char *at)
{
    const char *line = at, *name = at + strlen("require");
    while (line > text && line[-1] != '\n')
        line--;
    name += strspn(name, " \t(");
    if ((name[0] != '"' && name[0] != '\'') || strncmp(line, "--", 2) == 0)
        return name;
    size_t len = strcspn(name + 1, "\"'\n");
    if (name[1 + len] != name[0] || (len == 2 && memcmp(name + 1, "af", 2) == 0) ||
        (len > 3 && memcmp(name + 1, "af.", 3) == 0) ||
        (len == 5 && memcmp(name + 1, "cjson", 5) == 0))
        return name;
    if (!take_module(collected, name + 1, len))
        af_log(AF_LOG_WARNING,
               "%s requires '%.*s', which is not beside it: it is not in the bundle", file,
               (int)len, name + 1);
    return name;
}

static void take_modules(struct collected *collected)
{
    for (size_t i = 0; i < collected->code.count; i++) { /* it grows */
        char *text = af_mem_copy(collected->code.files[i].bytes, collected->code.files[i].len);
        char *file = af_mem_string(collected->code.files[i].path);
        const char *at = text, *dot = strrchr(file, '.');
        while ((i == 0 || (dot != NULL && strcmp(dot, ".lua") == 0)) &&
               (at = strstr(at, "require")) != NULL)
            at = take_required(collected, file, text, at);
        free(file);
        free(text);
    }
}

/* A file below the flow's folder keeps its place; one from elsewhere is put beside the flow. */
static int take_with(struct collected *collected, const char *path, struct af_failure *why)
{
    const char *slash = strrchr(path, '/');
    size_t folder = (size_t)(strrchr(collected->flow, '/') + 1 - collected->flow);
    const char *name = strncmp(path, collected->flow, folder) == 0 ? path + folder
                       : slash == NULL                             ? path
                                                                   : slash + 1;
    struct af_buf bytes = AF_BUF_EMPTY;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result = af_code_read_bounded(fd, path, AF_WORKER_FILES_BYTES_MAX, &bytes, why);
    if (fd >= 0)
        close(fd);
    if (result == 0 && af_code_find(&collected->code, name) == NULL)
        af_code_add(&collected->code, name, af_buf_text(&bytes), bytes.len);
    af_buf_release(&bytes);
    return result;
}

/* Of a bundle that is made anew its files stay. */
static void leave_out_manifest(struct af_code *code)
{
    struct af_code files = {NULL, 0, 0};
    for (size_t i = 0; i < code->count; i++) {
        const struct af_code_file *file = &code->files[i];
        if (strcmp(file->path, AF_MANIFEST_NAME) != 0 &&
            strcmp(file->path, AF_MANIFEST_NAME AF_TRUST_SUFFIX) != 0)
            af_code_add(&files, file->path, file->bytes, file->len);
    }
    af_code_release(code);
    *code = files;
}

static int collect(struct collected *collected, const struct bundle_options *options,
                   struct af_manifest *before, struct af_failure *why)
{
    const struct af_code_file *manifest = af_code_find(&collected->code, AF_MANIFEST_NAME);
    if (manifest != NULL && af_manifest_read(before, manifest->bytes, manifest->len, why) != 0)
        return -1;
    if (load(collected, why) != 0)
        return -1;
    if (manifest == NULL)
        take_modules(collected);
    leave_out_manifest(&collected->code);
    for (size_t i = 0; i < options->with.count; i++)
        if (take_with(collected, options->with.items[i], why) != 0)
            return -1;
    return 0;
}

/* ---- Its manifest. ---- */

static int by_name(const void *left, const void *right)
{
    const struct af_manifest_file *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* What is asked for; of a bundle that is made anew what it asked for before, where nothing else is
 * said. */
static void add_wishes(const struct bundle_options *options, const struct af_manifest *before,
                       struct af_manifest *manifest)
{
    manifest->least_next = options->least_next > 0 ? options->least_next : before->least_next;
    manifest->least_af = options->least_af != NULL  ? options->least_af
                         : before->least_af != NULL ? before->least_af
                                                    : AF_VERSION;
    for (int i = 0; i < AF_MANIFEST_GRANTS; i++) {
        const struct texts *wants = &options->wants[i];
        const struct af_manifest_list *wanted = &before->grants[i];
        size_t count = wants->count > 0 ? wants->count : wanted->count;
        for (size_t j = 0; j < count; j++)
            af_manifest_add_grant(manifest, (enum af_manifest_grant)i,
                                  wants->count > 0 ? wants->items[j] : wanted->items[j]);
    }
}

/* Fills it, adds it to the files, and has it read as a node would. */
static int add_manifest(struct collected *collected, const struct bundle_options *options,
                        const struct af_manifest *before, struct af_manifest *manifest,
                        struct af_failure *why)
{
    struct af_manifest read = {.name = NULL};
    struct af_buf text = AF_BUF_EMPTY;
    assert(collected->code.count > 0); /* it was loaded */
    const char *own = collected->code.files[0].path;
    manifest->name = collected->name;
    manifest->version = collected->version;
    manifest->flow = af_arena_string(&manifest->arena, own);
    add_wishes(options, before, manifest);
    for (size_t i = 0; i < collected->code.count; i++)
        af_manifest_add_file(manifest, collected->code.files[i].path,
                             collected->code.files[i].bytes, collected->code.files[i].len);
    qsort(manifest->files, manifest->file_count, sizeof *manifest->files, by_name);
    af_manifest_write(manifest, &text);
    int result = af_manifest_read(&read, af_buf_text(&text), text.len, why);
    if (result == 0)
        af_code_add(&collected->code, AF_MANIFEST_NAME, text.data, text.len);
    af_manifest_release(&read);
    af_buf_release(&text);
    return result;
}

static char *ask_password(const char *path, struct af_failure *why)
{
    struct termios before, quiet;
    char line[1024];
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            close(fd);
        af_failure_set(why, AF_FAILURE_USAGE, path,
                       "has a password, and there is no terminal to ask for it; a key without one "
                       "is made by minisign -G -W");
        return NULL;
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "Password of %s: ", path);
    ssize_t len = read(fd, line, sizeof line - 1);
    tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    close(fd);
    line[len < 0 ? 0 : len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    char *password = af_mem_string(line);
    explicit_bzero(line, sizeof line);
    return password;
}

/* signer gets the key's number. */
static int add_signature(struct collected *collected, const char *path, char signer[17],
                         struct af_failure *why)
{
    struct af_sign_key key;
    struct af_buf text = AF_BUF_EMPTY;
    const struct af_code_file *manifest = af_code_find(&collected->code, AF_MANIFEST_NAME);
    if (af_sign_key_read(&key, path, ask_password, why) != 0)
        return -1;
    af_sign(&key, AF_MANIFEST_NAME, manifest->bytes, manifest->len, &text);
    af_sign_key_name(&key, signer);
    explicit_bzero(&key, sizeof key);
    af_code_add(&collected->code, AF_MANIFEST_NAME AF_TRUST_SUFFIX, text.data, text.len);
    af_buf_release(&text);
    return 0;
}

/* ---- The command. ---- */

static void tell(const char *out, const struct af_manifest *manifest, const char *signer, bool json)
{
    struct af_buf answer = AF_BUF_EMPTY;
    if (!json) {
        printf("%s: version %lld of %s, %zu file%s, %s%s\n", out, (long long)manifest->version,
               manifest->name, manifest->file_count, manifest->file_count == 1 ? "" : "s",
               signer[0] == '\0' ? "not signed" : "signed by key ", signer);
        return;
    }
    af_answer_begin(&answer, "bundle");
    af_json_add_text(&answer, "file", out);
    af_json_add_text(&answer, "name", manifest->name);
    af_json_add_integer(&answer, "version", manifest->version);
    af_json_add_text(&answer, "signed_by", signer[0] == '\0' ? NULL : signer);
    af_json_begin(&answer, "files", '[');
    for (size_t i = 0; i < manifest->file_count; i++) {
        af_json_open(&answer, '{');
        af_json_add_text(&answer, "name", manifest->files[i].name);
        af_json_add_integer(&answer, "size", manifest->files[i].size);
        af_json_add_text(&answer, "sha256", manifest->files[i].sha256);
        af_buf_append_char(&answer, '}');
    }
    af_buf_append_char(&answer, ']');
    af_answer_print(&answer);
}

static int make(struct collected *collected, const struct bundle_options *options,
                struct af_failure *why)
{
    struct af_manifest manifest = {.name = NULL}, before = {.name = NULL};
    struct af_buf out = AF_BUF_EMPTY;
    char signer[17] = "";
    int result = collect(collected, options, &before, why);
    if (result == 0)
        result = add_manifest(collected, options, &before, &manifest, why);
    if (result == 0 && options->sign != NULL)
        result = add_signature(collected, options->sign, signer, why);
    if (result == 0 && options->out == NULL) {
        const char *own = manifest.flow;
        af_buf_append(&out, own, strlen(own) - strlen(".lua"));
        af_buf_append_string(&out, AF_BUNDLE_SUFFIX);
    } else if (result == 0) {
        af_buf_append_string(&out, options->out);
    }
    if (result == 0)
        result = af_bundle_out(&collected->code, af_buf_text(&out), why);
    if (result == 0)
        tell(af_buf_text(&out), &manifest, signer, options->json);
    af_buf_release(&out);
    af_manifest_release(&manifest);
    af_manifest_release(&before);
    return result;
}

static int bundle(const char *path, const struct bundle_options *options, struct af_failure *why)
{
    struct collected collected = {.flow = NULL};
    char *opened = af_bundle_open(path, &collected.code, why), *flow = NULL;
    if (opened != NULL) {
        struct af_buf whole = AF_BUF_EMPTY; /* with a folder, always */
        af_buf_printf(&whole, "%s%s", strchr(opened, '/') == NULL ? "./" : "", opened);
        flow = af_buf_take(&whole);
        collected.flow = flow;
    }
    int result = opened == NULL ? -1 : make(&collected, options, why);
    free(opened);
    free(flow);
    af_code_release(&collected.code);
    af_arena_release(&collected.arena);
    return result;
}

static int run(int argc, char **argv, struct af_failure *why)
{
    struct bundle_options options = {.out = NULL};
    int words = af_opts_parse(opts, argc, argv, &options, NULL, why);
    int status = words < 0 ? words : -1;
    if (words == 1) {
        af_paths_beside(argv[0]);
        status = bundle(argv[0], &options, why);
    } else if (words >= 0) {
        af_failure_set(why, AF_FAILURE_USAGE, "bundle", "name one flow: afrun bundle FLOW.lua");
    }
    free(options.with.items);
    for (int i = 0; i < AF_MANIFEST_GRANTS; i++)
        free(options.wants[i].items);
    return status;
}

const struct af_command af_cmd_bundle = {&row, run};
