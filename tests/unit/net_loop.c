/* net: the loop, its watches, timers, calls and clocks, over socket pairs. */
#include "net/loop.h"
#include "net/wheel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct net_loop *loop;

static int begin(void **state)
{
	(void)state;
	struct error err;
	loop = net_loop_new(&err);
	return loop ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	net_loop_free(loop);
	return 0;
}

/* ---- watches ------------------------------------------------------------------------------ */

struct end {
	struct net_watch watch;
	unsigned told, count;
	void (*then)(struct end *e);
	struct end *other;
};

static void on_ready(struct net_watch *w, unsigned what)
{
	struct end *e = (struct end *)w;
	e->told |= what;
	e->count++;
	if (e->then)
		e->then(e);
}

static void stop_loop(struct end *e)
{
	(void)e;
	net_loop_stop(loop);
}

static void pair(struct end *a, struct end *b)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	*a = (struct end){ .watch = { .ready = on_ready, .fd = fd[0] }, .other = b };
	*b = (struct end){ .watch = { .ready = on_ready, .fd = fd[1] }, .other = a };
}

static void last_call(struct net_call *c)
{
	(void)c;
	net_loop_stop(loop);
}

/* A round of the loop with all that is ready now. */
static void run_once(void)
{
	struct net_call c = { .run = last_call };
	net_loop_later(loop, &c);
	net_loop_run(loop);
}

static void readiness_is_told_once(void **state)
{
	(void)state;
	struct end a, b;
	pair(&a, &b);
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	run_once();
	assert_int_equal(a.told, NET_WRITABLE);
	assert_int_equal(a.count, 1);
	run_once();
	assert_int_equal(a.count, 1);
	a.told = 0;
	assert_int_equal(write(b.watch.fd, "x", 1), 1);
	run_once();
	assert_int_equal(a.told, NET_READABLE | NET_WRITABLE);
	assert_int_equal(a.count, 2);
	run_once();
	assert_int_equal(a.count, 2);
	assert_int_equal(shutdown(b.watch.fd, SHUT_WR), 0);
	run_once();
	assert_true(a.told & NET_HANGUP);
	assert_false(a.told & NET_FAILED);
	net_watch_close(loop, &a.watch);
	assert_int_equal(a.watch.fd, -1);
	net_watch_close(loop, &a.watch);
	close(b.watch.fd);
}

static void a_moved_watch_tells_the_other(void **state)
{
	(void)state;
	struct end a, b, heir = { .watch = { .ready = on_ready, .fd = -1 } };
	pair(&a, &b);
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	net_watch_move(loop, &a.watch, &heir.watch);
	assert_int_equal(a.watch.fd, -1);
	run_once();
	assert_int_equal(a.count, 0);
	assert_int_equal(heir.count, 1);
	net_watch_close(loop, &a.watch); /* has nothing any more */
	assert_int_equal(write(b.watch.fd, "x", 1), 1);
	run_once();
	assert_int_equal(heir.count, 2);
	net_watch_close(loop, &heir.watch);
	close(b.watch.fd);
}

static void a_stopped_watch_keeps_its_socket(void **state)
{
	(void)state;
	struct end a, b;
	pair(&a, &b);
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	net_watch_stop(loop, &a.watch);
	net_watch_stop(loop, &a.watch);
	run_once();
	assert_int_equal(a.count, 0);
	assert_int_equal(write(a.watch.fd, "x", 1), 1);
	assert_int_equal(net_watch_add(loop, &a.watch), 0); /* and may be watched again */
	run_once();
	assert_int_equal(a.count, 1);
	net_watch_close(loop, &a.watch);
	close(b.watch.fd);
}

static struct end heir;

/* The first of two that are ready closes the second; its number is given out anew, and watched. */
static void close_other_and_reuse(struct end *e)
{
	int fd = e->other->watch.fd, fresh[2];
	if (fd < 0)
		return;
	net_watch_close(loop, &e->other->watch);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fresh), 0);
	assert_true(fresh[0] == fd);
	heir = (struct end){ .watch = { .ready = on_ready, .fd = fresh[0] } };
	assert_int_equal(net_watch_add(loop, &heir.watch), 0);
	assert_int_equal(heir.count, 0);
	e->told = (unsigned)fresh[1];
}

