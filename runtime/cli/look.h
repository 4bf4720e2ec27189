/* look.h: a flow that is read, and not run: what it is said to be and the texts of its files go to
 * a tool of scripts/tool/. */
#ifndef AF_LOOK_H
#define AF_LOOK_H

struct af_failure;

/* Has scripts/tool/TOOL look at the flow, or part, at this path (or the flow of a bundle). format:
 * what is to be made of it, or NULL. Returns the tool's answer, as af_tool_work(), which the caller
 * frees, as *flow, the path of the flow's own file; NULL with *why filled. */
char *af_look(const char *tool, const char *path, const char *format, char **flow,
              struct af_failure *why);

#endif
