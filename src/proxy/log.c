/* The queue and its writer: lines are copied to the end of one buffer, under a lock that nobody
 * holds while waiting for anything, while the writer empties the other; then they change places. */
#include "proxy/log.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	HALF = 512 << 10,
	ONE_WRITE = 64 << 10,
	LINGER_MS = 5,  /* lines gather for so long: one write, and one waking, for many */
	RETRY_MS = 500, /* where the sink can't tell when it will take more */
	LAST_MS = 1000, /* for what is queued when it is closed */
	STACK = 64 << 10,
	DATAGRAM = 8000,
	NOTE = 160,
};

enum sink { SINK_FILE, SINK_OUTPUT, SINK_SYSLOG };

struct log {
	enum sink sink;
	_Atomic enum log_format format;
	char *path;
	pthread_t thread;
	_Atomic uint64_t dropped;
	_Atomic bool closing;

	/* the writer's own */
	int fd;       /* -1: to be opened */
	uint8_t *out; /* lines, and how much of them is written */
	size_t out_at, out_len;

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t work;
	uint8_t *fill;
	size_t fill_len;
	uint64_t untold; /* dropped, and not yet spoken of */
	bool asleep, reopen;
	char *next_path; /* to go there; NULL: to stay */
	int next_fd;     /* opened already; -1: not yet there (can_come) */
};

/* ---- the queue; under the lock
 * ---------------------------------------------------------------------- */

static bool put(struct log *l, struct slice line)
{
	if (line.len > HALF - l->fill_len)
		return false;
	memcpy(l->fill + l->fill_len, line.at, line.len);
	l->fill_len += line.len;
	return true;
}

/* One line for those that there was no room for, where they would stand. */
static bool tell_dropped(struct log *l)
{
	char text[NOTE], stamp[32];
	struct timespec t;
	struct tm tm;
	if (l->untold == 0)
		return true;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	const char *form = l->format == LOG_JSON
				   ? "{\"v\":1,\"log\":\"dropped\",\"at\":\"%s\",\"lines\":%llu}\n"
				   : "%s %llu lines were lost here: the log could not be written\n";
	snprintf(text, sizeof text, form, stamp, (unsigned long long)l->untold);
	if (!put(l, slice_of(text)))
		return false;
	l->untold = 0;
	return true;
}

static void wake(struct log *l)
{
	if (l->asleep)
		pthread_cond_signal(&l->work);
}

void log_add(struct log *l, struct slice line)
{
	if (!l || line.len == 0)
		return;
	pthread_mutex_lock(&l->lock);
	bool full = l->untold && HALF - l->fill_len < NOTE + line.len;
	if (full || !tell_dropped(l) || !put(l, line)) {
		l->untold++;
		l->dropped++;
	}
	wake(l);
	pthread_mutex_unlock(&l->lock);
}

/* The writer has emptied its buffer: it takes the other. What was lost came behind all in it. */
static void change_places(struct log *l)
{
	uint8_t *emptied = l->out;
	bool told = tell_dropped(l);
	l->out = l->fill;
	l->out_len = l->fill_len;
	l->out_at = 0;
	l->fill = emptied;
	l->fill_len = 0;
	if (!told)
		tell_dropped(l);
}

/* ---- where it goes
 * ----------------------------------------------------------------------------------
 */

/* Not to wait for a FIFO that nobody reads. */
static int open_file(const char *path)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags, 0640);
	return fd < 0 ? -errno : fd;
}

static int open_syslog(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	int code = -errno;
	if (fd >= 0)
		close(fd);
	return code;
}

static enum sink sink_of(const char *path)
{
	return strcmp(path, "-") == 0        ? SINK_OUTPUT
	       : strcmp(path, "syslog") == 0 ? SINK_SYSLOG
					     : SINK_FILE;
}

static int open_sink(const char *path)
{
	enum sink sink = sink_of(path);
	if (sink == SINK_OUTPUT)
		return STDOUT_FILENO;
	return sink == SINK_SYSLOG ? open_syslog() : open_file(path);
}

/* A reader, room, a syslog that is started: there is no need to give up now. */
static bool can_come(const char *path, int code)
{
	return code == -ENXIO || code == -ENOSPC || sink_of(path) != SINK_FILE;
}