static void stale_events_are_told_to_nobody(void **state)
{
	(void)state;
	struct end a, b;
	pair(&a, &b);
	a.then = b.then = close_other_and_reuse;
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	assert_int_equal(net_watch_add(loop, &b.watch), 0);
	run_once(); /* both ready in one batch: the heir must not have heard of it */
	assert_int_equal(a.count + b.count, 1);
	assert_int_equal(heir.count, 0);
	run_once();
	assert_int_equal(heir.count, 1);
	assert_int_equal(heir.told, NET_WRITABLE);
	net_watch_close(loop, &heir.watch);
	struct end *alive = a.watch.fd < 0 ? &b : &a;
	close((int)alive->told);
	net_watch_close(loop, &alive->watch);
}

static void free_other(struct end *e)
{
	net_watch_close(loop, &e->other->watch);
	free(e->other);
	net_watch_close(loop, &e->watch);
	free(e); /* its own watch, too */
}

static void anybody_may_be_freed_in_a_callback(void **state)
{
	(void)state;
	struct end *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	assert_true(a && b);
	pair(a, b);
	a->then = b->then = free_other;
	assert_int_equal(net_watch_add(loop, &a->watch), 0);
	assert_int_equal(net_watch_add(loop, &b->watch), 0);
	run_once();
}

static void the_table_grows(void **state)
{
	(void)state;
	struct end a, b;
	pair(&a, &b);
	int far = fcntl(a.watch.fd, F_DUPFD_CLOEXEC, 900);
	assert_true(far >= 900);
	close(a.watch.fd);
	a.watch.fd = far;
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	assert_int_equal(net_watch_add(loop, &b.watch), 0);
	run_once();
	assert_int_equal(a.count, 1);
	assert_int_equal(b.count, 1);
	net_watch_close(loop, &a.watch);
	net_watch_close(loop, &b.watch);
}

static void what_cannot_be_watched_says_so(void **state)
{
	(void)state;
	struct net_watch file = { .ready = on_ready, .fd = open("/dev/null", O_RDONLY) };
	assert_int_equal(net_watch_add(loop, &file), -EPERM);
	close(file.fd);
	assert_int_equal(net_watch_add(loop, &file), -EBADF);
}

/* ---- timers ------------------------------------------------------------------------------- */

struct alarm {
	struct net_timer timer;
	nanos wanted, fired;
	void (*then)(struct alarm *a);
	struct alarm *other;
};

static void on_fire(struct net_timer *t)
{
	struct alarm *a = (struct alarm *)t;
	assert_false(net_timer_is_set(t));
	a->fired = net_now(loop);
	if (a->then)
		a->then(a);
}

static void stop_after(struct alarm *a)
{
	(void)a;
	net_loop_stop(loop);
}

static void timers_are_never_early(void **state)
{
	(void)state;
	struct alarm a[8];
	nanos now = net_now(loop);
	for (int i = 0; i < 8; i++) {
		a[i] = (struct alarm){ .timer.fire = on_fire,
				       .wanted = now + (8 - i) * 9 * NANOS_PER_MS };
		(i & 1 ? net_timer_set : net_timer_set_fine)(loop, &a[i].timer, a[i].wanted);
	}
	struct alarm last = { .timer.fire = on_fire, .then = stop_after };
	net_timer_set(loop, &last.timer, now + 300 * NANOS_PER_MS);
	net_timer_stop(loop, &a[5].timer);
	net_timer_stop(loop, &a[5].timer);
	net_timer_set_fine(loop, &a[6].timer, a[6].wanted = now + 30 * NANOS_PER_MS); /* anew */
	net_loop_run(loop);
	for (int i = 0; i < 8; i++) {
		if (i == 5)
			assert_int_equal(a[i].fired, 0);
		else
			assert_true(a[i].fired >= a[i].wanted);
	}
}

