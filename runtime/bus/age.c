/* age.c: see age.h.
 *
 * An age is a number that grows with each commit of the store, '.', and a name that each start of
 * it makes anew. The file is a line with the bus's address and one with the age. It is written at
 * each change, without waiting for the disk: after a loss of power an earlier age may stand in it,
 * which notices less. */
#include "bus/age.h"

#include "base/buf.h"
#include "base/failure.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 8192 };

/* ---- The file. ---- */

/* Whatever stands there: what is no age of this bus is none. */
static void read_age(struct af_bus_age *age)
{
    struct af_buf text = AF_BUF_EMPTY;
    size_t len = strlen(age->url);
    bool ok = af_io_read_all(age->fd, &text, FILE_BYTES_MAX);
    const char *line = af_buf_text(&text);
    if (!ok || strncmp(line, age->url, len) != 0 || line[len] != '\n' ||
        sscanf(line + len + 1, "%47[0-9a-f.]", age->text) != 1)
        age->text[0] = '\0';
    af_buf_release(&text);
}

/* One write, which a kill leaves whole; what is behind the second line is of a longer one. */
static void write_age(const struct af_bus_age *age)
{
    struct af_buf text = AF_BUF_EMPTY;
    if (age->url == NULL)
        return;
    af_buf_printf(&text, "%s\n%s\n", age->url, age->text);
    if (pwrite(age->fd, text.data, text.len, 0) != (ssize_t)text.len)
        af_log(AF_LOG_WARNING, "how old the store of the bus is cannot be noted: %s",
               strerror(errno));
    af_buf_release(&text);
}

int af_bus_age_begin(struct af_bus_age *age, const char *url, const char *path,
                     struct af_failure *why)
{
    *age = (struct af_bus_age){.url = NULL};
    if (path == NULL)
        return 0;
    age->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (age->fd < 0)
        return af_failure_set(why, AF_FAILURE_TRANSPORT, path, "cannot be opened: %s",
                              strerror(errno));
    age->url = af_mem_string(url);
    read_age(age);
    return 0;
}

void af_bus_age_end(struct af_bus_age *age)
{
    if (age->url != NULL)
        close(age->fd);
    free(age->older);
    free(age->url);
}

/* ---- What is known. ---- */

static long long number_of(const char *age)
{
    return strtoll(age, NULL, 10);
}

/* Whether both are of one start. */
static bool is_of_start(const char *left, const char *right)
{
    const char *l = strchr(left, '.'), *r = strchr(right, '.');
    return l != NULL && r != NULL && strcmp(l, r) == 0;
}

const char *af_bus_age(const struct af_bus *bus)
{
    return bus->age.text;
}

void af_bus_set_age(struct af_bus *bus, const char *text)
{
    if (strcmp(bus->age.text, text) == 0)
        return;
    snprintf(bus->age.text, sizeof bus->age.text, "%s", text);
    write_age(&bus->age);
}

const char *af_bus_older(const struct af_bus *bus)
{
    return bus->age.older;
}

/* The ages of two starts cannot be compared here; one that was asked for the newest that we know
 * can be. */
void af_bus_note_age(struct af_bus *bus, const char *asked, const struct af_bus_result *result)
{
    struct af_bus_age *age = &bus->age;
    bool is_newest = asked != NULL && strcmp(asked, age->text) == 0;
    if (result->code == AF_BUS_OLDER && is_newest && age->older == NULL) {
        age->older = af_mem_string(result->why);
        af_log(AF_LOG_ERROR, "nothing is sent or acknowledged: %s", result->why);
    }
    if (result->code != AF_BUS_OK || result->age == NULL)
        return;
    if (is_newest && age->older != NULL) {
        free(age->older);
        age->older = NULL;
        af_log(AF_LOG_INFO, "the store of the bus is as new as it was: all goes on");
    }
    if (is_newest ||
        (is_of_start(result->age, age->text) && number_of(result->age) > number_of(age->text)))
        af_bus_set_age(bus, result->age);
}
