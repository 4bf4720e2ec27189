/* lua_script.h: what the files that implement script/script.h share.
 *
 *   lua_source.c    a file: reading and compiling it
 *   lua_script.c    a file becomes a script: loading, its plan, the task; the table of all that
 *                   script/script.c looks into
 *   lua_plan.c      a flow's plan: what the library found in it, as C structures
 *   lua_declared.c  what the chunk's event types ask of its instance
 *   lua_instance.c  a party: its copy of the chunk, its party object, its snapshot
 *   lua_foreign.c   a flow of another file, for its event types
 *   lua_deliver.c   a delivery: handler, enter, after, commit
 *   lua_coro.c      the one place where Lua runs on, and where it waits
 *   lua_pure.c      what a handler must not have changed
 *   lua_party.c     the methods of the party object
 *   lua_world.c     invariants
 *   lua_monitor.c   monitors, eventually, leads_to
 */
#ifndef AF_LUA_SCRIPT_H
#define AF_LUA_SCRIPT_H

#include "base/failure.h"
#include "code/code.h"
#include "lua_event.h"
#include "lua_vm.h"
#include "script/script.h"
#include "script/driver.h"

struct af_delivery;

enum af_phase {
    AF_PHASE_FIRST_LOAD,  /* the chunk runs for the first time: is it a flow? */
    AF_PHASE_INSTANTIATE, /* it runs again, for a party */
    AF_PHASE_RUN,
};

/* Where a handler stands in the list of an instance's functions (from 1), or else the state that it
 * names; both are absent (0 and -1) where there is none. */
struct af_target {
    int slot;
    int next;
};

struct af_plan_state {
    struct af_target *events; /* by event index */
    struct af_target enter, after;
    int64_t after_ns; /* if it is a constant, else … */
    int after_seconds_slot;
    struct af_target *timeouts;
};

struct af_plan_role {
    int data_slot;
    int migrate_slot, migrate_back_slot;
    int start;
    struct af_plan_state *states;
};

struct af_script_bundle { /* what a script was read from, if it was a bundle */
    char *flow;
    struct af_code code;
};

struct af_script {
    struct af_script_head head;
    struct af_vm *vm;
    struct af_script_source source;  /* its read is NULL: the file system */
    struct af_script_bundle *bundle; /* or NULL */
    struct af_script_file file;
    char *name, *folder;
    enum af_phase phase;
    struct af_flow *flow; /* NULL: a sequential script */
    struct af_plan_role *plan;
    char **line_files; /* names of modules in which lines of it are */
    size_t line_file_count, line_file_cap;
    int chunk_ref, modules_ref, declared_ref, plan_ref, classes_ref;
    int cell_ref;       /* a function that makes a new upvalue for an environment */
    bool sets_upvalues; /* some code of its files assigns to variables of functions around it */
    lua_Integer declared_next;
    bool main_requires; /* its first instance has asked for a module since the file was loaded */
    bool has_secrets;   /* a type of it has one */
    bool shows_veil;    /* secrets are shown under the next, else under each party's own key */
    struct af_hash veil;
    bool simulates;     /* its flow's stand-ins answer for programs */
    bool flow_declared; /* af.flow() was called by the chunk that runs now */
    bool lends_types;   /* another file's flow is loaded, for its event types alone */
    bool flow_too_late; /* … when it had asked for what no flow may while it is loaded */
    char *waits_at;     /* where a script's load ended with such a call, else NULL */
    int definition_ref; /* … with this table */
    struct af_instance_code *codes; /* of each role; NULL: no party was made yet */
    struct af_script_party *main; /* the first instance: the script itself, or that of invariants */

    char *task_id;
    struct af_script_member *members;
    size_t member_count;
    int members_ref; /* id → index + 1 */
    int nodes_ref;   /* role + 2 (1: all) → what party:nodes() copies from */
    int methods_ref; /* metatables of party objects */
    int sequential_methods_ref;
    const void *environment;
    int environment_ref; /* the metatable of all environments: the globals */

    af_script_call_fn *call;
    void *owner;
    uint64_t next_call;
    struct af_delivery *free_deliveries;

