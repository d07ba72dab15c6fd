/* viaduct check --every: rounds at fixed times, a line for each check, and a door with the figures.
 *
 * The loop has the clock, the door and the signals; a round has a thread of its own, which blocks,
 * and is left behind when it is time to end. Rounds begin at multiples of the span from the first
 * on, by the monotonic clock: they neither drift nor overlap, and a wall clock that is set moves no
 * more than the times that are shown. */
#include "base/escape.h"
#include "check/connect.h"
#include "cli/check.h"
#include "cli/check_door.h"
#include "cli/check_memory.h"
#include "cli/command.h"
#include "render/targets.h"
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_LIMIT = 1 << 20, ENOUGH = 64 << 10 };

struct every {
	const struct check_wish *wish;
	struct render_style style;
	struct targets *targets;
	const char *profile; /* its name, or NULL */
	struct store *store; /* or NULL */
	bool store_failed;   /* that was said */

	struct net_loop *loop;
	struct net_timer due;
	struct net_call done, stop;
	struct door *door;
	nanos first; /* when the first round began, by the loop's clock */
	bool under_way;
	pthread_t thread;

	pthread_mutex_t lock; /* on what follows, and on standard output */
	struct memory *memory;
	size_t count;
	struct render_count tally; /* of this round */
	uint64_t rounds, skipped;
	bool good;        /* the last round reached all */
	struct error err; /* of the host's own trouble */
};

/* ---- a result -------------------------------------------------------------------------------- */

static void add_moment(struct buffer *out, nanos t)
{
	struct when w = when_split(t);
	buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ ", w.year, w.month, w.day, w.hour,
		      w.minute, w.second);
}

static void add_changes(struct buffer *out, struct slice changes)
{
	while (changes.len) {
		buffer_add_text(out, "    changed: ");
		buffer_add(out, slice_line(&changes));
		buffer_add_text(out, "\n");
	}
}

static void add_record(struct buffer *out, const struct every *e, const struct outcome *o,
		       struct slice changes)
{
	const char *between = "";
	desk_begin_record(out, o->desk, o->x, o->found);
	buffer_add_text(out, ",\"url\":\"");
	escape_json(out, slice_of(e->memory[o->number].name));
	buffer_printf(out, "\",\"reached\":%s,\"changed\":[", o->reached ? "true" : "false");
	while (changes.len) {
		buffer_printf(out, "%s\"", between);
		escape_json(out, slice_line(&changes));
		buffer_add_text(out, "\"");
		between = ",";
	}
	buffer_add_text(out, "]}\n");
}

/* In full where it is news; of a profile the others are in the round's own line alone. */
static void add_lines(struct buffer *out, const struct every *e, const struct outcome *o, bool news,
		      struct slice changes)
{
	struct render_target row = check_row_of(o);
	struct render_style narrow = e->style;
	row.brief = !news;
	if (e->profile && !news && changes.len == 0)
		return;
	add_moment(out, o->began);
	narrow.width -= narrow.width > 80 ? 21 : 0;
	render_target_row(out, &narrow, &row);
	add_changes(out, changes);
}

static void store_trouble(struct every *e, const struct error *err)
{
	if (!e->store_failed)
		complain("%s; checks are missing from the history from now on", err->text);
	e->store_failed = true;
}

