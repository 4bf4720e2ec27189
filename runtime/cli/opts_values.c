/* opts_values.c: what stands behind an option's name, as numbers; see opts.h.
 *
 * Everything is read by hand: strtol() and its kin accept spaces, signs, hexadecimal and overflow,
 * and a duration must be exact, because a run is repeated from what was typed. */
#include "cli/opts.h"

#include "base/bounds.h"
#include "base/failure.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int expected(struct af_failure *why, const char *what, const char *got)
{
    return af_failure_set(why, AF_FAILURE_USAGE, "", "expected %s, not '%s'", what, got);
}

/* Reads all of len bytes as a number. Returns false where they are no digits, or exceed max. */
static bool read_number(const char *text, size_t len, uint64_t max, uint64_t *number)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]))
            return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (sum > max / 10 || digit > max - sum * 10)
            return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return len > 0;
}

/* ---- Durations. ---- */

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},      {"us", AF_US_NS},    {"ms", AF_MS_NS},
    {"s", AF_S_NS}, {"m", 60 * AF_S_NS}, {"h", 3600 * AF_S_NS},
};

static const char duration_form[] = "a duration such as 10ms, 2.5s, 5m or 24h";

/* The digits of a number, before and after its point. */
struct decimal {
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
};

/* Returns what follows the number, or NULL if there is none. The fraction's last zeros are left
 * out. */
static const char *read_decimal(const char *text, struct decimal *decimal)
{
    *decimal = (struct decimal){text, NULL, strspn(text, "0123456789"), 0};
    const char *end = text + decimal->whole_len;
    if (decimal->whole_len == 0)
        return NULL;
    if (*end != '.')
        return end;
    decimal->fraction = end + 1;
    decimal->fraction_len = strspn(end + 1, "0123456789");
    end = decimal->fraction + decimal->fraction_len;
    if (decimal->fraction_len == 0)
        return NULL;
    while (decimal->fraction_len > 0 && decimal->fraction[decimal->fraction_len - 1] == '0')
        decimal->fraction_len--;
    return end;
}

static bool is_zero(const struct decimal *decimal)
{
    return strspn(decimal->whole, "0") >= decimal->whole_len && decimal->fraction_len == 0;
}

/* The fraction of a unit in nanoseconds, or -1 if it is not a whole number of them. */
static int64_t fraction_ns(const struct decimal *decimal, int64_t unit_ns)
{
    if (decimal->fraction_len > 15) /* no unit has so many factors 2 and 5 */
        return -1;
    __extension__ unsigned __int128 numerator = 0;
    int64_t denominator = 1;
    for (size_t i = 0; i < decimal->fraction_len; i++) {
        numerator = numerator * 10 + (unsigned)(decimal->fraction[i] - '0');
        denominator *= 10;
    }
    numerator *= (uint64_t)unit_ns;
    if (numerator % (uint64_t)denominator != 0)
        return -1;
    return (int64_t)(numerator / (uint64_t)denominator);
}

static const struct unit *find_unit(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    }
    return NULL;
}

int af_opts_duration(const char *text, int64_t *ns, struct af_failure *why)
{
    struct decimal decimal;
    const char *rest = read_decimal(text, &decimal);
    if (rest == NULL)
        return expected(why, duration_form, text);
    if (*rest == '\0' && is_zero(&decimal)) {
        *ns = 0;
        return 0;
    }
    if (*rest == '\0')
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected %s, not '%s': write a unit, ns, us, ms, s, m or h",
                              duration_form, text);
    const struct unit *unit = find_unit(rest);
    if (unit == NULL)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected %s, not '%s': the units are ns, us, ms, s, m and h",
                              duration_form, text);
    uint64_t whole = 0;
    int64_t part_ns = fraction_ns(&decimal, unit->ns);
    if (part_ns < 0)
        return expected(why, "a duration of whole nanoseconds", text);
    if (!read_number(decimal.whole, decimal.whole_len, (uint64_t)(AF_TIME_MAX_NS / unit->ns),
                     &whole) ||
        (int64_t)whole * unit->ns > AF_TIME_MAX_NS - part_ns)
        return expected(why, "a duration of at most a year, 8760h", text);
    *ns = (int64_t)whole * unit->ns + part_ns;
    return 0;
}

int af_opts_duration_range(const char *text, int64_t *from_ns, int64_t *to_ns,
                           struct af_failure *why)
{
    const char *dots = strstr(text, "..");
    int64_t from = 0, to = 0;
    if (dots == NULL) {
        if (af_opts_duration(text, &from, why) != 0)
            return -1;
        *from_ns = *to_ns = from;
        return 0;
    }
    char *first = af_mem_copy(text, (size_t)(dots - text));
    int status = af_opts_duration(first, &from, why);
    free(first);
    if (status != 0 || af_opts_duration(dots + 2, &to, why) != 0)
        return -1;
    if (from > to)
        return expected(why, "a range A..B with A not longer than B", text);
    *from_ns = from;
    *to_ns = to;
    return 0;
}