    struct af_world *world;
    struct af_watcher *watcher;
};

/* What all parties of a role share, if no handler could tell: references, or LUA_NOREF. */
struct af_instance_code {
    int kit_ref, functions_ref;
};

/* A closure's upvalue as it was after loading. */
struct af_cell {
    int slot;       /* in the list of functions that purity watches */
    int upvalue;    /* from 1 */
    int type;       /* a Lua type */
    const void *at; /* lua_topointer() */
    lua_Number number;
    uint64_t fingerprint; /* of a table, all that can be reached from it */
};

struct af_script_party {
    struct af_script *script; /* first: see script/driver.h */
    void *user;
    uint32_t member;
    uint32_t role;
    struct af_hash seed;
    int kit_ref;
    int functions_ref; /* a part of the kit, for quick use */
    int party_ref;     /* what handlers are given */
    int numbers_ref;   /* see af_vm.numbers_ref */
    int state;
    int shown_state; /* as party.state; -1: none */
    char *data;      /* committed, canonical JSON */
    size_t data_len;
    struct af_parts *parts;       /* its large tables, or NULL */
    struct af_delivery *delivery; /* the one under way */
    struct af_cell *cells;        /* what a handler must leave as it is */
    size_t cell_count, cell_cap;
};

static inline bool af_script_is_sequential(const struct af_script_party *party)
{
    return party->script->flow == NULL || party->script->flow->roles[party->role].sequential;
}

/* The parts of an instance in its kit, a table. */
enum { AF_KIT_ENV = 1, AF_KIT_FUNCTIONS, AF_KIT_OVERRIDES, AF_KIT_MODULES };

/* Whether the value at index is the environment of an instance. */
static inline bool af_script_is_environment(lua_State *L, int index)
{
    const struct af_script *script = af_vm_of(L)->script;
    if (script == NULL || !lua_getmetatable(L, index))
        return false;
    bool is = lua_topointer(L, -1) == script->environment;
    lua_pop(L, 1);
    return is;
}

static inline void af_kit_push(lua_State *L, const struct af_script_party *party, int part)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, party->kit_ref);
    lua_rawgeti(L, -1, part);
    lua_remove(L, -2);
}

/* ---- The driver: what script/script.h says of the function of each name. ---- */

void af_lua_free(struct af_script *script);
const struct af_flow *af_lua_flow(const struct af_script *script);
const struct af_script_file *af_lua_file(const struct af_script *script);
int af_lua_set_task(struct af_script *script, const char *task_id,
                    const struct af_script_member *members, size_t member_count,
                    const struct af_script_arg *args, size_t arg_count, struct af_failure *why);
const struct af_script_member *af_lua_members(const struct af_script *script, size_t *count);
void af_lua_set_owner(struct af_script *script, af_script_call_fn *call, void *owner);
void af_lua_answer(struct af_script_party *party, uint64_t call_id, const struct af_answer *answer);
struct af_script_party *af_lua_party_new(struct af_script *script, uint32_t member,
                                         struct af_hash seed, void *user, struct af_failure *why);
void af_lua_party_free(struct af_script_party *party);
void *af_lua_party_user(const struct af_script_party *party);
bool af_lua_party_sequential(const struct af_script_party *party);
int af_lua_party_state(const struct af_script_party *party);
const char *af_lua_party_data(const struct af_script_party *party, size_t *len);
int af_lua_party_restore(struct af_script_party *party, int state, const char *data, size_t len,
                         struct af_failure *why);
const char *af_lua_party_where(struct af_script_party *party);
void af_lua_deliver(struct af_script_party *party, const struct af_input *input,
                    af_script_done_fn *done, void *arg);
void af_lua_withdraw(struct af_script_party *party);

/* ---- lua_source.c ---- */

/* Reads a file from where the script's files come from. Returns 0, or -1 with *why filled. */
int af_script_read(struct af_script *script, const char *path, struct af_buf *out,
                   struct af_failure *why);

/* Whether a source, a text without zero bytes, has nothing but blanks and comments. */
bool af_script_is_empty(const struct af_buf *source);