static void on_target(void *context, const struct outcome *o)
{
	struct every *e = context;
	struct memory *m = &e->memory[o->number];
	struct buffer out, changes;
	if (!o->walked && !o->trouble) /* it goes direct */
		return;
	struct error err;
	buffer_init(&out, TEXT_LIMIT);
	buffer_init(&changes, TEXT_LIMIT);
	pthread_mutex_lock(&e->lock);
	if (e->store && o->found &&
	    store_add(e->store, o->x, o->found, STORE_CHECK, 0, NULL, &err) < 0)
		store_trouble(e, &err);
	struct glimpse before = m->now;
	memory_take(m, o, &changes);
	bool same = before.at != NO_TIME && before.reached == m->now.reached &&
		    before.verdict == m->now.verdict;
	struct render_target row = check_row_of(o);
	check_count(&e->tally, &row);
	if (e->tally.targets == e->count) /* who reads the line may ask the door at once */
		e->good = e->tally.reached == e->tally.targets;
	if (e->wish->json)
		add_record(&out, e, o, buffer_slice(&changes));
	else
		add_lines(&out, e, o, !same, buffer_slice(&changes));
	if (out.len)
		fwrite(out.at, 1, out.len, stdout);
	fflush(stdout);
	pthread_mutex_unlock(&e->lock);
	buffer_done(&changes);
	buffer_done(&out);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void print_round(struct every *e)
{
	struct buffer out;
	if (!e->profile || e->wish->json)
		return;
	buffer_init(&out, TEXT_LIMIT);
	add_moment(&out, check_now());
	render_target_count(&out, &e->tally);
	printf("%.*s\n", (int)out.len, (const char *)out.at);
	fflush(stdout);
	buffer_done(&out);
}

static void *run_round(void *context)
{
	struct every *e = context;
	struct error err = { .code = 0 };
	check_set_clock();
	e->tally = (struct render_count){ .targets = 0 };
	targets_round(e->targets, &err);
	pthread_mutex_lock(&e->lock);
	if (ferror(stdout) && !e->door && !err.code) /* nobody listens any more, nor asks */
		err_set(&err, -EPIPE, "the output could not be written");
	e->err = err;
	e->good = err.code == 0 && e->tally.reached == e->tally.targets;
	e->rounds++;
	print_round(e);
	if (e->store && store_flush(e->store, &err) < 0)
		store_trouble(e, &err);
	pthread_mutex_unlock(&e->lock);
	net_loop_call(e->loop, &e->done);
	return NULL;
}

static void begin_round(struct every *e)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the loop's thread */
	e->under_way = pthread_create(&e->thread, NULL, run_round, e) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The next multiple; what the round before has run over is left out. */
static void set_timer(struct every *e)
{
	nanos every = e->wish->every;
	uint64_t next = (uint64_t)((net_now(e->loop) - e->first) / every) + 1;
	net_timer_set(e->loop, &e->due, e->first + (nanos)next * every);
}

static void on_due(struct net_timer *t)
{
	struct every *e = (struct every *)((char *)t - offsetof(struct every, due));
	if (e->under_way)
		e->skipped++;
	else
		begin_round(e);
	set_timer(e);
}

static void on_done(struct net_call *c)
{
	struct every *e = (struct every *)((char *)c - offsetof(struct every, done));
	pthread_join(e->thread, NULL);
	e->under_way = false;
	if (e->err.code)
		net_loop_stop(e->loop);
}

/* ---- the door -------------------------------------------------------------------------------- */

static void write_metrics(void *context, struct buffer *out)
{
	struct every *e = context;
	pthread_mutex_lock(&e->lock);
	memory_metrics(e->memory, e->count, out);
	buffer_printf(
		out,
		"# HELP viaduct_check_interval_seconds From the beginning of a round to the next.\n"
		"# TYPE viaduct_check_interval_seconds gauge\n"
		"viaduct_check_interval_seconds %g\n"
		"# HELP viaduct_check_rounds_total Rounds that are over.\n"
		"# TYPE viaduct_check_rounds_total counter\n"
		"viaduct_check_rounds_total %llu\n"
		"# HELP viaduct_check_rounds_skipped_total Rounds left out, as one still ran.\n"
		"# TYPE viaduct_check_rounds_skipped_total counter\n"
		"viaduct_check_rounds_skipped_total %llu\n",
		(double)e->wish->every / (double)NANOS_PER_SECOND, (unsigned long long)e->rounds,
		(unsigned long long)e->skipped);
	pthread_mutex_unlock(&e->lock);
}

static bool is_healthy(void *context)
{
	struct every *e = context;
	pthread_mutex_lock(&e->lock);
	bool good = e->good;
	pthread_mutex_unlock(&e->lock);
	return good;
}

static bool open_door(struct every *e)
{
	struct door_pages pages = { write_metrics, is_healthy, e };
	struct address at;
	struct error err;
	char shown[100];
	if (!e->wish->listen)
		return true;
	if (!door_read_address(e->wish->listen, &at)) {
		complain("--listen '%s' is no ADDRESS:PORT: 127.0.0.1:9100, [::1]:9100, 9100",
			 escape_into(shown, sizeof shown, slice_of(e->wish->listen)));
		return false;
	}
	e->door = door_open(e->loop, &at, &pages, &err);
	if (!e->door)
		complain("%s", err.text);
	return e->door != NULL;
}

/* ---- the end --------------------------------------------------------------------------------- */

static struct every *to_be_ended;

static void on_stop(struct net_call *c)
{
	net_loop_stop(((struct every *)((char *)c - offsetof(struct every, stop)))->loop);
}

/* The first tells the loop; another ends it the hard way. */
static void on_signal(int number)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	(void)number;
	if (!atomic_flag_test_and_set(&told))
		net_loop_call(to_be_ended->loop, &to_be_ended->stop);
}

