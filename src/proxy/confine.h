/* Giving up what is not needed: root, core dumps, files, system calls. What the kernel has not is
 * passed over; what it has and refuses is an error. */
#ifndef PROXY_CONFINE_H
#define PROXY_CONFINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Becomes that user, with its groups, for good. Negative errno. Before any thread is made. */
int confine_become(const char *user, struct error *err);

/* Gives up what capabilities there are (of the program's file, of a service), for good. What they opened
 * stays open. */
int confine_capabilities(struct error *err);

/* A log that root has opened becomes that user's, who is to open it anew one day. */
void confine_give(const char *path, const char *user);

/* No core dump, no ptrace by others of the same user: there are passwords in this memory. */
void confine_memory(void);

/* For the calling thread, and for good: files may be read below /etc and /run alone (resolv.conf,
 * hosts), none written or run (Landlock); system calls other than a worker's fail with EPERM
 * (seccomp). ret_landlock, ret_seccomp: whether the kernel took it. */
void confine_worker(bool *ret_landlock, bool *ret_seccomp);

/* The same for whoever keeps files, below these folders alone, and for the threads that it makes. */
void confine_keeper(const char *const *folder, size_t folders, bool *ret_landlock,
		    bool *ret_seccomp);

#endif
