/* flow_text.h: flows that unit tests run: tests/data/flows. */
#ifndef AF_FLOW_TEXT_H
#define AF_FLOW_TEXT_H

#include <stdio.h>
#include <stdlib.h>

/* The text of tests/data/flows/NAME; it stands until the next call. */
static const char *flow_text(const char *name)
{
    static char text[8192];
    char path[100];
    snprintf(path, sizeof path, "tests/data/flows/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        abort();
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

#endif