/* *ret_fd: -1 for one that can come. Negative errno. */
static int open_first(const char *path, int *ret_fd, struct error *err)
{
	int fd = open_sink(path);
	if (fd < 0 && !can_come(path, fd))
		return err_set(err, fd, "open the log %s: %s", path, strerror(-fd));
	*ret_fd = fd < 0 ? -1 : fd;
	return 0;
}

static void close_sink(struct log *l)
{
	if (l->fd > STDERR_FILENO)
		close(l->fd);
	l->fd = -1;
	while (l->out_at > 0 && l->out[l->out_at - 1] != '\n')
		l->out_at--; /* the line begins anew where it goes next */
}

/* ---- the writer: no lock held, but where it touches the queue
 * --------------------------------------- */

static bool can_take(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	return poll(&p, 1, wait_ms) == 1 && (p.revents & POLLOUT);
}

/* What one write may take: whole lines, as a successor writes to the same file while it takes over. */
static size_t one_write(const struct log *l, size_t most)
{
	const uint8_t *at = l->out + l->out_at;
	size_t left = l->out_len - l->out_at;
	if (left <= most)
		return left;
	const uint8_t *end = memrchr(at, '\n', most);
	return end ? (size_t)(end + 1 - at) : most;
}

/* Standard output is other people's too, and may wait: asked first, a pipe takes a page. */
static bool write_some(struct log *l)
{
	size_t len = one_write(l, l->sink == SINK_OUTPUT ? PIPE_BUF : ONE_WRITE);
	if (l->sink == SINK_OUTPUT && !can_take(l->fd, 0)) {
		errno = EAGAIN;
		return false;
	}
	ssize_t n = write(l->fd, l->out + l->out_at, len);
	l->out_at += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* RFC 3164, as /dev/log has it: facility daemon, severity informational. */
static bool send_line(struct log *l)
{
	static const char tag[] = "<30>viaduct: ";
	uint8_t datagram[sizeof tag + DATAGRAM];
	struct slice rest = { l->out + l->out_at, l->out_len - l->out_at };
	size_t whole = slice_find_byte(rest, '\n');
	size_t len = whole < DATAGRAM ? whole : DATAGRAM; /* a longer one is cut */
	memcpy(datagram, tag, sizeof tag - 1);
	memcpy(datagram + sizeof tag - 1, rest.at, len);
	if (send(l->fd, datagram, sizeof tag - 1 + len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    errno != EMSGSIZE)
		return false;
	l->out_at += whole + 1;
	return true;
}

static bool write_on(struct log *l)
{
	if (l->fd < 0) {
		int fd = open_sink(l->path);
		errno = fd < 0 ? -fd : 0;
		l->fd = fd < 0 ? -1 : fd;
	}
	if (l->fd < 0)
		return false;
	return l->sink == SINK_SYSLOG ? send_line(l) : write_some(l);
}

static struct timespec after_ms(int ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms % 1000 * 1000000L;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static bool is_past(const struct timespec *t)
{
	struct timespec now = after_ms(0);
	return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

/* Under the lock. */
static bool has_orders(const struct log *l)
{
	return l->reopen || l->next_path || l->closing;
}

/* It did not take anything: until it may, or the log is reopened or closed. */
static void wait_for_sink(struct log *l, int code)
{
	if (code == EAGAIN && l->fd >= 0) {
		can_take(l->fd, RETRY_MS / 5); /* short, as closing waits for it */
		return;
	}
	if (code == EPIPE || code == ECONNREFUSED || code == ENOTCONN || code == ECONNRESET)
		close_sink(l);
	struct timespec until = after_ms(RETRY_MS);
	pthread_mutex_lock(&l->lock);
	l->asleep = true;
	while (!has_orders(l) && !is_past(&until))
		pthread_cond_timedwait(&l->work, &l->lock, &until);
	l->asleep = false;
	pthread_mutex_unlock(&l->lock);
}

/* Until there is something to do; true: it had to wait for that. */
static bool await_work(struct log *l)
{
	bool waited = false;
	pthread_mutex_lock(&l->lock);
	while (l->fill_len == 0 && l->untold == 0 && !has_orders(l)) {
		l->asleep = waited = true;
		pthread_cond_wait(&l->work, &l->lock);
	}
	l->asleep = false;
	pthread_mutex_unlock(&l->lock);
	return waited;
}

static void linger(const struct log *l)
{
	if (!l->closing)
		nanosleep(&(struct timespec){ .tv_nsec = LINGER_MS * 1000000L }, NULL);
}

static void go_to(struct log *l, char *path, int fd)
{
	close_sink(l);
	free(l->path);
	l->path = path;
	l->sink = sink_of(path);
	l->fd = fd;
}

/* After logrotate has renamed the file: its place is taken by a new one. */
static void open_again(struct log *l)
{
	int fd = open_sink(l->path);
	if (fd < 0)
		return; /* better the old file than none */
	if (l->sink != SINK_OUTPUT)
		close_sink(l);
	l->fd = fd;
}

static void look_at_requests(struct log *l)
{
	pthread_mutex_lock(&l->lock);
	bool reopen = l->reopen;
	char *path = l->next_path;
	int fd = l->next_fd;
	l->reopen = false;
	l->next_path = NULL;
	if (l->out_at == l->out_len)
		change_places(l);
	pthread_mutex_unlock(&l->lock);
	if (path)
		go_to(l, path, fd);
	if (reopen)
		open_again(l);
}

static void *write_lines(void *context)
{
	struct log *l = context;
	struct timespec last = { 0 };
	for (;;) {
		if (l->out_at == l->out_len) {
			/* at first, so that nobody has to wake it while lines keep coming */
			linger(l);
			if (await_work(l))
				linger(l);
		}
		if (l->closing && !last.tv_sec)
			last = after_ms(LAST_MS);
		look_at_requests(l);
		bool done = l->out_at == l->out_len;
		if (l->closing && (done || is_past(&last)))
			return NULL;
		if (!done && !write_on(l))
			wait_for_sink(l, errno);
	}
}

/* ---- life
 * -------------------------------------------------------------------------------------------
 */

/* Signals are for the server's threads. */
static int start(struct log *l, struct error *err)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&l->thread, &attr, write_lines, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return code ? err_set(err, -code, "start the log's thread: %s", strerror(code)) : 0;
}

static void take_next(struct log *l, char *path, int fd)
{
	if (l->next_path && l->next_fd > STDERR_FILENO)
		close(l->next_fd);
	free(l->next_path);
	l->next_path = path;
	l->next_fd = fd;
}

static void give_up(struct log *l)
{
	close_sink(l);
	free(l->fill);
	free(l->out);
	free(l->path);
	take_next(l, NULL, -1);
	free(l);
}

struct log *log_open(const struct config_log *options, struct error *err)
{
	struct log *l = calloc(1, sizeof *l);
	if (l)
		*l = (struct log){ .fd = -1,
				   .fill = malloc(HALF), /* takes memory as it fills */
				   .out = malloc(HALF),
				   .path = strdup(options->path) };
	if (!l || !l->fill || !l->out || !l->path) {
		err_set(err, -ENOMEM, "no memory for the log %s", options->path);
		if (l)
			give_up(l);
		return NULL;
	}
	l->format = options->format;
	l->sink = sink_of(l->path);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->work, &clock);
	pthread_condattr_destroy(&clock);
	if (open_first(l->path, &l->fd, err) == 0 && start(l, err) == 0)
		return l;
	give_up(l);
	return NULL;
}

int log_move(struct log *l, const struct config_log *options, struct error *err)
{
	char *path = strdup(options->path);
	if (!path)
		return err_set(err, -ENOMEM, "no memory for the log %s", options->path);
	int fd, code = open_first(path, &fd, err);
	if (code < 0) {
		free(path);
		return code;
	}
	pthread_mutex_lock(&l->lock);
	take_next(l, path, fd);
	l->format = options->format;
	wake(l);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

void log_reopen(struct log *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->reopen = true;
	wake(l);
	pthread_mutex_unlock(&l->lock);
}

uint64_t log_dropped(const struct log *l)
{
	return l ? l->dropped : 0;
}

void log_close(struct log *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	wake(l);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->work);
	give_up(l);
}
