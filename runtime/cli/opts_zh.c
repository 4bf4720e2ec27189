/* opts_zh.c: help in Chinese; see opts.h. Its texts are packed with the reference. */
#include "cli/opts.h"
#include "cli/reference.h"

#include <stdlib.h>
#include <string.h>

bool af_opts_speak_chinese(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

const char *af_opts_say(const char *english)
{
    const char *chinese = af_opts_speak_chinese() ? af_reference_chinese(english) : NULL;
    return chinese == NULL ? english : chinese;
}
