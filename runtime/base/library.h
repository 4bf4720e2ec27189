/* library.h: a shared library that is loaded when it is first needed.
 *
 * What the program is linked with costs each start its part of the dynamic loader's work. A library
 * that a short simulation has no use for is a table here: its functions are pointers, af_ before
 * their names, of the types that its own header declares, and NULL until it is loaded.
 *
 * It stays loaded until the process ends, since it may have threads. */
#ifndef AF_LIBRARY_H
#define AF_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct af_failure;

struct af_library_function {
    const char *name;
    void *to; /* the address of the pointer to it */
};

struct af_library {
    const char *files[6]; /* the first that is there is taken; NULL behind the last. Their version
                           * is the headers', so that prototypes fit */
    const char *package;  /* Debian's, in which it is */
    const struct af_library_function *functions;
    size_t count;
    void (*loaded)(void); /* called once it is; NULL: nothing is to be done */
    bool is_tried;
    char trouble[300]; /* "": it is loaded, once it was tried */
};

/* For lists X(name) of a library's functions: what declares, defines and lists the pointers. */
#define AF_LIBRARY_DECLARE(name) extern __typeof__(name) *af_##name;
#define AF_LIBRARY_DEFINE(name) __typeof__(name) *af_##name;
#define AF_LIBRARY_ENTRY(name) {#name, &af_##name},

/* The fields of a library that an array of its functions fills. */
#define AF_LIBRARY_LIST(array) .functions = (array), .count = sizeof(array) / sizeof(array)[0]

/* Loads it, if it is not; on any thread. A function that something else has been loaded with before
 * is taken from there, as if the library was linked. Returns 0, or -1 with *why (may be NULL)
 * filled: it is not there, which does not change until the process ends. */
int af_library_need(struct af_library *library, struct af_failure *why);

/* Whether it was asked for before, and is there. */
bool af_library_is_loaded(struct af_library *library);

#endif
