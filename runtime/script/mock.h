/* mock.h: what handlers ask of the outside, answered in mock. A file is kept by its content,
 * so an answer depends on the call alone. */
#ifndef AF_SCRIPT_MOCK_H
#define AF_SCRIPT_MOCK_H

#include "base/buf.h"
#include "script/file_store.h"
#include "script/script.h"

#include <stdbool.h>
#include <stddef.h>

struct af_failure;
struct af_file_access;
struct af_asked;

struct af_script_mock { /* all is borrowed */
    struct af_file_store *store;
    const struct af_file_access *files; /* what of the disk may be reached */
    bool reads_only;                    /* … and is not written, as if it were */
};

struct af_script_mock_file {
    char url[AF_FILE_URL_BYTES]; /* of an upload */
    struct af_buf bytes;         /* read from the disk: the caller releases it */
    size_t len;
    struct af_buf reply; /* released by the caller, too */
};

/* Takes an "upload" or a "download" that was read: fills *answer, which
 * borrows from *file, zeroed before. Returns -1 with *why filled: it is refused. */
int af_script_mock_upload(const struct af_script_mock *mock, const struct af_asked *asked,
                          struct af_script_mock_file *file, struct af_answer *answer,
                          struct af_failure *why);
int af_script_mock_download(const struct af_script_mock *mock, const struct af_asked *asked,
                            struct af_script_mock_file *file, struct af_answer *answer,
                            struct af_failure *why);
void af_script_mock_release(struct af_script_mock_file *file);

#endif
