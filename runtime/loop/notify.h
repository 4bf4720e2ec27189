/* notify.h: telling the service manager how this process is doing.
 *
 * Under systemd (Type=notify) the environment names a datagram socket, NOTIFY_SOCKET, and with a
 * watchdog how often it wants to hear from us, WATCHDOG_USEC: see sd_notify(3), whose wire this is.
 * Anywhere else nothing of this does anything. */
#ifndef AF_NOTIFY_H
#define AF_NOTIFY_H

struct af_loop;
struct af_notify;

/* The process is ready: says so, and from here on, by the loop, that it is alive, at half of the
 * watchdog's time. NULL where nobody wants to know. The loop outlives what is returned. */
struct af_notify *af_notify_ready(struct af_loop *loop);

/* It ends, and may take a while. Frees notify; NULL is allowed. */
void af_notify_stopping(struct af_notify *notify);

#endif
