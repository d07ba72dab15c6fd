/* /proc/PID/fd/N is a link to "socket:[INODE]", for whoever may read it. */
#include "host/processes.h"

#include "base/slice.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_inode(const void *a, const void *b)
{
	const struct host_owner *x = a, *y = b;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static struct host_owner *find(struct host_owner *owner, size_t count, uint32_t inode)
{
	const struct host_owner key = { .inode = inode };
	return inode && count ? bsearch(&key, owner, count, sizeof *owner, by_inode) : NULL;
}

const struct host_owner *host_processes_of(const struct host_owner *owner, size_t count,
					   uint32_t inode)
{
	return find((struct host_owner *)owner, count, inode);
}

/* 0: the link is no socket's. */
static uint32_t socket_inode(int folder, const char *name)
{
	char to[64];
	uint64_t inode;
	ssize_t len = readlinkat(folder, name, to, sizeof to);
	struct slice s = { (const uint8_t *)to, len > 0 ? (size_t)len : 0 };
	if (!slice_starts(s, SLICE("socket:[")) || !slice_ends(s, SLICE("]")))
		return 0;
	s = slice_from(slice_first(s, s.len - 1), sizeof "socket:[" - 1);
	return slice_parse_u64(s, 10, &inode) && inode <= UINT32_MAX ? (uint32_t)inode : 0;
}

static void read_name(int process, char *into, size_t size)
{
	int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, into, size - 1);
	if (fd >= 0)
		close(fd);
	while (len > 0 && into[len - 1] == '\n')
		len--;
	into[len > 0 ? len : 0] = 0;
}

static void note(struct host_owner *o, int pid, int process)
{
	if (!o->pid || pid < o->pid) {
		o->pid = pid;
		read_name(process, o->name, sizeof o->name);
	}
	o->sharing++;
}

/* A process counts once, however often it has the socket open: `last` remembers. */
static void look_into(DIR *fds, int process, int pid, struct host_owner *owner, size_t count,
		      int *last)
{
	for (const struct dirent *e; (e = readdir(fds));) {
		struct host_owner *o = find(owner, count, socket_inode(dirfd(fds), e->d_name));
		if (!o || last[o - owner] == pid)
			continue;
		last[o - owner] = pid;
		note(o, pid, process);
	}
}

/* False: not for us to see. A process that ended meanwhile hides nothing. */
static bool visit(int all, const char *name, struct host_owner *owner, size_t count, int *last)
{
	int process = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return errno != EACCES && errno != EPERM;
	int folder = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool hidden = folder < 0 && (errno == EACCES || errno == EPERM);
	DIR *fds = folder < 0 ? NULL : fdopendir(folder);
	if (fds)
		look_into(fds, process, (int)strtol(name, NULL, 10), owner, count, last);
	if (fds)
		closedir(fds);
	else if (folder >= 0)
		close(folder);
	close(process);
	return !hidden;
}

int host_processes_find(const char *proc, struct host_owner *owner, size_t count)
{
	int hidden = 0;
	DIR *all = opendir(proc);
	int *last = calloc(count ? count : 1, sizeof *last);
	if (!all || !last) {
		int code = all ? -ENOMEM : -errno;
		if (all)
			closedir(all);
		free(last);
		return code;
	}
	if (count)
		qsort(owner, count, sizeof *owner, by_inode);
	for (const struct dirent *e; (e = readdir(all));)
		if (isdigit((unsigned char)e->d_name[0]))
			hidden += !visit(dirfd(all), e->d_name, owner, count, last);
	closedir(all);
	free(last);
	return hidden;
}
