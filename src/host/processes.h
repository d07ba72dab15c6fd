/* Which process has a socket open: by the socket's inode, through /proc. What the kernel does not
 * let us see of others' processes is counted, not guessed. */
#ifndef HOST_PROCESSES_H
#define HOST_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

struct host_owner {
	uint32_t inode;   /* set by the caller; 0 is nobody's */
	int pid;          /* 0: not found. The lowest, where several share the socket */
	unsigned sharing; /* processes that have it open */
	char name[64];    /* as the process calls itself: foreign bytes, NUL-terminated */
};

/* Fills in what it finds; sorts the owners by inode, of which each stands there once. Returns how many processes could not be looked
 * into, or a negative errno where `proc` (usually "/proc") can't be read at all. */
int host_processes_find(const char *proc, struct host_owner *owner, size_t count);

/* The entry of an inode in what host_processes_find has sorted; NULL when there is none. */
const struct host_owner *host_processes_of(const struct host_owner *owner, size_t count,
                                           uint32_t inode);

#endif