/* ---- Numbers and words. ---- */

int af_opts_probability(const char *text, double *probability, struct af_failure *why)
{
    static const char form[] = "a probability from 0 to 1, such as 0.05";
    /* strtod() reads all that looks like a number, correctly rounded; what is not decimal (inf,
     * 0x1p-1) is kept from it. */
    if ((!is_digit(text[0]) && text[0] != '.') || text[strspn(text, "0123456789.eE+-")] != '\0')
        return expected(why, form, text);
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
        return expected(why, form, text);
    *probability = value;
    return 0;
}

int af_opts_seed(const char *text, uint64_t *seed, struct af_failure *why)
{
    if (!read_number(text, strlen(text), UINT64_MAX, seed))
        return expected(why, "a number from 0 to 18446744073709551615", text);
    return 0;
}

int af_opts_integer(const char *text, int64_t min, int64_t max, int64_t *value,
                    struct af_failure *why)
{
    assert(min <= max);
    bool negative = text[0] == '-';
    const char *digits = text + negative;
    uint64_t number = 0;
    bool valid = read_number(digits, strlen(digits), (uint64_t)INT64_MAX + negative, &number);
    int64_t result = negative ? (int64_t)(0 - number) : (int64_t)number;
    if (!valid || result < min || result > max)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "expected an integer from %" PRId64 " to %" PRId64 ", not '%s'", min,
                              max, text);
    *value = result;
    return 0;
}

int af_opts_size(const char *text, int64_t unit, int64_t max, int64_t *bytes,
                 struct af_failure *why)
{
    static const char letters[] = "KMGT";
    size_t len = strspn(text, "0123456789");
    const char *letter = text[len] == '\0' ? NULL : strchr(letters, text[len]);
    uint64_t number = 0;
    if (len == 0 || (text[len] != '\0' && (letter == NULL || text[len + 1] != '\0')))
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "'%s' is not a size: digits, perhaps with K, M, G or T", text);
    int64_t factor = letter == NULL ? unit : (int64_t)1 << (10 * (letter - letters + 1));
    if (!read_number(text, len, (uint64_t)(max / factor), &number) || number == 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "",
                              "'%s' is too large or nothing: expected such as 500M or 8G", text);
    *bytes = (int64_t)number * factor;
    return 0;
}

int af_opts_choice(const char *text, const char *choices, int *index, struct af_failure *why)
{
    int place = 0;
    for (const char *at = choices; *at != '\0'; place++) {
        size_t len = strcspn(at, "|");
        if (strlen(text) == len && memcmp(text, at, len) == 0) {
            *index = place;
            return 0;
        }
        at += len + (at[len] == '|');
    }
    return expected(why, choices, text);
}

/* ---- Roles. ---- */

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || (!is_digit(c) && c != '-')))
            return false;
    }
    return len > 0;
}

static bool has_name(const struct af_opts_counts *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    }
    return false;
}

static void drop_counts_after(struct af_opts_counts *list, size_t count)
{
    while (list->count > count)
        free(list->items[--list->count].name);
}

/* Appends one "role=N", which is changed. */
static int append_count(char *item, int64_t min, int64_t max, struct af_opts_counts *list,
                        struct af_failure *why)
{
    char *equals = strchr(item, '=');
    if (equals == NULL || !is_name(item, (size_t)(equals - item)))
        return expected(why, "role=N,role=N…", item);
    *equals = '\0';
    int64_t count = 0;
    struct af_failure failure = AF_FAILURE_INIT;
    if (af_opts_integer(equals + 1, min, max, &count, &failure) != 0)
        return af_failure_set(why, AF_FAILURE_USAGE, "", "role '%s': %s", item, failure.why);
    if (has_name(list, item))
        return af_failure_set(why, AF_FAILURE_USAGE, "", "role '%s' comes twice", item);
    af_mem_reserve(&list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct af_opts_count){af_mem_string(item), count};
    return 0;
}

int af_opts_counts(const char *text, int64_t min, int64_t max, struct af_opts_counts *list,
                   struct af_failure *why)
{
    size_t count_before = list->count;
    const char *at = text;
    for (;;) {
        size_t len = strcspn(at, ",");
        char *item = af_mem_copy(at, len);
        int status = append_count(item, min, max, list, why);
        free(item);
        if (status != 0) {
            drop_counts_after(list, count_before);
            return -1;
        }
        if (at[len] == '\0')
            return 0;
        at += len + 1;
    }
}

void af_opts_counts_release(struct af_opts_counts *list)
{
    drop_counts_after(list, 0);
    free(list->items);
    *list = (struct af_opts_counts){NULL, 0, 0};
}

int af_opts_role_probability(const char *text, char **role, double *probability,
                             struct af_failure *why)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || !is_name(text, (size_t)(colon - text)))
        return expected(why, "role:P, such as server:0.05", text);
    if (af_opts_probability(colon + 1, probability, why) != 0)
        return -1;
    *role = af_mem_copy(text, (size_t)(colon - text));
    return 0;
}
