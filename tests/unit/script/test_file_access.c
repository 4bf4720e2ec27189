/* test_file_access.c: scripts reach what was granted, and nothing else. Each test runs in a folder
 * of its own, with `in/` (granted), `out/` (not), and `in_side/` (not, though its name begins like
 * the granted one). */
#include "base/buf.h"
#include "base/failure.h"
#include "script/file_access.h"
#include "lib/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];
static int descriptors; /* that were open before */

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    descriptors = count_descriptors();
    snprintf(folder, sizeof folder, "%s/test_file_access.XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    mkdir("in", 0700);
    mkdir("in/deep", 0700);
    mkdir("in_side", 0700);
    mkdir("out", 0700);
    put("in/a", "inside");
    put("in/deep/b", "deep");
    put("in_side/a", "beside");
    put("out/a", "outside");
    return 0;
}

static int tear_down(void **state)
{
    char command[300];
    (void)state;
    if (chdir("/") != 0 || count_descriptors() != descriptors)
        return -1;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* What a read gives: "" and *why filled if it is refused. */
static const char *read_one(const struct af_file_access *access, const char *path,
                            struct af_failure *why)
{
    static struct af_buf bytes;
    static char text[64];
    af_buf_release(&bytes);
    af_buf_init(&bytes);
    *why = AF_FAILURE_INIT;
    if (af_file_read(access, path, 1000, &bytes, why) != 0) {
        assert_int_equal(why->kind, AF_FAILURE_FLOW);
        assert_string_equal(why->what, path);
        af_buf_release(&bytes);
        return "";
    }
    snprintf(text, sizeof text, "%s", af_buf_text(&bytes));
    af_buf_release(&bytes);
    return text;
}

static void grant(struct af_file_access *access, int write, const char *dir)
{
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(af_file_access_grant(access, write, dir, &why), 0);
}

static int entries_in(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* ---- Granting. ---- */

static void test_only_a_folder_can_be_granted(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    static const char *const no_folders[] = {"absent", "in/a", "in/a/b", ""};
    for (size_t i = 0; i < 4; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_file_access_grant(&access, 0, no_folders[i], &why), -1);
        assert_int_equal(why.kind, AF_FAILURE_USAGE);
        assert_string_equal(why.what, no_folders[i]);
    }
    assert_int_equal(access.read_count, 0);
    af_file_access_release(&access);
}

static void test_without_a_grant_nothing_is_reached(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_string_equal(read_one(&access, "in/a", &why), "");
    assert_non_null(strstr(why.why, "--allow-read"));
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "in/new", "x", 1, &why), -1);
    assert_non_null(strstr(why.why, "--allow-write"));
    assert_int_equal(entries_in("in"), 2);
}

static void test_reading_and_writing_are_granted_apart(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    grant(&access, 0, "in");
    grant(&access, 1, "out");
    assert_string_equal(read_one(&access, "in/a", &why), "inside");
    assert_string_equal(read_one(&access, "out/a", &why), "");
    assert_int_equal(af_file_write(&access, "in/new", "x", 1, &why), -1);
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "out/new", "x", 1, &why), 0);
    af_file_access_release(&access);
}

/* ---- Reading. ---- */

static void test_what_is_below_a_granted_folder_is_read(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why;
    char absolute[400];
    grant(&access, 0, "in");
    snprintf(absolute, sizeof absolute, "%s/in/deep/b", folder);
    assert_string_equal(read_one(&access, "in/a", &why), "inside");
    assert_string_equal(read_one(&access, absolute, &why), "deep");
    assert_string_equal(read_one(&access, "out/../in/./deep/../a", &why), "inside");
    assert_int_equal(chdir("out"), 0); /* a grant is of a place, not of a word */
    assert_string_equal(read_one(&access, "../in/a", &why), "inside");
    assert_string_equal(read_one(&access, "in/a", &why), "");
    assert_int_equal(chdir(".."), 0);
    af_file_access_release(&access);
}

