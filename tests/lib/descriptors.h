/* descriptors.h: what a test leaves open. For unit tests. */
#ifndef AF_TEST_DESCRIPTORS_H
#define AF_TEST_DESCRIPTORS_H

#include <dirent.h>
#include <stddef.h>

/* How many descriptors this process has open; -1: it cannot be told. */
static inline int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

#endif
