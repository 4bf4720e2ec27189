/* lua_pattern.c: see lua_pattern.h. */
#include "lua_pattern.h"

#include "lua_vm.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum kind {
    ITEM_BYTE,
    ITEM_OPEN,
    ITEM_CLOSE,
    ITEM_POSITION,
    ITEM_BACK,
    ITEM_BALANCE,
    ITEM_FRONTIER,
    ITEM_END
};
enum repeat { REPEAT_NONE, REPEAT_MOST, REPEAT_FEWEST, REPEAT_MAYBE };

struct item {
    unsigned char set[32]; /* of a byte, of a frontier: the bytes that it takes */
    const char *least;     /* of a repeated byte in a match: where it may end at the earliest … */
    const char *at;        /* … and where it ends; of a bracket: where it stands */
    unsigned char kind, repeat;
    bool some;        /* of a repeated byte: at least one */
    char left, right; /* of a balance */
    unsigned capture; /* of a bracket, a position or a reference back */
    int choice;       /* the nearest item before this one that may match otherwise, or -1 */
};

struct af_pattern {
    bool anchored;
    unsigned capture_count;
    int count;
    int open[AF_PATTERN_CAPTURES_MAX], close[AF_PATTERN_CAPTURES_MAX]; /* items */
    struct item items[];
};

/* ---- A pattern is read. ---- */

struct reader {
    lua_State *L;
    const char *at, *end;
};

static void take(unsigned char *set, int byte)
{
    set[byte >> 3] |= (unsigned char)(1 << (byte & 7));
}

static bool takes(const unsigned char *set, int byte)
{
    return (set[byte >> 3] >> (byte & 7) & 1) != 0;
}

static void invert(unsigned char *set)
{
    for (int i = 0; i < 32; i++)
        set[i] = (unsigned char)~set[i];
}

/* What `%letter` stands for, by small letter: made once. */
static const unsigned char *class_set(int letter)
{
    static const struct {
        char letter;
        int (*is)(int byte);
    } classes[] = {{'a', isalpha}, {'c', iscntrl}, {'d', isdigit}, {'g', isgraph}, {'l', islower},
                   {'p', ispunct}, {'s', isspace}, {'u', isupper}, {'w', isalnum}, {'x', isxdigit}};
    static unsigned char sets[256][32];
    static bool made, known[256];
    for (size_t i = 0; !made && i < sizeof classes / sizeof classes[0]; i++) {
        known[(unsigned char)classes[i].letter] = true;
        for (int byte = 0; byte < 256; byte++)
            if (classes[i].is(byte))
                take(sets[(unsigned char)classes[i].letter], byte);
    }
    made = true;
    return known[letter] ? sets[letter] : NULL;
}

/* Adds what `%letter` stands for. */
static void take_class(unsigned char *set, unsigned char letter)
{
    const unsigned char *class = class_set(tolower(letter));
    int inverted = islower(letter) ? 0 : 0xFF;
    if (class == NULL)
        take(set, letter);
    for (int i = 0; class != NULL && i < 32; i++)
        set[i] |= (unsigned char)(class[i] ^ inverted);
}

static unsigned char next(struct reader *reader, const char *missing)
{
    if (reader->at == reader->end)
        luaL_error(reader->L, "malformed pattern (%s)", missing);
    return (unsigned char)*reader->at++;
}

/* What follows a '[', up to its ']'. */
static void read_set(struct reader *reader, unsigned char *set)
{
    static const char missing[] = "missing ']'";
    bool inverted = reader->at < reader->end && *reader->at == '^';
    reader->at += inverted;
    for (bool first = true;; first = false) {
        unsigned char byte = next(reader, missing);
        if (byte == ']' && !first)
            break;
        if (byte == '%') {
            take_class(set, next(reader, missing));
        } else if (reader->end - reader->at >= 2 && reader->at[0] == '-' && reader->at[1] != ']') {
            int last = (unsigned char)reader->at[1];
            for (int i = byte; i <= last; i++)
                take(set, i);
            reader->at += 2;
        } else {
            take(set, byte);
        }
    }
    if (inverted)
        invert(set);
}

/* What one byte may be: the letter was read. */
static void read_byte(struct reader *reader, unsigned char letter, struct item *item)
{
    item->kind = ITEM_BYTE;
    if (letter == '[')
        read_set(reader, item->set);
    else if (letter == '%')
        take_class(item->set, next(reader, "ends with '%'"));
    else if (letter == '.')
        invert(item->set);
    else
        take(item->set, letter);
    if (reader->at == reader->end)
        return;
    static const char marks[] = "*+-?";
    static const unsigned char repeats[] = {REPEAT_MOST, REPEAT_MOST, REPEAT_FEWEST, REPEAT_MAYBE};
    const char *mark = memchr(marks, *reader->at, sizeof marks - 1);
    if (mark == NULL)
        return;
    item->repeat = repeats[mark - marks];
    item->some = *mark == '+';
    reader->at++;
}

