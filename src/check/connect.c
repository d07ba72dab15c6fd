/* Names to addresses, addresses to a socket. */
#include "check/connect.h"

#include "check/choice.h"
#include "net/sockaddr.h"
#include "net/socket.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static nanos clock_of(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec / 1000 * 1000;
}

static _Atomic nanos offset = NO_TIME;

void check_set_clock(void)
{
	offset = clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC);
}

nanos check_now(void)
{
	if (offset == NO_TIME)
		check_set_clock();
	return offset + clock_of(CLOCK_MONOTONIC);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void add_address(struct check_addresses *list, const struct addrinfo *info, uint16_t port)
{
	struct address a;
	if (!address_of_found(info, port, &a))
		return;
	for (size_t i = 0; i < list->count; i++)
		if (address_equal(&list->address[i], &a))
			return;
	if (list->count < CHECK_MAX_ADDRESSES)
		list->address[list->count++] = a;
}

static const char *resolver_says(int code)
{
	return code == EAI_INPROGRESS ? "the resolver did not answer" : gai_strerror(code);
}

/* A question to the resolver. One that is still asked when we give up is left with what it writes
 * to, in a list, until a later one finds it answered. */
struct question {
	struct gaicb ask;
	struct question *next;
	char name[CHECK_MAX_HOST + 1];
};

static struct question *left;
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;

static void forget(struct question *q)
{
	if (q->ask.ar_result)
		freeaddrinfo(q->ask.ar_result);
	free(q);
}

static void leave(struct question *q)
{
	pthread_mutex_lock(&left_lock);
	q->next = left;
	left = q;
	pthread_mutex_unlock(&left_lock);
}

static void clear_up(void)
{
	pthread_mutex_lock(&left_lock);
	for (struct question **at = &left; *at;) {
		struct question *q = *at;
		if (gai_error(&q->ask) == EAI_INPROGRESS) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		forget(q);
	}
	pthread_mutex_unlock(&left_lock);
}

/* On its own thread, since it can't be told how long to take. */
bool check_resolve(const char *host, uint16_t port, nanos patience,
		   struct check_addresses *ret_addresses)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct check_addresses found = { .count = 0 };
	struct timespec wait = { .tv_sec = patience / NANOS_PER_SECOND,
				 .tv_nsec = patience % NANOS_PER_SECOND };
	struct question *q = calloc(1, sizeof *q);
	clear_up();
	if (!q)
		return false;
	snprintf(q->name, sizeof q->name, "%s", host);
	q->ask.ar_name = q->name;
	q->ask.ar_request = &hints;
	int code = getaddrinfo_a(GAI_NOWAIT, (struct gaicb *[]){ &q->ask }, 1, NULL);
	if (code == 0) {
		gai_suspend((const struct gaicb *const[]){ &q->ask }, 1, &wait);
		code = gai_error(&q->ask);
	}
	for (const struct addrinfo *i = code == 0 ? q->ask.ar_result : NULL; i; i = i->ai_next)
		add_address(&found, i, port);
	if (found.count == 0)
		snprintf(found.fault, sizeof found.fault, "%s",
			 resolver_says(code ? code : EAI_NONAME));
	found.failed = code == EAI_INPROGRESS || code == EAI_AGAIN || code == EAI_FAIL ||
		       code == EAI_SYSTEM;
	if (code == EAI_INPROGRESS)
		leave(q);
	else
		forget(q);
	*ret_addresses = found;
	return found.count > 0;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static const nanos NEXT_AFTER = NANOS_PER_SECOND;

static enum check_reach reach_of(int code)
{
	return code == 0                                      ? REACH_CONNECTED
	       : code == -ECONNREFUSED || code == -ECONNRESET ? REACH_REFUSED
	       : code == -ETIMEDOUT                           ? REACH_SILENT
							      : REACH_UNREACHABLE;
}

static void end_attempt(struct check_attempt *a, int code, enum check_reach how)
{
	struct net_facts facts;
	if (a->fd >= 0 && net_facts(a->fd, &facts) == 0 && how != REACH_REFUSED)
		a->syns = 1 + facts.retrans;
	a->code = code;
	a->told = a->fd >= 0 && code != 0 && net_icmp_error(a->fd, &a->icmp);
	a->how = a->told ? REACH_UNREACHABLE : how;
	a->ended = check_now();
	if (how == REACH_CONNECTED)
		net_stop_asking(a->fd, &a->to);
	if (a->fd >= 0 && a->how != REACH_CONNECTED) {
		net_close(a->fd);
		a->fd = -1;
	}
}

static void begin_attempt(struct check_attempt *a, uint32_t mss)
{
	int code;
	a->begun = check_now();
	a->fd = net_connect_asking(&a->to, mss, &code);
	a->how = REACH_UNDER_WAY;
	a->syns = 1;
	if (a->fd >= 0 && (code == 0 || code == -EINPROGRESS))
		return;
	if (a->fd < 0)
		code = a->fd;
	/* at once: a loopback address, and what stands before it; or nothing was sent */
	end_attempt(a, code, reach_of(code));
	a->syns = code == -ECONNREFUSED || a->told;
}

/* The first that is connected; else `count`. */
static size_t look(struct check_attempts *t, nanos patience)
{
	struct pollfd fds[CHECK_MAX_ADDRESSES];
	nanos now = check_now();
	for (size_t i = 0; i < t->count; i++)
		fds[i] = (struct pollfd){ .fd = t->attempt[i].fd, .events = POLLOUT };
	if (poll(fds, t->count, 0) < 0)
		return t->count;
	for (size_t i = 0; i < t->count; i++) {
		struct check_attempt *a = &t->attempt[i];
		if (a->how != REACH_UNDER_WAY)
			continue;
		if (fds[i].revents) {
			int code = net_connect_result(a->fd);
			end_attempt(a, code, reach_of(code));
			if (code == 0)
				return i;
		} else if (now - a->begun >= patience) {
			end_attempt(a, -ETIMEDOUT, REACH_SILENT);
		}
	}
	return t->count;
}

/* Until the next attempt is due, one gives up, or something happens. */
static void wait_for_news(const struct check_attempts *t, nanos until)
{
	struct pollfd fds[CHECK_MAX_ADDRESSES];
	nanos left = until - check_now();
	int ms = left <= 0 ? 0 : (int)(left / NANOS_PER_MS) + 1;
	for (size_t i = 0; i < t->count; i++)
		fds[i] = (struct pollfd){ .fd = t->attempt[i].fd, .events = POLLOUT };
	poll(fds, t->count, ms);
}

int check_connect(const struct check_addresses *addresses, uint32_t mss, nanos patience,
		  struct check_attempts *ret_attempts, size_t *ret_made)
{
	struct check_attempts *t = ret_attempts;
	size_t begun = 0, made;
	*t = (struct check_attempts){ .count = addresses->count };
	for (size_t i = 0; i < t->count; i++)
		t->attempt[i] = (struct check_attempt){ .to = addresses->address[i], .fd = -1 };
	for (;;) {
		made = look(t, patience);
		bool waiting = false;
		nanos until = INT64_MAX;
		for (size_t i = 0; i < begun; i++) {
			const struct check_attempt *a = &t->attempt[i];
			waiting = waiting || a->how == REACH_UNDER_WAY;
			if (a->how == REACH_UNDER_WAY && a->begun + patience < until)
				until = a->begun + patience;
		}
		const struct check_attempt *last = begun ? &t->attempt[begun - 1] : NULL;
		bool due = !last || last->how != REACH_UNDER_WAY ||
			   check_now() - last->begun >= NEXT_AFTER;
		if (made < t->count || (!waiting && begun == t->count))
			break;
		if (begun < t->count && due) {
			begin_attempt(&t->attempt[begun++], mss);
			continue;
		}
		if (begun < t->count && last->begun + NEXT_AFTER < until)
			until = last->begun + NEXT_AFTER;
		wait_for_news(t, until);
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->attempt[i].how == REACH_UNDER_WAY)
			end_attempt(&t->attempt[i], -ETIMEDOUT, REACH_SILENT);
	*ret_made = made;
	return made < t->count ? t->attempt[made].fd : -1;
}

const char *check_reach_name(enum check_reach how)
{
	static const char *const names[] = {
		[REACH_UNTRIED] = "not tried",       [REACH_UNDER_WAY] = "under way",
		[REACH_CONNECTED] = "connected",     [REACH_REFUSED] = "refused",
		[REACH_UNREACHABLE] = "unreachable", [REACH_SILENT] = "no answer",
	};
	return names[how];
}
