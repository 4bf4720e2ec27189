/* lua_vm.h: a Lua state that scripts cannot harm.
 *
 * One vm is one lua_State with an allocator that counts and refuses, a count hook that stops what
 * runs too long, and the library scripts that were compiled into the program. What is the sandbox's
 * (the globals that a script sees) is in lua_sandbox.c.
 *
 * Only bindings/ includes lua.h, and nothing outside bindings/ includes this file. */
#ifndef AF_LUA_VM_H
#define AF_LUA_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

struct af_buf;
struct af_failure;
struct af_script;
struct af_script_party;
struct af_delivery;

enum af_cap { AF_CAP_NONE, AF_CAP_INSTRUCTIONS, AF_CAP_MEMORY, AF_CAP_INTERRUPTED };

/* Texts that were pushed last: see af_vm_push_text(). */
enum { AF_VM_TEXTS = 64, AF_VM_TEXT_BYTES_MIN = 16, AF_VM_TEXT_BYTES_MAX = 40 };

/* Which class the events of a metatable have: of those that were asked for last. */
enum { AF_VM_CLASSES = 32 };

struct af_vm {
    lua_State *L;
    lua_State *texts; /* its stack holds them */
    struct {
        const char *bytes; /* Lua's own */
        size_t len;        /* 0: none yet */
    } text[AF_VM_TEXTS];
    struct {
        const void *metatable;
        void *class;
    } classes[AF_VM_CLASSES]; /* lua_event.c's */
    const void *list_mark;    /* lua_list.c's: the metatable of lists, and a reference to it */
    int list_mark_ref;
    struct af_pool pool; /* of its small blocks */
    size_t used_bytes;
    size_t limit_bytes;      /* now */
    size_t step_limit_bytes; /* … while the script runs, in this step */
    size_t state_max_bytes;
    int64_t instructions_left;
    bool notes_lines; /* while a file is run first: a tail call such as `return af.flow {…}` leaves
                       */
    int line;         /* … no trace of its line, which is the last that the file came to */
    void (*open)(lua_State *L);
    int (*unpack_event)(lua_State *L, int index);       /* lua_event.c's, if it is open, for … */
    const char *(*event_type)(lua_State *L, int index); /* … the layers below; so are these: */
    bool (*event_hides)(lua_State *L, int index);
    bool (*is_secret)(lua_State *L, int index);
    void (*show_secret)(lua_State *L, int index, struct af_buf *out);
    bool delivers;            /* see af_vm_deliver() */
    enum af_cap capped;       /* set once a delivery has reached a cap: it cannot be caught */
    struct af_script *script; /* whose state this is; NULL in a tool's */
    struct af_script_party *running; /* the party whose code runs now, or NULL */
    struct af_delivery *delivery;    /* the one that runs now, or NULL */
    uint64_t
        step; /* the number of the handler's step that runs; 0: none, as while files are loaded */
    uint64_t steps;
    int numbers_ref; /* what tostring() has shown where no instance runs */
};

/* A state in which open() has made the globals, or NULL with *why filled. The library `af` is not
 * yet loaded. */
struct af_vm *af_vm_new(void (*open)(lua_State *L), struct af_failure *why);
void af_vm_free(struct af_vm *vm);

/* The vm of a state. */
static inline struct af_vm *af_vm_of(lua_State *L)
{
    void *vm;
    lua_getallocf(L, &vm);
    return vm;
}

/* Between these a script runs under its caps: begin is a new step, go_on the same one. What the
 * host does outside, which nothing protects from an error, always has memory. How the call ended
 * tells whether it has reached its limit; LUA_OK where none did. */
void af_vm_begin(struct af_vm *vm);
void af_vm_go_on(struct af_vm *vm);
void af_vm_end(struct af_vm *vm, int status);

/* From the first delivery on most of what is made is garbage soon: tells the collector so. */
void af_vm_deliver(struct af_vm *vm);

/* Puts the count hook on a thread, new or used. */
void af_vm_hook(lua_State *thread);

/* Raises, if a cap was reached: what passes errors on must call it. */
void af_vm_check_cap(lua_State *L);

/* Raises where a handler goes on with something that keeps what it has come to, was made in another
 * step, and would not outlive a crash. what: as "a coroutine". */
