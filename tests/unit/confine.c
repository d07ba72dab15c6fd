/* confine: a child gives things up, and then can't have them. */
#include "proxy/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void in_a_child(int (*does)(void))
{
	int status = -1;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(does());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int worker(void)
{
	bool landlock, seccomp;
	confine_worker(&landlock, &seccomp);
	int hosts = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	if (hosts < 0 && errno != ENOENT)
		return 1; /* a worker's resolver reads it */
	if (landlock && (open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES))
		return 2;
	if (seccomp && (mkdir("/tmp/viaduct-confine", 0700) == 0 || errno != EPERM))
		return 3;
	if (seccomp && (fork() >= 0 || errno != EPERM))
		return 4;
	return 0;
}

static void a_worker_reads_etc_alone(void **state)
{
	(void)state;
	in_a_child(worker);
}

static int keeper(void)
{
	bool landlock, seccomp;
	char folder[] = "/tmp/viaduct-confine-XXXXXX", path[64], outside[64];
	const char *mine[] = { mkdtemp(folder) };
	if (!mine[0])
		return 1;
	snprintf(path, sizeof path, "%s/file", folder);
	snprintf(outside, sizeof outside, "%s-outside", folder);
	confine_keeper(mine, 1, &landlock, &seccomp);
	int kept = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (kept < 0 || write(kept, "a", 1) != 1 || fsync(kept) != 0 || unlink(path) != 0)
		return 2;
	if (landlock &&
	    (open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES))
		return 3;
	if (seccomp && (mkdir(outside, 0700) == 0 || errno != EPERM))
		return 4;
	return 0;
}

static void a_keeper_writes_in_its_folder_alone(void **state)
{
	(void)state;
	in_a_child(keeper);
}

static int powerless(void)
{
	struct error err;
	if (confine_capabilities(&err) < 0)
		return 1;
	return geteuid() == 0 && chroot("/") == 0 ? 2 : 0;
}

static void capabilities_are_gone(void **state)
{
	(void)state;
	in_a_child(powerless);
}

static int memory(void)
{
	confine_memory();
	return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
}

static void memory_is_not_dumped(void **state)
{
	(void)state;
	in_a_child(memory);
}

static int becomes(void)
{
	struct error err = { 0 };
	if (confine_become("no-such-user-here", &err) != -ENOENT || !err.text[0])
		return 1;
	if (getuid() != 0)
		return 0;
	if (confine_become("nobody", &err) != 0 || getuid() == 0 || getgid() == 0)
		return 2;
	return setuid(0) == 0 ? 3 : 0;
}

static void root_is_given_up(void **state)
{
	(void)state;
	in_a_child(becomes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_reads_etc_alone),
		cmocka_unit_test(a_keeper_writes_in_its_folder_alone),
		cmocka_unit_test(capabilities_are_gone),
		cmocka_unit_test(memory_is_not_dumped),
		cmocka_unit_test(root_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