static void stop_other(struct alarm *a)
{
	net_timer_stop(loop, &a->other->timer);
}

static void a_timer_may_stop_one_that_is_due(void **state)
{
	(void)state;
	struct alarm a = { .timer.fire = on_fire, .then = stop_other },
		     b = { .timer.fire = on_fire, .then = stop_other, .other = &a }, last;
	a.other = &b;
	last = (struct alarm){ .timer.fire = on_fire, .then = stop_after };
	nanos now = net_now(loop);
	net_timer_set_fine(loop, &a.timer, now);
	net_timer_set_fine(loop, &b.timer, now);
	net_timer_set_fine(loop, &last.timer, now + 5 * NANOS_PER_MS);
	net_loop_run(loop);
	assert_true((a.fired != 0) + (b.fired != 0) == 1);
}

static void set_again(struct alarm *a)
{
	if (++a->wanted == 3)
		net_loop_stop(loop);
	else
		net_timer_set_fine(loop, &a->timer, net_now(loop));
}

static void a_timer_may_set_itself_again(void **state)
{
	(void)state;
	struct alarm a = { .timer.fire = on_fire, .then = set_again };
	net_timer_set_fine(loop, &a.timer, NO_TIME);
	net_loop_run(loop);
	assert_int_equal(a.wanted, 3);
}

/* The wheel by itself, where time is what the test says. */
static void a_wheel_keeps_its_word_however_time_jumps(void **state)
{
	(void)state;
	enum { TIMERS = 500 };
	static struct alarm a[TIMERS];
	static struct wheel w;
	const nanos tick = 1 << 20;
	nanos now = (INT64_C(1) << 52) - 700 * tick; /* the count of ticks wraps on the way */
	uint32_t seed = 1;
	wheel_init(&w, 20, now);
	assert_true(wheel_next(&w, now) == INT64_MAX);
	size_t left = TIMERS;
	for (size_t i = 0; i < TIMERS; i++) {
		seed = seed * 1664525 + 1013904223;
		a[i] = (struct alarm){ .wanted = now + (nanos)(seed >> 8) * 512 };
		wheel_set(&w, &a[i].timer, now, a[i].wanted);
	}
	while (left) {
		nanos next = wheel_next(&w, now);
		assert_true(next > now);
		seed = seed * 1664525 + 1013904223;
		now = seed & 256 ? next : now + (nanos)(seed >> 16) * tick / 8;
		struct net_timer *due = NULL;
		wheel_advance(&w, now, &due);
		while (due) {
			((struct alarm *)due)->fired = now;
			wheel_emptied(&w, wheel_unlink(due));
			left--;
		}
		for (size_t i = 0; i < TIMERS; i++) { /* late by less than a tick */
			assert_true(a[i].fired ? a[i].fired >= a[i].wanted
					       : now < a[i].wanted + tick);
			assert_true(!a[i].fired || !net_timer_is_set(&a[i].timer));
		}
	}
	assert_true(wheel_next(&w, now) == INT64_MAX);
}

static void a_wheel_with_nothing_set_is_asleep(void **state)
{
	(void)state;
	static struct wheel w;
	struct net_timer t = { .prev = NULL }, far = { .prev = NULL };
	nanos now = 5 * NANOS_PER_SECOND;
	wheel_init(&w, 26, now);
	wheel_set(&w, &t, now, now + NANOS_PER_SECOND);
	assert_true(wheel_next(&w, now) <= now + NANOS_PER_SECOND + (1 << 26));
	wheel_set(&w, &far, now, INT64_MAX);
	wheel_emptied(&w, wheel_unlink(&t));
	struct net_timer *due = NULL;
	for (int i = 0; i < 40; i++) {
		now += 60 * NANOS_PER_SECOND;
		wheel_advance(&w, now, &due);
	}
	assert_null(due);
	wheel_emptied(&w, wheel_unlink(&far));
	assert_true(wheel_next(&w, now) == INT64_MAX);
}

/* ---- calls and clocks --------------------------------------------------------------------- */

enum { THREADS = 4, CALLS = 2000 };