/* Pushes the compiled chunk of a source; chunk_name starts with '@'. Returns 0, or -1 with *why
 * filled, having pushed nothing. */
int af_script_compile(lua_State *L, const struct af_buf *source, const char *chunk_name,
                      struct af_failure *why);

/* What Lua says of a key that is nil. */
#define AF_NIL_KEY "table index is nil"

/* Copies an error's text; if it is of a key that is nil, with the one of the source that it may be
 * of, the last that begins a table's field before the end of its line.
 * source is the file's, of which the error may not be. */
void af_script_name_key(const char *file, const struct af_buf *source, const char *error, char *out,
                        size_t size);

/* Fills *why from an error's text, whose file:line becomes the `what`; else that is `name`. Returns
 * -1. */
int af_script_fail(struct af_failure *why, enum af_failure_kind kind, const char *name,
                   const char *text);

/* ---- lua_coro.c ---- */

/* Notes that a handler runs, or a script asks for something: see af_script_has_acted(). */
void af_script_acts(void);

enum af_coro_state { AF_CORO_IDLE, AF_CORO_RUNS, AF_CORO_WAITS, AF_CORO_RETURNED, AF_CORO_RAISED };

struct af_coro {
    lua_State *thread; /* anchored in the registry by ref */
    int ref;
    enum af_coro_state state;
    bool gated; /* waits only because the script is still being loaded */
};

/* One delivery: the input, the thread on which it runs, and the effects so far. */
struct af_delivery {
    struct af_coro coro;
    struct af_delivery *next_free;
    struct af_script_party *party;
    struct af_input input;
    struct af_effects effects;
    int stage;
    int new_state;
    int entered_count;
    int called_slot;         /* the function that runs now */
    bool outcome_made;       /* by it: it must be returned */
    char outcome_where[160]; /* "file:line: " of the last one */
    af_script_done_fn *done;
    void *arg;
    struct af_rng rng; /* chance of this delivery, seeded at its first draw */
    bool rng_seeded;
    uint64_t step; /* its number */
    uint64_t uuid_count, call_count, secret_count;
    size_t lines_told; /* by a sequential script, since it waited */
    int64_t now_ns;
    int64_t instructions_left; /* while it waits */
    uint64_t waiting_call;     /* 0: none */
    bool answered;
    struct af_buf reply, reply_bytes;
    const char *reply_bytes_at; /* there, or the owner's own, for as long as it answers */
    size_t reply_bytes_len;
    char *reply_failure;
    char *result; /* what effects.text points to */
    char *traceback;
};

struct af_delivery *af_delivery_new(struct af_script_party *party);
void af_delivery_release(struct af_delivery *delivery);

/* Runs the function on the delivery's thread with nargs arguments, on until it returns, raises or
 * waits. The program's only lua_resume(). After RETURNED and RAISED the results, or the error's
 * text, stand on the thread. */
enum af_coro_state af_coro_resume(struct af_delivery *delivery, int nargs);

/* The delivery of the thread L, if it is a party's own; else NULL. */
struct af_delivery *af_coro_current(lua_State *L);

/* Where the state that the party is in, or enters, was made: for what a maker of states raises.
 * NULL: it is in none. */
const char *af_coro_maker_place(const struct af_delivery *delivery, char *to, size_t size);

/* The delivery whose code runs now on any thread of the vm, or NULL while a file is loaded. */
struct af_delivery *af_delivery_running(lua_State *L);

/* host.call(name, request, bytes) → reply, bytes: a call to the owner, which may wait. Raises. */
int af_host_call(lua_State *L);

/* Called first by whatever needs the outside: lets a sequential script's load end here. If it
 * returns true the caller must `return lua_yieldk(L, 0, 0, k)`, k doing its work over. Raises where
 * a flow is loaded. */
bool af_script_gate(lua_State *L, const char *what);

/* ---- lua_instance.c ---- */

struct af_script_party *af_instance_new(struct af_script *script, uint32_t member, uint32_t role,
                                        struct af_hash seed);
