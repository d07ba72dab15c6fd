/* What surrounds the proxy as a service: listeners that were opened for it, a word to the service
 * manager, another user, a successor. Main thread only. */
#ifndef PROXY_SERVICE_H
#define PROXY_SERVICE_H

#include "base/address.h"
#include "base/error.h"

#include <sys/types.h>

enum { SERVICE_MAX_LISTENERS = 64 };

/* Listening sockets that this process was started with: by its predecessor or by the service manager
 * (LISTEN_FDS). Each once; the environment is cleared of them. */
struct service_listeners {
	int fd[SERVICE_MAX_LISTENERS];
	struct address at[SERVICE_MAX_LISTENERS];
	bool local[SERVICE_MAX_LISTENERS]; /* a Unix socket */
	size_t count;
};
void service_inherit(struct service_listeners *ret);
/* The one that stands for this address, now the caller's; -1: none. Port 0 stands for any. */
int service_take(struct service_listeners *l, const struct address *at);
int service_take_local(struct service_listeners *l); /* the Unix socket: there is one at most */
void service_close_rest(struct service_listeners *l);

/* As sd_notify has it ("READY=1", "STOPPING=1", ...); nobody listening is fine. */
void service_notify(const char *state);
void service_notify_reloading(void);
void service_notify_successor(pid_t pid); /* it is the main process from now on */

/* Raises the limit on descriptors as far as it goes, and says how many there may be. */
long service_descriptors(void);

/* Starts this program's file anew, with the same arguments and these listeners. Its process id, or
 * negative errno. The successor, once it serves, tells us (service_succeed) by SIGTERM. */
pid_t service_hand_over(const int *fd, size_t count, struct error *err);
void service_succeed(void);

#endif