struct numbered {
	struct net_call call;
	int thread, number;
};

static int last_seen[THREADS], seen;

static void on_call(struct net_call *c)
{
	struct numbered *n = (struct numbered *)c;
	assert_int_equal(last_seen[n->thread], n->number); /* in order */
	last_seen[n->thread]++;
	free(n);
	if (++seen == THREADS * CALLS)
		net_loop_stop(loop);
}

static void *call_often(void *thread)
{
	for (int i = 0; i < CALLS; i++) {
		struct numbered *n = malloc(sizeof *n);
		*n = (struct numbered){ .call.run = on_call,
					.thread = *(int *)thread,
					.number = i };
		net_loop_call(loop, &n->call);
	}
	return NULL;
}

static void other_threads_may_call(void **state)
{
	(void)state;
	pthread_t thread[THREADS];
	int number[THREADS];
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, call_often, &number[i]), 0);
	}
	net_loop_run(loop);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(seen, THREADS * CALLS);
}

static int later_runs;

static void call_again(struct net_call *c)
{
	if (++later_runs == 3)
		net_loop_stop(loop);
	else
		net_loop_later(loop, c);
}

static void later_comes_after_all_events(void **state)
{
	(void)state;
	struct end a, b;
	pair(&a, &b);
	struct net_call c = { .run = call_again };
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	net_loop_later(loop, &c);
	net_loop_run(loop);
	assert_int_equal(later_runs, 3);
	assert_int_equal(a.count, 1);
	net_watch_close(loop, &a.watch);
	close(b.watch.fd);
}

static void the_clocks_agree(void **state)
{
	(void)state;
	nanos now = net_now(loop), wall = net_wall(loop);
	struct alarm a = { .timer.fire = on_fire, .then = stop_after };
	net_timer_set_fine(loop, &a.timer, now + 3 * NANOS_PER_MS);
	net_loop_run(loop);
	assert_true(net_now(loop) - now >= 3 * NANOS_PER_MS);
	nanos apart = net_wall(loop) - wall - (net_now(loop) - now);
	assert_true(apart > -NANOS_PER_SECOND && apart < NANOS_PER_SECOND);
	assert_true(wall > INT64_C(1700000000) * NANOS_PER_SECOND);
}

static void a_stopped_loop_returns_at_once(void **state)
{
	(void)state;
	net_loop_stop(loop);
	net_loop_run(loop);
	struct end a, b;
	pair(&a, &b);
	a.then = stop_loop;
	assert_int_equal(net_watch_add(loop, &a.watch), 0);
	net_loop_run(loop); /* and may be run again */
	assert_int_equal(a.count, 1);
	net_watch_close(loop, &a.watch);
	close(b.watch.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(readiness_is_told_once, begin, end),
		cmocka_unit_test_setup_teardown(a_moved_watch_tells_the_other, begin, end),
		cmocka_unit_test_setup_teardown(a_stopped_watch_keeps_its_socket, begin, end),
		cmocka_unit_test_setup_teardown(stale_events_are_told_to_nobody, begin, end),
		cmocka_unit_test_setup_teardown(anybody_may_be_freed_in_a_callback, begin, end),
		cmocka_unit_test_setup_teardown(the_table_grows, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_watched_says_so, begin, end),
		cmocka_unit_test_setup_teardown(timers_are_never_early, begin, end),
		cmocka_unit_test_setup_teardown(a_timer_may_stop_one_that_is_due, begin, end),
		cmocka_unit_test_setup_teardown(a_timer_may_set_itself_again, begin, end),
		cmocka_unit_test(a_wheel_keeps_its_word_however_time_jumps),
		cmocka_unit_test(a_wheel_with_nothing_set_is_asleep),
		cmocka_unit_test_setup_teardown(other_threads_may_call, begin, end),
		cmocka_unit_test_setup_teardown(later_comes_after_all_events, begin, end),
		cmocka_unit_test_setup_teardown(the_clocks_agree, begin, end),
		cmocka_unit_test_setup_teardown(a_stopped_loop_returns_at_once, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
