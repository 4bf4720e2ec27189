/* near.c: see near.h. */
#include "base/near.h"

#include <limits.h>
#include <string.h>

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Row i of the classic table holds the distances of a's first i letters to each start of b; three
 * rows are kept, because a swap looks two back. */
int af_near_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > AF_NEAR_WORD_MAX || b_len > AF_NEAR_WORD_MAX)
        return INT_MAX;
    int rows[3][AF_NEAR_WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        const int *before = rows[(i + 1) % 3], *above = rows[(i - 1) % 3];
        int *row = rows[i % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void af_near_init(struct af_near *near, const char *typed)
{
    *near = (struct af_near){typed, NULL, 0, AF_BUF_EMPTY};
}

void af_near_release(struct af_near *near)
{
    af_buf_release(&near->known);
}

/* How like a name is, INT_MAX: not at all. One letter in three may be wrong; a start of the name is
 * a likely abbreviation. */
static int likeness(const char *typed, const char *name)
{
    size_t len = strlen(name);
    int distance = af_near_distance(typed, name);
    if (strlen(typed) >= 2 && strncmp(typed, name, strlen(typed)) == 0)
        distance = least(distance, 1);
    return distance <= (int)(len < 3 ? 1 : len / 3) ? distance : INT_MAX;
}

/* The same for one word of a name such as current_round: less likely than a whole name. */
static int likeness_of_words(const char *typed, const char *name)
{
    char word[AF_NEAR_WORD_MAX + 1];
    int nearest = INT_MAX;
    for (const char *at = name; strchr(name, '_') != NULL && *at != '\0';) {
        size_t len = strcspn(at, "_");
        if (len >= 4 && len <= AF_NEAR_WORD_MAX && strlen(typed) >= 4) {
            memcpy(word, at, len);
            word[len] = '\0';
            nearest = least(nearest, likeness(typed, word));
        }
        at += len + (at[len] == '_');
    }
    return nearest == INT_MAX ? INT_MAX : nearest + AF_NEAR_WORD_MAX;
}

void af_near_add(struct af_near *near, const char *name)
{
    int distance = likeness(near->typed, name);
    if (distance == INT_MAX)
        distance = likeness_of_words(near->typed, name);
    if (distance != INT_MAX && (near->name == NULL || distance < near->distance)) {
        near->name = name;
        near->distance = distance;
    }
    af_buf_printf(&near->known, "%s%s", near->known.len == 0 ? "" : ", ", name);
}

const char *af_near_text(struct af_near *near, const char *has)
{
    struct af_buf text = AF_BUF_EMPTY;
    const char *known = near->known.len == 0 ? "none" : af_buf_text(&near->known);
    if (near->name != NULL)
        af_buf_printf(&text, "; did you mean '%s'? %c%s %s", near->name, has[0] - 'a' + 'A',
                      has + 1, known);
    else
        af_buf_printf(&text, "; %s %s", has, known);
    af_buf_release(&near->known);
    near->known = text;
    return af_buf_text(&near->known);
}
