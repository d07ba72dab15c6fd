/* /proc/PID/environ is what a process was started with; whoever may not trace it may not read it.
 */
#include "host/said_processes.h"

#include "host/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_GROUPS = 256, MAX_ENVIRON = 1 << 22, MAX_SMALL = 1 << 14, MAX_NAME = 80 };

struct group {
	char name[MAX_NAME];
	long pid;
	size_t others;
	struct slice variables; /* NAME=VALUE, each ended by a NUL; in the arena */
};

static int read_part(const char *proc, const char *pid, const char *what, size_t limit,
		     struct host_file *ret_file)
{
	char path[PATH_MAX];
	struct error ignored;
	if (snprintf(path, sizeof path, "%s/%s/%s", proc, pid, what) >= (int)sizeof path)
		return -ENAMETOOLONG;
	return host_file_read(path, limit, ret_file, &ignored);
}

static bool is_about_proxies(struct slice variable)
{
	return said_is_variable(slice_first(variable, slice_find_byte(variable, '=')));
}

/* Those that say something of proxies. */
static struct slice choose(struct slice environ, struct arena *arena)
{
	struct slice rest = environ;
	size_t len = 0;
	while (rest.len > 0) {
		struct slice one = slice_cut(&rest, 0);
		len += is_about_proxies(one) ? one.len + 1 : 0;
	}
	uint8_t *at = len ? arena_take(arena, len) : NULL;
	if (!at)
		return (struct slice){ 0 };
	len = 0;
	for (rest = environ; rest.len > 0;) {
		struct slice one = slice_cut(&rest, 0);
		if (!is_about_proxies(one))
			continue;
		memcpy(at + len, one.at, one.len);
		at[len + one.len] = 0;
		len += one.len + 1;
	}
	return (struct slice){ at, len };
}

static void take_name(struct group *g, struct slice name)
{
	snprintf(g->name, sizeof g->name, "%.*s", (int)(name.len < MAX_NAME ? name.len : MAX_NAME),
		 name.at ? (const char *)name.at : "");
}

/* The unit, from a line of cgroup such as "0::/system.slice/nginx.service"; else the command. */
static void name_group(struct group *g, const char *proc, const char *pid)
{
	struct host_file f = { 0 };
	if (read_part(proc, pid, "cgroup", MAX_SMALL, &f) == 0)
		for (struct slice rest = f.text; rest.len > 0 && !g->name[0];) {
			struct slice path = slice_line(&rest);
			while (slice_find_byte(path, '/') < path.len)
				slice_cut(&path, '/');
			if (slice_ends(path, SLICE(".service")))
				take_name(g, path);
		}
	host_file_done(&f);
	if (g->name[0])
		return;
	if (read_part(proc, pid, "comm", MAX_SMALL, &f) == 0)
		take_name(g, slice_trim(f.text));
	host_file_done(&f);
}

static void add(struct group *groups, size_t *count, struct group *g)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(groups[i].name, g->name) == 0 &&
		    slice_equal(groups[i].variables, g->variables)) {
			groups[i].others++;
			if (g->pid < groups[i].pid)
				groups[i].pid = g->pid;
			return;
		}
	if (*count < MAX_GROUPS)
		groups[(*count)++] = *g;
}

/* A process that is gone by now counts for nothing; one without any environment is the kernel's
 * own. */
static void visit(struct host_said *h, const char *proc, const char *pid, struct group *groups,
		  size_t *count)
{
	struct host_file f = { 0 };
	struct group g = { .pid = strtol(pid, NULL, 10) };
	int code = read_part(proc, pid, "environ", MAX_ENVIRON, &f);
	if (code < 0) {
		h->hidden += code != -ESRCH;
		return;
	}
	g.variables = choose(f.text, h->list.arena);
	h->without += f.text.len > 0 && g.variables.len == 0;
	if (g.variables.len > 0) {
		h->with_proxy++;
		name_group(&g, proc, pid);
		add(groups, count, &g);
	}
	host_file_done(&f);
}

static void say(struct host_said *h, const struct group *g)
{
	char name[MAX_NAME + 64], place[64];
	size_t len = (size_t)snprintf(name, sizeof name, "%s[%ld]", g->name, g->pid);
	if (g->others)
		snprintf(name + len, sizeof name - len, "+%zu", g->others);
	snprintf(place, sizeof place, "/proc/%ld/environ", g->pid);
	h->list.who = SAID_BY_PROCESS;
	h->list.group = arena_copy(h->list.arena, slice_of(name));
	h->list.place = arena_copy(h->list.arena, slice_of(place));
	said_read(SAID_FORM_ENVIRON, g->variables, &h->list);
}

void host_said_read_processes(struct host_said *h, const char *proc)
{
	struct group *groups = calloc(MAX_GROUPS, sizeof *groups);
	DIR *all = opendir(proc);
	size_t count = 0;
	long own = (long)getpid();
	h->list.failed |= !groups;
	for (const struct dirent *e; groups && all && (e = readdir(all));)
		if (isdigit((unsigned char)e->d_name[0]) && strtol(e->d_name, NULL, 10) != own)
			visit(h, proc, e->d_name, groups, &count);
	for (size_t i = 0; i < count; i++)
		say(h, &groups[i]);
	h->list.group = (struct slice){ 0 };
	if (all)
		closedir(all);
	free(groups);
}
