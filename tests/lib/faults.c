/* faults.c: preloaded into the program, it stands between SQLite and its disk and memory: a VFS and
 * an allocator that fail when they are told to, and write down what went to the disk. For
 * tests/lib/faults.py.
 *
 *   AF_FAULTS      a file of 9 numbers that both sides map (struct control): what is counted, and
 *                  when it fails
 *   AF_FAULTS_LOG  a file that gets each change of a file in order (struct change, name, bytes):
 * from it come the images that a power cut could leave
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { DISK, MEMORY, KINDS };

struct control {
    _Atomic int64_t count[KINDS]; /* calls so far */
    _Atomic int64_t at[KINDS];    /* the call that fails, 0: none */
    _Atomic int64_t ever;         /* and all behind it */
    _Atomic int64_t full;         /* writes fail as on a full disk, and nothing else does */
    _Atomic int64_t hits;         /* that failed */
    _Atomic int64_t logged;       /* bytes of the log */
    _Atomic int64_t slow;         /* 1: a wait for the disk does not end; 2: it fails, once */
};

static struct control nothing, *control = &nothing;
static int log_fd = -1;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs *beneath, above;
static sqlite3_mem_methods heap;

/* ---- When. ---- */

static bool fails(enum kind kind)
{
    int64_t count = atomic_fetch_add(&control->count[kind], 1) + 1, at = control->at[kind];
    bool now = at > 0 && (count == at || (count > at && control->ever));
    if (now)
        atomic_fetch_add(&control->hits, 1);
    return now;
}

/* Of a call that needs no room. */
static bool fails_dry(void)
{
    return !control->full && fails(DISK);
}

/* ---- The log. ---- */

enum what { WROTE = 1, TRUNCATED, SYNCED, DELETED, OPENED };

struct change {
    int64_t what, offset, bytes, name_bytes;
};

static void note(enum what what, const char *path, int64_t offset, const void *bytes, int64_t len)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (log_fd < 0 || name == NULL)
        return;
    struct change change = {what, offset, len, (int64_t)strlen(name)};
    struct iovec parts[] = {{&change, sizeof change},
                            {(void *)name, (size_t)change.name_bytes},
                            {(void *)bytes, (size_t)(what == WROTE ? len : 0)}};
    pthread_mutex_lock(&log_lock);
    ssize_t put = writev(log_fd, parts, 3);
    if (put > 0)
        atomic_fetch_add(&control->logged, put);
    pthread_mutex_unlock(&log_lock);
}

/* ---- Files. ---- */

struct file {
    sqlite3_file head;
    const char *path; /* NULL: a temporary one */
    sqlite3_file *real;
};

#define REAL(file) (((struct file *)(file))->real)
#define CALL(file, method, ...) (REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__))

static int file_close(sqlite3_file *file)
{
    return CALL(file, xClose);
}

static int file_read(sqlite3_file *file, void *to, int bytes, sqlite3_int64 offset)
{
    return fails_dry() ? SQLITE_IOERR_READ : CALL(file, xRead, to, bytes, offset);
}

static int file_write(sqlite3_file *file, const void *from, int bytes, sqlite3_int64 offset)
{
    if (fails(DISK))
        return control->full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    note(WROTE, ((struct file *)file)->path, offset, from, bytes);
    return CALL(file, xWrite, from, bytes, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (fails_dry())
        return SQLITE_IOERR_TRUNCATE;
    note(TRUNCATED, ((struct file *)file)->path, size, NULL, 0);
    return CALL(file, xTruncate, size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    int64_t fails_now = 2;
    if (fails_dry())
        return SQLITE_IOERR_FSYNC;
    while (control->slow == 1)
        usleep(1000);
    if (atomic_compare_exchange_strong(&control->slow, &fails_now, 0))
        return SQLITE_IOERR_FSYNC;
    int code = CALL(file, xSync, flags);
    if (code == SQLITE_OK)
        note(SYNCED, ((struct file *)file)->path, 0, NULL, 0);
    return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return fails_dry() ? SQLITE_IOERR_FSTAT : CALL(file, xFileSize, size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return CALL(file, xLock, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return CALL(file, xUnlock, level);
}

static int file_is_reserved(sqlite3_file *file, int *is)
{
    return CALL(file, xCheckReservedLock, is);
}

static int file_control(sqlite3_file *file, int what, void *arg)
{
    return CALL(file, xFileControl, what, arg);
}

static int file_sector(sqlite3_file *file)
{
    return CALL(file, xSectorSize);
}

static int file_device(sqlite3_file *file)
{
    return CALL(file, xDeviceCharacteristics);
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **at)
{
    if (extend && fails(DISK))
        return control->full ? SQLITE_FULL : SQLITE_IOERR_SHMSIZE;
    return CALL(file, xShmMap, page, bytes, extend, at);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return CALL(file, xShmLock, offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    CALL(file, xShmBarrier);
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return CALL(file, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    2,           file_close,   file_read,     file_write,       file_truncate,  file_sync,
    file_size,   file_lock,    file_unlock,   file_is_reserved, file_control,   file_sector,
    file_device, file_shm_map, file_shm_lock, file_shm_barrier, file_shm_unmap, NULL,
    NULL,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *got)
{
    struct file *mine = (struct file *)file;
    (void)vfs;
    mine->head.pMethods = NULL;
    if (fails_dry())
        return SQLITE_CANTOPEN;
    mine->path = path;
    mine->real = (sqlite3_file *)(mine + 1);
    int code = beneath->xOpen(beneath, path, mine->real, flags, got);
    if (code == SQLITE_OK)
        note(OPENED, path, 0, NULL, 0);
    if (mine->real->pMethods != NULL)
        mine->head.pMethods = &methods;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    if (fails_dry())
        return SQLITE_IOERR_DELETE;
    note(DELETED, path, 0, NULL, 0);
    return beneath->xDelete(beneath, path, sync_folder);
}

/* ---- Memory. ---- */

static void *heap_new(int bytes)
{
    return fails(MEMORY) ? NULL : heap.xMalloc(bytes);
}

static void *heap_more(void *old, int bytes)
{
    return fails(MEMORY) ? NULL : heap.xRealloc(old, bytes);
}

/* ---- Putting it in between. ---- */

static void install(void)
{
    const char *path = getenv("AF_FAULTS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    close(fd);
    if ((path = getenv("AF_FAULTS_LOG")) != NULL)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    sqlite3_mem_methods mine;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap);
    mine = heap;
    mine.xMalloc = heap_new;
    mine.xRealloc = heap_more;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &mine);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* so that small ones are counted, too */
    beneath = sqlite3_vfs_find(NULL);
    if (beneath == NULL) {
        fprintf(stderr, "faults: SQLite has no VFS\n");
        abort();
    }
    above = *beneath;
    above.zName = "faults";
    above.pNext = NULL;
    above.szOsFile = (int)sizeof(struct file) + beneath->szOsFile;
    above.xOpen = vfs_open;
    above.xDelete = vfs_delete;
    sqlite3_vfs_register(&above, 1);
    control = map;
}

int sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int (*open_v2)(const char *, sqlite3 **, int, const char *) =
        (int (*)(const char *, sqlite3 **, int, const char *))dlsym(RTLD_NEXT, "sqlite3_open_v2");
    pthread_once(&once, install);
    return open_v2(path, db, flags, vfs);
}