/* A thread has a word of its own (lua_getextraspace()): a delivery's its delivery, a coroutine of a
 * script's a mark or nothing, which is odd, as no pointer is. */
static inline bool af_vm_is_mark(const void *word)
{
    return ((uintptr_t)word & 1) != 0;
}

void af_vm_check_step(lua_State *L, uint64_t made_in, const char *what);

/* Counts work that C does for a script as instructions. Raises once there are none left, or after
 * an interrupt. */
void af_vm_spend(lua_State *L, int64_t instructions);

/* The reason for a cap, in words, or NULL. */
const char *af_vm_cap_reason(const struct af_vm *vm);

/* Notes the thread that begins to run, and for whom (borrowed), for af_vm_abandon(). */
void af_vm_executes(lua_State *thread, const char *who);

/* Pushes a string of these bytes. Most texts of messages are IDs that come again and again: those
 * that came last are found without hashing each of their bytes, as Lua does. */
void af_vm_push_text(lua_State *L, const char *bytes, size_t len);

/* Asks the script that runs, in any vm, to stop; from a signal handler. */
void af_vm_interrupt(void);
bool af_vm_interrupted(void);
void af_vm_forget_interrupt(void);

/* Writes where the script stands to standard error and ends the process with status 130: for a
 * signal handler, when af_vm_interrupt() was not obeyed (a loop inside a C function). */
void af_vm_abandon(void);

/* Pushes the chunk of an embedded library script ("af.init"), or one from $AFRUN_SCRIPTS; raises if
 * there is none of that name. */
void af_vm_push_embedded(lua_State *L, const char *name);

/* Pushes what the library script `name` returns, running it once per vm. Raises. */
void af_vm_require(lua_State *L, const char *name);
bool af_vm_has_embedded(const char *name);

/* The message of an error value at the top of a stack as a plain string, which replaces it. Runs no
 * script code. With where (a thread whose stack still stands), file and line come first if the
 * message has none. */
const char *af_vm_error_text(lua_State *L, lua_State *where);

/* The same; where the stack has nothing but the library's lines, place ("flow.lua:12") comes first,
 * unless it is NULL. */
const char *af_vm_error_text_at(lua_State *L, lua_State *where, const char *place);

/* Raises a text behind the place where a script of the user's stands, if there is one. */
int af_vm_raise(lua_State *L, const char *text);

/* Pushes the first place in a script of the user's on the stack of a thread, as "file:line: ";
 * false, having pushed nothing, if there is none. */
bool af_vm_push_where(lua_State *L, lua_State *thread);

/* Keys of the registry and of metatables: their addresses. */
extern const char af_key_lock;    /* in a metatable: rawset() refuses its tables */
extern const char af_key_fields;  /* in an event: its fields */
extern const char af_key_strict;  /* in a metatable: its tables are plain but for names they lack */
extern const char af_key_globals; /* registry: what scripts see as globals */
extern const char
    af_key_host; /* registry: the table of functions that C gives to library scripts */
extern const char af_key_loaded; /* registry: library scripts that were run */

/* Replaces the table on the top by a read-only view of it; `name` is told when it is written to. */
void af_vm_lock(lua_State *L, const char *name);

/* The same for a copy of the table and of those in it, which must form a tree. */
void af_vm_lock_deep(lua_State *L, const char *name);

/* Pushes the fields of the event at index, a table that must not be given to a script, and returns
 * LUA_TTABLE; for anything that is no event pushes nil and returns LUA_TNIL. Raises for want of
 * memory. The index is that of a table. */
int af_vm_push_fields(lua_State *L, int index);

/* The type of the event class at index, NULL if it is none. */
const char *af_vm_event_type(lua_State *L, int index);

/* Whether the value at index is an event with secrets. */
bool af_vm_event_hides(lua_State *L, int index);

/* Whether the table at index is the secrets of the party that runs; appends what is shown instead,
 * if it is. */
bool af_vm_is_secret(lua_State *L, int index);
bool af_vm_show_secret(lua_State *L, int index, struct af_buf *out);

/* Whether the value is a table that is locked (a proxy, an event, a party). */
bool af_vm_is_locked(lua_State *L, int index);

#endif
