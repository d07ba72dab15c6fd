/* Privileges, dumps, Landlock, seccomp. The last two are the kernel's interfaces as they are: what
 * a worker calls is a short list, which a library would not make shorter. */
#include "proxy/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int confine_become(const char *user, struct error *err)
{
	struct passwd *p = getpwnam(user);
	if (!p)
		return err_set(err, -ENOENT, "there is no user %s to become", user);
	if (getuid() == p->pw_uid && geteuid() == p->pw_uid)
		return 0;
	if (initgroups(user, p->pw_gid) || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid))
		return err_set(err, -errno, "become user %s: %m", user);
	if (setuid(0) == 0)
		return err_set(err, -EPERM, "became user %s, and could still become root", user);
	return 0;
}

int confine_capabilities(struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) != 0)
		return err_set(err, -errno, "give up capabilities: %m");
	return 0;
}

void confine_give(const char *path, const char *user)
{
	const struct passwd *p = geteuid() == 0 ? getpwnam(user) : NULL;
	struct stat st;
	/* lchown: whoever may write to that folder could have made a link of it meanwhile */
	if (p && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    lchown(path, p->pw_uid, p->pw_gid) != 0)
		return; /* then a log that is rotated needs its `create` */
}

void confine_memory(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* ---- Landlock ----------------------------------------------------------------------------- */

enum {
	READING = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	KEEPING = READING | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		  LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

static bool allow(int rules, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = access,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	if (beneath.parent_fd < 0)
		return errno == ENOENT;
	long done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	close(beneath.parent_fd);
	return done == 0;
}

/* Some systems keep these elsewhere, and only links in /etc. */
static bool allow_resolver(int rules)
{
	static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts",
					     "/etc/nsswitch.conf" };
	bool done = true;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[PATH_MAX];
		if (realpath(files[i], path))
			done &= allow(rules, dirname(path), READING);
	}
	return done;
}

static bool confine_files(const char *const *folder, size_t folders)
{
	/* All that the first version of Landlock knows. */
	struct landlock_ruleset_attr attr = { .handled_access_fs =
						      (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	long rules = syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return false;
	bool done = allow((int)rules, "/etc", READING) && allow((int)rules, "/run", READING) &&
		    allow_resolver((int)rules);
	for (size_t i = 0; i < folders; i++)
		done = done && allow((int)rules, folder[i], KEEPING);
	done = done && syscall(SYS_landlock_restrict_self, (int)rules, 0) == 0;
	close((int)rules);
	return done;
}

/* ---- seccomp ------------------------------------------------------------------------------ */

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

/* The sanitizers make calls of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef OUR_ARCH
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef OUR_ARCH
#endif
#endif

#ifdef OUR_ARCH
static const int WORKERS_CALLS[] = {
	SYS_recvfrom,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_splice,
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_close,
	SYS_accept4,
	SYS_socket,
	SYS_connect,
	SYS_bind,
	SYS_shutdown,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_getsockname,
	SYS_getpeername,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_eventfd2,
	SYS_pipe2,
	SYS_fcntl,
	SYS_ioctl,
	SYS_ppoll,
	SYS_futex,
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_gettimeofday,
	SYS_getrandom,
	SYS_openat,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_getdents64,
	SYS_uname,
	SYS_sysinfo,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_tgkill,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_membarrier,
	SYS_rseq,
	SYS_set_robust_list,
	SYS_prlimit64,
	SYS_restart_syscall,
	SYS_exit,
	SYS_exit_group,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
	SYS_poll,
	SYS_time,
	SYS_open,
	SYS_stat,
	SYS_select,
#endif
};

/* What making threads and keeping files takes besides. */
static const int KEEPERS_CALLS[] = {
	SYS_clone,      SYS_clone3,     SYS_setpriority, SYS_unlinkat, SYS_renameat2, SYS_faccessat,
	SYS_faccessat2, SYS_readlinkat, SYS_pread64,     SYS_pwrite64, SYS_ftruncate, SYS_fallocate,
	SYS_fadvise64,  SYS_fsync,      SYS_fdatasync,   SYS_fchmod,   SYS_fchown,    SYS_getcwd,
#ifdef SYS_unlink
	SYS_unlink,     SYS_rename,     SYS_access,      SYS_readlink, SYS_lstat,
#endif
};

enum {
	WORKERS = sizeof WORKERS_CALLS / sizeof *WORKERS_CALLS,
	KEEPERS = sizeof KEEPERS_CALLS / sizeof *KEEPERS_CALLS,
};

static bool confine_calls(bool keeper)
{
	struct sock_filter code[WORKERS + KEEPERS + 7];
	unsigned calls = keeper ? WORKERS + KEEPERS : WORKERS;
	unsigned short n = 0;
#define OP(...) (code[n++] = (struct sock_filter)__VA_ARGS__)
	OP(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	OP(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0));
	OP(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	OP(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	for (unsigned i = 0; i < calls; i++) { /* to the last instruction: allowed */
		int call = i < WORKERS ? WORKERS_CALLS[i] : KEEPERS_CALLS[i - WORKERS];
		OP(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, calls - i, 0));
	}
	OP(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	OP(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
#undef OP
	struct sock_fprog program = { .len = n, .filter = code };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}
#else
static bool confine_calls(bool keeper)
{
	(void)keeper;
	return false;
}
#endif

static void confine(bool keeper, const char *const *folder, size_t folders, bool *ret_landlock,
		    bool *ret_seccomp)
{
	*ret_landlock = *ret_seccomp = false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return;
	*ret_landlock = confine_files(folder, folders);
	*ret_seccomp = confine_calls(keeper);
}

void confine_worker(bool *ret_landlock, bool *ret_seccomp)
{
	confine(false, NULL, 0, ret_landlock, ret_seccomp);
}

void confine_keeper(const char *const *folder, size_t folders, bool *ret_landlock,
		    bool *ret_seccomp)
{
	confine(true, folder, folders, ret_landlock, ret_seccomp);
}
