/* Environment, service manager and successor. */
#include "proxy/service.h"

#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_PASSED = 3, MOST_DESCRIPTORS = 1 << 20, MAX_ARGUMENTS = 64 << 10 };

static const char HANDED[] = "VIADUCT_LISTENERS", PARENT[] = "VIADUCT_PREDECESSOR";

/* ---- listeners ----------------------------------------------------------------------------- */

static void keep(struct service_listeners *l, int fd)
{
	int listens = 0, family = AF_UNSPEC;
	socklen_t len = sizeof listens;
	if (l->count == SERVICE_MAX_LISTENERS ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0)
		return;
	l->local[l->count] = family == AF_UNIX;
	if (family != AF_UNIX && net_local(fd, &l->at[l->count]) < 0)
		return;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->fd[l->count++] = fd;
}

static void from_predecessor(struct service_listeners *l)
{
	const char *text = getenv(HANDED);
	while (text && *text) {
		char *end;
		long fd = strtol(text, &end, 10);
		if (end == text || fd < FIRST_PASSED || fd > INT32_MAX)
			break;
		keep(l, (int)fd);
		text = *end == ',' ? end + 1 : end;
	}
	unsetenv(HANDED);
}

static void from_manager(struct service_listeners *l)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		for (long i = 0; i < strtol(count, NULL, 10) && i < SERVICE_MAX_LISTENERS; i++)
			keep(l, FIRST_PASSED + (int)i);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

void service_inherit(struct service_listeners *ret)
{
	ret->count = 0;
	from_predecessor(ret);
	from_manager(ret);
}

int service_take(struct service_listeners *l, const struct address *at)
{
	for (size_t i = 0; i < l->count; i++) {
		bool port = at->port == 0 || at->port == l->at[i].port;
		if (l->fd[i] < 0 || l->local[i] || !port || !address_same_host(&l->at[i], at))
			continue;
		int fd = l->fd[i];
		l->fd[i] = -1;
		return fd;
	}
	return -1;
}

int service_take_local(struct service_listeners *l)
{
	for (size_t i = 0; i < l->count; i++) {
		int fd = l->fd[i];
		if (fd < 0 || !l->local[i])
			continue;
		l->fd[i] = -1;
		return fd;
	}
	return -1;
}

void service_close_rest(struct service_listeners *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->fd[i] >= 0)
			close(l->fd[i]);
	l->count = 0;
}

/* ---- the service manager -------------------------------------------------------------------- */

void service_notify(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* systemd wants to know when, so as to tell this reload from the one before. */
void service_notify_reloading(void)
{
	char text[64];
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
		 now.tv_sec * 1000000LL + now.tv_nsec / 1000);
	service_notify(text);
}

void service_notify_successor(pid_t pid)
{
	char text[40];
	snprintf(text, sizeof text, "MAINPID=%ld", (long)pid);
	service_notify(text);
}

/* ---- limits --------------------------------------------------------------------------------- */

long service_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > MOST_DESCRIPTORS ? MOST_DESCRIPTORS : (long)limit.rlim_cur;
}

/* ---- the successor -------------------------------------------------------------------------- */

/* This process's arguments, as the kernel has them: one string behind the other. */
static char **read_arguments(char *text, size_t size)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, size - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (len <= 0 || (size_t)len == size - 1)
		return NULL;
	text[len] = '\0';
	char **argv = calloc((size_t)len + 2, sizeof *argv);
	size_t count = 0;
	for (char *at = text; argv && at < text + len; at += strlen(at) + 1)
		argv[count++] = at;
	return argv;
}

/* Where the program's file was, and a newer one may be now. */
static bool read_program(char *path, size_t size)
{
	static const char GONE[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	if (len <= 0)
		return false;
	path[len] = '\0';
	size_t tail = sizeof GONE - 1;
	if ((size_t)len > tail && strcmp(path + len - tail, GONE) == 0)
		path[(size_t)len - tail] = '\0';
	return true;
}

static bool set_environment(const int *fd, size_t count)
{
	char list[SERVICE_MAX_LISTENERS * 12] = "", pid[24];
	size_t len = 0;
	for (size_t i = 0; i < count && len < sizeof list - 12; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%d", i ? "," : "", fd[i]);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	return setenv(HANDED, list, 1) == 0 && setenv(PARENT, pid, 1) == 0;
}

/* Between fork and exec in a process of several threads: system calls alone. */
static void become_successor(const char *path, char **argv, const int *fd, size_t count)
{
	sigset_t later;
	sigemptyset(&later);
	sigaddset(&later, SIGHUP); /* they would end a program that does not expect them yet */
	sigaddset(&later, SIGUSR1);
	sigaddset(&later, SIGUSR2);
	sigprocmask(SIG_SETMASK, &later, NULL);
	for (size_t i = 0; i < count; i++)
		fcntl(fd[i], F_SETFD, 0);
	execve(path, argv, environ);
	_exit(127);
}

pid_t service_hand_over(const int *fd, size_t count, struct error *err)
{
	char path[4096];
	char *text = malloc(MAX_ARGUMENTS);
	char **argv = text ? read_arguments(text, MAX_ARGUMENTS) : NULL;
	pid_t pid = -ENOMEM;
	if (!argv || !read_program(path, sizeof path) || !set_environment(fd, count)) {
		err_set(err, -ENOMEM, "hand-over: this program's own file cannot be found");
	} else {
		pid = fork();
		if (pid == 0)
			become_successor(path, argv, fd, count);
		if (pid < 0)
			pid = err_set(err, -errno, "hand-over: no process can be had: %m");
	}
	unsetenv(HANDED);
	unsetenv(PARENT);
	free(argv);
	free(text);
	return pid;
}

void service_succeed(void)
{
	const char *text = getenv(PARENT);
	if (text && strtol(text, NULL, 10) == (long)getppid())
		kill(getppid(), SIGTERM);
	unsetenv(PARENT);
}