static void test_dots_and_links_lead_nowhere_else(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why;
    grant(&access, 0, "in");
    assert_int_equal(symlink("../out/a", "in/link"), 0);
    assert_int_equal(symlink("../out", "in/folder"), 0);
    assert_int_equal(symlink("a", "in/good"), 0);
    assert_int_equal(symlink("loop", "in/loop"), 0);
    static const char *const outside[] = {"in/../out/a",   "in/link", "in/folder/a",
                                          "in_side/a",     "out/a",   "in/deep/../../out/a",
                                          "/etc/hostname", "in/loop"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_string_equal(read_one(&access, outside[i], &why), "");
    assert_string_equal(read_one(&access, "in/good", &why), "inside"); /* it stays inside */
    af_file_access_release(&access);
}

static void test_only_plain_files_are_read(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why;
    grant(&access, 0, ".");
    assert_int_equal(mkfifo("in/pipe", 0600), 0);
    assert_string_equal(read_one(&access, "in/pipe", &why), ""); /* and does not wait */
    assert_non_null(strstr(why.why, "plain file"));
    assert_string_equal(read_one(&access, "in/deep", &why), "");
    assert_string_equal(read_one(&access, "in", &why), "");
    assert_string_equal(read_one(&access, "absent", &why), "");
    assert_string_equal(read_one(&access, "", &why), "");
    af_file_access_release(&access);
}

static void test_a_file_may_be_as_large_as_allowed(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct af_buf bytes = AF_BUF_EMPTY;
    grant(&access, 0, "in");
    assert_int_equal(af_file_read(&access, "in/a", 6, &bytes, &why), 0);
    assert_int_equal(bytes.len, 6);
    assert_int_equal(af_file_read(&access, "in/a", 6, &bytes, &why), 0); /* it appends */
    assert_string_equal(af_buf_text(&bytes), "insideinside");
    assert_int_equal(af_file_read(&access, "in/a", 5, &bytes, &why), -1);
    assert_non_null(strstr(why.why, "larger than 5 bytes"));
    af_buf_release(&bytes);
    af_file_access_release(&access);
}

static void test_the_root_may_be_granted(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why;
    grant(&access, 0, "/");
    assert_string_equal(read_one(&access, "out/a", &why), "outside");
    af_file_access_release(&access);
}

/* ---- Writing. ---- */

static void test_a_written_file_is_the_owners_alone(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct stat info;
    mode_t mask = umask(0);
    grant(&access, 1, "in");
    grant(&access, 0, "in");
    assert_int_equal(af_file_write(&access, "in/new", "a\0b", 3, &why), 0);
    assert_int_equal(af_file_write(&access, "in/empty", NULL, 0, &why), 0);
    umask(mask);
    assert_int_equal(stat("in/new", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 3);
    assert_int_equal(stat("in/empty", &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(entries_in("in"), 4); /* no temporary file is left */
    af_file_access_release(&access);
}

static void test_a_file_is_replaced_as_a_whole(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    grant(&access, 1, "in");
    grant(&access, 0, "in");
    int old = open("in/a", O_RDONLY); /* who reads the old one goes on reading it */
    assert_true(old >= 0);
    assert_int_equal(af_file_write(&access, "in/a", "n", 1, &why), 0);
    char bytes[8] = "";
    assert_int_equal(read(old, bytes, sizeof bytes), 6);
    assert_memory_equal(bytes, "inside", 6);
    close(old);
    assert_string_equal(read_one(&access, "in/a", &why), "n");
    af_file_access_release(&access);
}

static void test_nothing_is_written_outside(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    grant(&access, 1, "in");
    assert_int_equal(symlink("../out", "in/folder"), 0);
    static const char *const outside[] = {"new",           "out/new",     "in/../new",
                                          "in/folder/new", "in/..",       "in/.",
                                          "in/",           "in_side/new", "in/deep/.."};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        struct af_failure why = AF_FAILURE_INIT;
        assert_int_equal(af_file_write(&access, outside[i], "x", 1, &why), -1);
        assert_string_equal(why.what, outside[i]);
    }
    assert_int_equal(entries_in("out"), 1);
    assert_int_equal(entries_in("."), 3);
    af_file_access_release(&access);
}

static void test_a_link_is_replaced_and_not_followed(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    struct stat info;
    grant(&access, 1, "in");
    grant(&access, 0, ".");
    assert_int_equal(symlink("../out/a", "in/link"), 0);
    assert_int_equal(af_file_write(&access, "in/link", "mine", 4, &why), 0);
    assert_int_equal(lstat("in/link", &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_string_equal(read_one(&access, "out/a", &why), "outside");
    assert_string_equal(read_one(&access, "in/link", &why), "mine");
    af_file_access_release(&access);
}

static void test_odd_names_are_not_written(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    assert_int_equal(mkdir("in/.ssh", 0700), 0);
    assert_int_equal(mkdir("in/.ssh/deep", 0700), 0);
    grant(&access, 1, "in");
    static const char *const odd[] = {"in/.bashrc",  "in/deep/.profile", "in/.ssh/keys",
                                      "in/a\033[2J", "in/a\nb",          "in/a\177"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        why = AF_FAILURE_INIT;
        assert_int_equal(af_file_write(&access, odd[i], "x", 1, &why), -1);
        assert_non_null(strstr(why.why, "begin with a dot"));
    }
    assert_int_equal(entries_in("in"), 3);
    assert_int_equal(entries_in("in/.ssh"), 1);
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "in/a.b.", "x", 1, &why), 0);
    af_file_access_release(&access);

    access = (struct af_file_access){0}; /* below a folder that is granted by its own name */
    grant(&access, 1, "in/.ssh");
    assert_int_equal(af_file_write(&access, "in/.ssh/deep/keys", "x", 1, &why), 0);
    assert_int_equal(af_file_write(&access, "in/.ssh/.keys", "x", 1, &why), -1);
    af_file_access_release(&access);
}

static void test_a_hard_link_leads_out_of_no_folder_that_may_be_written(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why;
    assert_int_equal(link("out/a", "in/link"), 0);
    grant(&access, 0, "in");
    assert_string_equal(read_one(&access, "in/link", &why), "outside"); /* its owner put it there */
    grant(&access, 1, "in");
    assert_string_equal(read_one(&access, "in/link", &why), "");
    assert_non_null(strstr(why.why, "hard link"));
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "in/link", "mine", 4, &why), 0); /* it is replaced */
    grant(&access, 0, "out");
    assert_string_equal(read_one(&access, "out/a", &why), "outside");
    af_file_access_release(&access);
}

static void test_a_write_that_fails_leaves_what_was_there(void **state)
{
    (void)state;
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    grant(&access, 1, ".");
    assert_int_equal(af_file_write(&access, "in/deep", "x", 1, &why), -1); /* a folder */
    assert_int_equal(why.kind, AF_FAILURE_FLOW);
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "absent/x", "x", 1, &why), -1);
    assert_non_null(strstr(why.why, "No such file"));
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, "in/a/x", "x", 1, &why), -1);
    char name[5000] = "in/"; /* longer than any name may be */
    memset(name + 3, 'x', sizeof name - 4);
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, name, "x", 1, &why), -1);
    name[3 + 300] = '\0';
    why = AF_FAILURE_INIT;
    assert_int_equal(af_file_write(&access, name, "x", 1, &why), -1);
    assert_int_equal(entries_in("in"), 2);
    assert_int_equal(entries_in("in/deep"), 1);
    af_file_access_release(&access);
}