/* An item that begins with '%', which was read, and is no byte; false: it is one. */
static bool read_escape(struct reader *reader, const struct af_pattern *pattern, struct item *item)
{
    unsigned char letter = reader->at < reader->end ? (unsigned char)*reader->at : 'a';
    if (!isdigit(letter) && letter != 'b' && letter != 'f')
        return false;
    reader->at++;
    if (letter == 'b') {
        static const char missing[] = "missing arguments to '%b'";
        item->kind = ITEM_BALANCE;
        item->left = (char)next(reader, missing);
        item->right = (char)next(reader, missing);
    } else if (letter == 'f') {
        item->kind = ITEM_FRONTIER;
        if (reader->at == reader->end || *reader->at++ != '[')
            luaL_error(reader->L, "missing '[' after '%%f' in pattern");
        read_set(reader, item->set);
    } else {
        item->kind = ITEM_BACK;
        item->capture = (unsigned)letter - '1';
        if (item->capture >= pattern->capture_count ||
            pattern->close[item->capture] <= pattern->open[item->capture]) /* open, or a position */
            luaL_error(reader->L, "invalid capture index %%%d in pattern", letter - '0');
    }
    return true;
}

static unsigned new_capture(struct reader *reader, struct af_pattern *pattern, int open, int close)
{
    if (pattern->capture_count == AF_PATTERN_CAPTURES_MAX)
        luaL_error(reader->L, "too many captures");
    pattern->open[pattern->capture_count] = open;
    pattern->close[pattern->capture_count] = close;
    return pattern->capture_count++;
}

static unsigned innermost_open(struct reader *reader, const struct af_pattern *pattern)
{
    for (unsigned i = pattern->capture_count; i > 0; i--)
        if (pattern->close[i - 1] < 0)
            return i - 1;
    return (unsigned)luaL_error(reader->L, "invalid pattern capture");
}

static void read_item(struct reader *reader, struct af_pattern *pattern, struct item *item)
{
    unsigned char letter = next(reader, "");
    if (letter == '(' && reader->at < reader->end && *reader->at == ')') {
        reader->at++;
        item->kind = ITEM_POSITION;
        item->capture = new_capture(reader, pattern, pattern->count, pattern->count);
    } else if (letter == '(') {
        item->kind = ITEM_OPEN;
        item->capture = new_capture(reader, pattern, pattern->count, -1);
    } else if (letter == ')') {
        item->kind = ITEM_CLOSE;
        item->capture = innermost_open(reader, pattern);
        pattern->close[item->capture] = pattern->count;
    } else if (letter == '$' && reader->at == reader->end) {
        item->kind = ITEM_END;
    } else if (letter != '%' || !read_escape(reader, pattern, item)) {
        read_byte(reader, letter, item);
    }
}

struct af_pattern *af_pattern_push(lua_State *L, struct af_pattern_room *room, const char *text,
                                   size_t len, bool anchors)
{
    struct reader reader = {L, text, text + len};
    struct af_pattern *pattern = (void *)room;
    size_t size = sizeof *pattern + len * sizeof pattern->items[0];
    if (room == NULL || size > sizeof *room)
        pattern = lua_newuserdatauv(L, size, 0);
    else
        lua_pushnil(L);
    af_vm_spend(L, (int64_t)len);
    pattern->anchored = anchors && len > 0 && text[0] == '^';
    pattern->capture_count = 0;
    pattern->count = 0;
    reader.at += pattern->anchored;
    for (int choice = -1; reader.at < reader.end; pattern->count++) {
        struct item *item = &pattern->items[pattern->count];
        *item = (struct item){.choice = choice};
        read_item(&reader, pattern, item);
        if (item->repeat != REPEAT_NONE)
            choice = pattern->count;
    }
    for (unsigned i = 0; i < pattern->capture_count; i++)
        if (pattern->close[i] < 0)
            luaL_error(L, "unfinished capture");
    return pattern;
}

bool af_pattern_is_anchored(const struct af_pattern *pattern)
{
    return pattern->anchored;
}

/* ---- A match. ---- */

struct matcher {
    struct af_pattern *pattern;
    const char *begin, *end;
    int64_t *left; /* steps */
};