static void heed_signals(struct every *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	to_be_ended = e;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &act, NULL);
}

static int run(struct every *e)
{
	struct error err;
	heed_signals(e);
	e->due.fire = on_due;
	e->done.run = on_done;
	e->stop.run = on_stop;
	e->first = net_now(e->loop);
	begin_round(e);
	set_timer(e);
	net_loop_run(e->loop);
	pthread_mutex_lock(&e->lock);
	int status = e->err.code             ? EXIT_TROUBLE
		     : e->good || !e->rounds ? EXIT_FINE
					     : EXIT_FAULT_FOUND;
	if (e->err.code)
		complain("%s", e->err.text);
	fflush(stdout);
	if (e->store && store_flush(e->store, &err) < 0)
		store_trouble(e, &err);
	if (e->under_way) /* its thread waits for the network, and has nothing to put in order */
		_exit(ferror(stdout) ? EXIT_TROUBLE : status);
	pthread_mutex_unlock(&e->lock);
	return status;
}

/* ---- from words to the loop ------------------------------------------------------------------ */

static bool remember(struct every *e, const struct targets_plan *plan)
{
	e->count = targets_count(e->targets);
	e->memory = calloc(e->count, sizeof *e->memory);
	for (size_t i = 0, n = 0; e->memory && i < plan->goals; i++)
		if (plan->goal[i].url)
			memory_begin(&e->memory[n++], plan->goal[i].url);
	if (!e->memory)
		complain("out of memory");
	return e->memory != NULL;
}

static int keep_checking(struct every *e, struct targets_plan *plan)
{
	struct error err;
	int status = EXIT_TROUBLE;
	plan->options = check_options_of(e->wish);
	plan->options.most = e->wish->most ? e->wish->most : ENOUGH;
	plan->options.keep_heads = false;
	plan->wish = e->wish->way;
	plan->tell = on_target;
	plan->context = e;
	e->targets = targets_new(plan);
	e->loop = e->targets ? net_loop_new(&err) : NULL;
	if (e->targets && !e->loop)
		complain("%s", err.text);
	if (e->loop && remember(e, plan) && open_door(e))
		status = run(e);
	door_close(e->door);
	net_loop_free(e->loop);
	targets_free(e->targets);
	free(e->memory);
	return status;
}

static int of_profile(struct every *e)
{
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM + CHECK_MAX_PROFILE);
	struct check_profile profile;
	int status = EXIT_TROUBLE;
	if (arena && check_find_profile(e->wish->profile, arena, &profile, &e->profile)) {
		struct targets_plan plan = { .goal = profile.goal,
					     .goals = profile.goals,
					     .any_answer = true };
		status = keep_checking(e, &plan);
	}
	arena_free(arena);
	return status;
}

int run_every(const struct check_wish *w, const char *url)
{
	struct every e = { .wish = w,
			   .style = check_style_of(w),
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	struct check_goal goal = { .url = url, .purpose = "" };
	struct targets_plan plan = { .goal = &goal, .goals = 1 };
	struct error err;
	int status = EXIT_TROUBLE;
	if (w->store && !(e.store = store_open(w->store, &err)))
		complain("%s", err.text);
	else if (!url)
		status = of_profile(&e);
	else if (check_read_url(url, &goal.target))
		status = keep_checking(&e, &plan);
	store_close(e.store);
	return status;
}