static void test_what_the_run_itself_keeps_is_not_for_scripts(void **state)
{
    (void)state;
    static const char *const own[] = {
        "in/kept.db",         "./in/kept.db",   "in/kept.db-wal",     "in/kept.db-shm",
        "in/kept.db-journal", "in/kept.db.key", "in/deep/../kept.db", "in/to_kept",
        "in/later",           "in/later-wal",   "in/later.files",     "in/later.files/1",
        "in/later-wake"};
    static const char *const others[] = {"in/a", "in/kept.db-walnut", "in/kept.d"};
    struct af_file_access access = {0};
    struct af_failure why = AF_FAILURE_INIT;
    grant(&access, 0, "in");
    grant(&access, 1, "in");
    af_file_access_keep(&access, NULL);
    af_file_access_keep(&access, "in/kept.db");
    af_file_access_keep(&access, "in/later"); /* that is not there yet */
    for (size_t i = 0; i < 6; i++)
        put(own[i], "mine");
    for (size_t i = 0; i < 3; i++)
        put(others[i], "yours");
    assert_int_equal(symlink("kept.db", "in/to_kept"), 0);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        assert_string_equal(read_one(&access, own[i], &why), "");
        why = AF_FAILURE_INIT;
        bool link = strcmp(own[i], "in/to_kept") == 0; /* whose name is free to be another's */
        assert_int_equal(af_file_write(&access, own[i], "x", 1, &why), link ? 0 : -1);
        if (!link && strcmp(own[i], "in/later.files/1") != 0) /* whose folder is not there */
            assert_non_null(strstr(why.why, "not for scripts"));
    }
    assert_string_equal(read_one(&access, "in/to_kept", &why), "x");
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(read_one(&access, others[i], &why), "yours");
        assert_int_equal(af_file_write(&access, others[i], "x", 1, &why), 0);
    }
    unlink("out/a"); /* one that is a link itself */
    put("in/real.db", "mine");
    assert_int_equal(symlink("../in/real.db", "out/a"), 0);
    af_file_access_keep(&access, "out/a");
    assert_string_equal(read_one(&access, "in/real.db", &why), "");
    assert_int_equal(af_file_write(&access, "in/real.db-wal", "x", 1, &why), -1);
    af_file_access_release(&access);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_the_run_itself_keeps_is_not_for_scripts),
        CASE(test_only_a_folder_can_be_granted),
        CASE(test_without_a_grant_nothing_is_reached),
        CASE(test_reading_and_writing_are_granted_apart),
        CASE(test_what_is_below_a_granted_folder_is_read),
        CASE(test_dots_and_links_lead_nowhere_else),
        CASE(test_only_plain_files_are_read),
        CASE(test_a_file_may_be_as_large_as_allowed),
        CASE(test_the_root_may_be_granted),
        CASE(test_a_written_file_is_the_owners_alone),
        CASE(test_a_file_is_replaced_as_a_whole),
        CASE(test_nothing_is_written_outside),
        CASE(test_a_link_is_replaced_and_not_followed),
        CASE(test_odd_names_are_not_written),
        CASE(test_a_hard_link_leads_out_of_no_folder_that_may_be_written),
        CASE(test_a_write_that_fails_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