/* Where a text in balanced brackets that begins here ends, or NULL. */
static const char *balanced(const struct matcher *m, const struct item *item, const char *at)
{
    if (at == m->end || *at != item->left)
        return NULL;
    int64_t depth = 1;
    for (at++; at < m->end && --*m->left >= 0; at++) {
        if (*at == item->right && --depth == 0)
            return at + 1;
        if (*at == item->left && item->left != item->right)
            depth++;
    }
    return NULL;
}

/* Where the text of a capture, which stands here again, ends, or NULL. */
static const char *repeated(const struct matcher *m, const struct item *item, const char *at)
{
    const struct af_pattern *pattern = m->pattern;
    const char *text = pattern->items[pattern->open[item->capture]].at;
    size_t len = (size_t)(pattern->items[pattern->close[item->capture]].at - text);
    *m->left -= (int64_t)(len / 8);
    return len <= (size_t)(m->end - at) && memcmp(text, at, len) == 0 ? at + len : NULL;
}

static bool at_frontier(const struct matcher *m, const struct item *item, const char *at)
{
    int before = at == m->begin ? 0 : (unsigned char)at[-1];
    int here = at == m->end ? 0 : (unsigned char)*at;
    return !takes(item->set, before) && takes(item->set, here);
}

/* Whether the item takes the byte here. */
static bool takes_here(const struct matcher *m, const struct item *item, const char *at)
{
    return at < m->end && takes(item->set, (unsigned char)*at);
}

/* Where an item that is a byte ends, at first; NULL: it does not stand here. */
static const char *first_end(const struct matcher *m, struct item *item, const char *at)
{
    if (item->repeat == REPEAT_NONE || item->some)
        if (!takes_here(m, item, at++))
            return NULL;
    item->least = at;
    if (item->repeat == REPEAT_MOST)
        while (takes_here(m, item, at) && --*m->left >= 0)
            at++;
    else if (item->repeat == REPEAT_MAYBE && takes_here(m, item, at))
        at++;
    return item->at = at;
}

/* Another end of a repeated byte, or NULL. */
static const char *next_end(const struct matcher *m, struct item *item)
{
    if (item->repeat == REPEAT_FEWEST)
        return takes_here(m, item, item->at) ? ++item->at : NULL;
    return item->at > item->least ? --item->at : NULL;
}

/* Where the item that stands here ends, or NULL. */
static const char *match_item(const struct matcher *m, struct item *item, const char *at)
{
    switch ((enum kind)item->kind) {
    case ITEM_BYTE:
        return first_end(m, item, at);
    case ITEM_OPEN:
    case ITEM_CLOSE:
    case ITEM_POSITION:
        return item->at = at;
    case ITEM_BACK:
        return repeated(m, item, at);
    case ITEM_BALANCE:
        return balanced(m, item, at);
    case ITEM_FRONTIER:
        return at_frontier(m, item, at) ? at : NULL;
    case ITEM_END:
        return at == m->end ? at : NULL;
    }
    return NULL;
}

/* Where a match that begins here ends, or NULL. */
static const char *match_here(const struct matcher *m, const char *at)
{
    struct af_pattern *pattern = m->pattern;
    for (int i = 0; i < pattern->count; i++) {
        if (--*m->left < 0)
            return NULL;
        int choice = pattern->items[i].choice;
        at = match_item(m, &pattern->items[i], at);
        for (; at == NULL && choice >= 0; choice = pattern->items[i].choice) {
            if (--*m->left < 0)
                return NULL;
            i = choice;
            at = next_end(m, &pattern->items[i]);
        }
        if (at == NULL)
            return NULL;
    }
    return at;
}

bool af_pattern_find(lua_State *L, struct af_pattern *pattern, const char *text, size_t len,
                     const char *from, struct af_match *match)
{
    struct matcher m = {pattern, text, text + len, &af_vm_of(L)->instructions_left};
    for (; from <= m.end && *m.left >= 0; from++) {
        const char *end = match_here(&m, from);
        if (end != NULL) {
            match->start = from;
            match->end = end;
            match->capture_count = pattern->capture_count;
            for (unsigned i = 0; i < pattern->capture_count; i++) {
                const struct item *open = &pattern->items[pattern->open[i]];
                match->captures[i].start = open->at;
                match->captures[i].end =
                    open->kind == ITEM_POSITION ? NULL : pattern->items[pattern->close[i]].at;
            }
            return true;
        }
        if (pattern->anchored)
            break;
    }
    return false;
}