void af_instance_free(struct af_script_party *party);

/* Makes the instance's kit, with a new environment in it. */
void af_instance_make_kit(lua_State *L, struct af_script_party *party);

/* The metatable of party objects with the library's methods of that name, in the table on the top:
 * a reference. Raises for want of memory. */
int af_instance_ref_methods(lua_State *L, const char *name);

/* What af_vm_is_secret() and af_vm_show_secret() ask. */
bool af_instance_is_secret(lua_State *L, int index);
void af_instance_show_secret(lua_State *L, int index, struct af_buf *out);

/* Joins the instance's environment to the chunk on the top of the stack. */
void af_instance_join(lua_State *L, const struct af_script_party *party);

/* A function of Lua: takes what a chunk returned, gives the flow that it declares if it is a part,
 * which is a flow by itself, else nil. Raises. */
int af_script_declare_part(lua_State *L);

/* host.flow_events() */
int af_foreign_events(lua_State *L);

/* Runs the chunk for the instance and keeps its functions. Raises. */
void af_instance_run(lua_State *L, struct af_script_party *party);

/* Makes the party object. Raises for want of memory. */
void af_instance_make_party(lua_State *L, struct af_script_party *party);

/* require() of a script's. Raises. */
int af_script_require(lua_State *L);

/* ---- lua_plan.c ---- */

/* Reads the plan (made by scripts/af/flow.lua) on the top of the stack. Raises. */
void af_plan_read(lua_State *L, struct af_script *script);
void af_plan_free(struct af_script *script);

/* ---- lua_pure.c ---- */

/* Notes what the instance's functions can reach outside of party.data. Returns whether nothing of
 * it can change. */
bool af_pure_note(lua_State *L, struct af_script_party *party);

/* Whether it is still as it was noted. */
bool af_pure_holds(lua_State *L, struct af_script_party *party);

/* Runs the delivery's input again, in a fresh instance under a line hook, to find the variable and
 * the line. Writes what a handler did wrong to text. */
void af_pure_explain(struct af_delivery *delivery, char *text, size_t size);

/* The same of what run(arg) does to the functions of an instance that was just made. */
void af_pure_explain_call(struct af_script_party *fresh, void (*run)(void *arg, lua_Hook hook),
                          void *arg, char *text, size_t size);

/* Whether that is what runs now: its commits are not checked again. */
bool af_pure_explaining(void);

/* ---- lua_party.c ---- */

/* Says that the flow lacks a role, and which is the nearest. Raises. */
int af_lua_refuse_role(lua_State *L, const struct af_script *script, const char *lacks,
                       const char *name);

void af_party_open(lua_State *L);

/* Add `vector` to the table on the top; `crypto` to it, and to its `vector` what is random there.
 */
void af_vector_open(lua_State *L);
void af_crypto_open(lua_State *L);

/* ---- lua_world.c ---- */

void af_world_free(struct af_script *script);

/* Pushes the world, as af_script_view() has shown it. Raises. */
void af_world_push(lua_State *L, struct af_script *script);

/* ---- lua_monitor.c ---- */

void af_monitors_free(struct af_script *script);

/* ---- lua_declared.c ---- */

/* Pushes the overrides of the instance that runs; false where there are none (with create: where
 * none may be made, because a handler runs). */
bool af_script_push_overrides(lua_State *L, bool create);

/* Pushes the class declared at this place when the chunk was first run; false if this is that run,
 * or a sequential script. */
bool af_script_push_declared(lua_State *L);
void af_script_note_declared(lua_State *L, int index);

/* Notes that a type has a secret. Raises in a sequential script, whose traces have no types. */
#define AF_SCRIPT_NO_SECRETS                                                                       \
    "a field with secret = true is for flows: what a sequential script sends is shown as it is"
void af_script_note_secret(lua_State *L);

/* Under which secrets are shown now. */
struct af_hash af_script_veil_key(lua_State *L);

/* The name of a module's file as one that the script keeps: lines of its flow are there. */
const char *af_script_line_file(struct af_script *script, const char *name);
void af_script_line_files_free(struct af_script *script);

#endif
