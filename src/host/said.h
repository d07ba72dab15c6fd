/* What this machine, or an image of one, says about proxies: reads the files of all the tools that
 * settings/said.h knows, and the environments of the processes. */
#ifndef HOST_SAID_H
#define HOST_SAID_H

#include "base/error.h"
#include "settings/said.h"

enum { HOST_SAID_MOST_UNREAD = 8 };

struct host_said {
	struct said_list list;
	unsigned installed; /* a bit for each said_who that is a tool that is there */

	/* Files that are there and could not be read, and why; in the list's arena. */
	const char *unread[HOST_SAID_MOST_UNREAD];
	size_t unread_count; /* may be more than are named */

	/* Processes besides this one. */
	size_t with_proxy, without, hidden;
};

/* root "": this machine, with the environment and the processes. Ended by host_said_done, also after an
 * error. -ENOMEM: there is more than the arena takes. */
int host_said_gather(struct host_said *h, const char *root, struct arena *arena, struct error *err);
void host_said_done(struct host_said *h);

#endif
