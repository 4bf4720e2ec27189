/* ctl_ui.h: a node in a browser: pages of scripts/page/ on this machine alone, and what they ask of
 * the node's control socket, as `afrun ctl` does: there is no other way in.
 *
 * The server is a process of its own: no byte of a browser's is read where parties are kept. */
#ifndef AF_CTL_UI_H
#define AF_CTL_UI_H

struct af_ctl;
struct af_failure;

/* Serves until it is interrupted. Returns the exit status, or -1 with *why filled. */
int af_ctl_ui(const struct af_ctl *ctl, const char *nothing, struct af_failure *why);

#endif
