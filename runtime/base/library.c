/* library.c: see library.h. */
#include "base/library.h"

#include "base/failure.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock. */
static void load(struct af_library *library)
{
    void *handle = NULL;
    for (size_t i = 0; library->files[i] != NULL && handle == NULL; i++)
        handle = dlopen(library->files[i], RTLD_LAZY | RTLD_LOCAL);
    for (size_t i = 0; handle != NULL && i < library->count; i++) {
        const char *name = library->functions[i].name;
        void *symbol = dlsym(RTLD_DEFAULT, name);
        if (symbol == NULL)
            symbol = dlsym(handle, name);
        if (symbol == NULL)
            handle = NULL;
        else
            memcpy(library->functions[i].to, &symbol, sizeof symbol);
    }
    const char *text = handle == NULL ? dlerror() : "";
    snprintf(library->trouble, sizeof library->trouble, "%s", text == NULL ? "no text" : text);
    if (handle != NULL && library->loaded != NULL)
        library->loaded();
}

bool af_library_is_loaded(struct af_library *library)
{
    pthread_mutex_lock(&lock);
    bool is_loaded = library->is_tried && library->trouble[0] == '\0';
    pthread_mutex_unlock(&lock);
    return is_loaded;
}

int af_library_need(struct af_library *library, struct af_failure *why)
{
    assert(library->files[0] != NULL && library->count > 0);
    pthread_mutex_lock(&lock);
    if (!library->is_tried)
        load(library);
    library->is_tried = true;
    pthread_mutex_unlock(&lock);
    if (library->trouble[0] == '\0')
        return 0;
    return af_failure_set(why, AF_FAILURE_TRANSPORT, library->files[0],
                          "cannot be loaded; it is in Debian's package %s (%s)", library->package,
                          library->trouble);
}
