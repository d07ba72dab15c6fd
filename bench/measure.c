/* measure: runs a command on given cores and says what it cost.
 *
 *   measure CORES COMMAND [ARGUMENT]...        CORES: 0 or 0,1
 *
 * The command's standard output and error go to /dev/null. One line is printed: wall, user and
 * system seconds, peak resident KiB, exit status. A program of its own, since a child's peak begins
 * with that of the process that it was forked from, and a Python interpreter's is large. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pin(const char *cores)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (const char *p = cores; *p;) {
		char *end;
		unsigned long core = strtoul(p, &end, 10);
		if (end == p || core >= CPU_SETSIZE)
			return -1;
		CPU_SET(core, &set);
		p = *end == ',' ? end + 1 : end;
	}
	return sched_setaffinity(0, sizeof set, &set);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 3 || pin(argv[1]) != 0) {
		fprintf(stderr, "usage: measure CORES COMMAND [ARGUMENT]...\n");
		return 2;
	}
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(126);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int status;
	struct rusage used;
	if (child < 0 || wait4(child, &status, 0, &used) < 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.6f %.6f %.6f %ld %d\n",
	       (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
	       seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
