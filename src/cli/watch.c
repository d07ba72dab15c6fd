/* viaduct watch: an interface as a capture that goes on. */
#include "cli/watch.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "proxy/confine.h"
#include "proxy/service.h"
#include "tls/certificate.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_CONNECTIONS = 200000,
	BUFFER = 64 << 20,
	BUFFER_LEAST = 1 << 20,
	RING = 1 << 30,
	RING_LEAST = 8 << 20,
};

static const nanos SAY_DROPS_EVERY = 10 * NANOS_PER_SECOND;

static const struct option OPTIONS[] = {
	{ "interface", 'i', OPTION_VALUE, "IFACE", "listen there; any: everywhere" },
	{ "proxy", 'x', OPTION_VALUE, "HOST[:PORT]", "this is the proxy; do not look for others" },
	{ "filter", 'f', OPTION_VALUE, "EXPR", "only these packets, as tcpdump says it" },
	{ "json", 'j', OPTION_FLAG, NULL, "one JSON object a line, on a terminal too" },
	{ "only", 'o', OPTION_VALUE, "LIST",
	  "only these verdicts, or 'failures'; comma-separated" },
	{ "store", 's', OPTION_VALUE, "FILE", "add each exchange to this history" },
	{ "ring", 'r', OPTION_VALUE, "DIR",
	  "keep the last packets there, and those of each failure" },
	{ "metrics", 'm', OPTION_VALUE, "ADDR", "serve figures for Prometheus at that address" },
	{ "buffer", 'b', OPTION_VALUE, "SIZE", "of the kernel's ring (64M)" },
	{ "user", 'u', OPTION_VALUE, "NAME", "become that user (nobody, where root starts it)" },
	{ "max-connections", 0, OPTION_VALUE, "N", "how many to follow at once (200000)" },
	{ "color", 0, OPTION_VALUE, "WHEN", "auto, always or never" },
	{ "help", 'h', OPTION_FLAG, NULL, "this help" },
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static int print_help(void)
{
	printf("Usage: viaduct watch -i IFACE [OPTIONS] [--ring DIR [SIZE]]\n\n"
	       "Says of every request that crosses a proxy, as it ends, whether it worked, and if\n"
	       "not why: a table on a terminal, else one JSON object a line. It ends with q, or\n"
	       "by SIGINT or SIGTERM, and tells the counts.\n\n");
	options_print(OPTIONS, OPTION_COUNT);
	printf("\nSIZE is 500M or 2G, of all that is kept in DIR (1G). Exit status: 0 no failure,\n"
	       "1 a failure was diagnosed, 2 wrong usage, or it can't listen.\n");
	return EXIT_FINE;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool take_size(const char *what, const char *value, uint64_t least, uint64_t *ret)
{
	char shown[60];
	uint64_t bytes;
	if (options_read_size(value, &bytes) && bytes >= least && bytes <= UINT64_C(1) << 50) {
		*ret = bytes;
		return true;
	}
	complain("%s: '%s' is not a size such as 500M or 2G, of %lluM at least", what,
		 escape_into(shown, sizeof shown, slice_of(value)),
		 (unsigned long long)(least >> 20));
	return false;
}

static bool take(void *context, const struct option *option, const char *value)
{
	struct watch_options *o = context;
	switch (option->letter) {
	case 'i':
		o->interface = value;
		return true;
	case 'f':
		o->filter = value;
		return true;
	case 's':
		o->store = value;
		return true;
	case 'r':
		o->ring = value;
		return true;
	case 'm':
		o->metrics = value;
		return true;
	case 'u':
		o->user = value;
		return true;
	case 'b':
		return take_size("--buffer", value, BUFFER_LEAST, &o->buffer);
	}
	return read_take(&o->read, option, value);
}

static bool read_arguments(int argc, char **argv, struct watch_options *o)
{
	int operands = options_read(argc, argv, OPTIONS, OPTION_COUNT, take, o);
	if (operands < 0)
		return false;
	if (o->read.help)
		return true;
	if (!o->interface)
		complain("no interface was named; viaduct watch -i eth0, or -i any");
	else if (operands > 0 && !o->ring)
		complain("what is to be watched is named with -i, and filtered with --filter");
	else if (operands > 1)
		complain("one size for the ring, not %d", operands);
	else
		return operands == 0 || take_size("--ring", argv[0], RING_LEAST, &o->ring_size);
	return false;
}

/* ---- the state ------------------------------------------------------------------------------- */

struct watch {
	const struct watch_options *options;
	struct capture *capture;
	struct report *report;
	struct watch_table *table; /* NULL: records */
	struct watch_ring *ring;
	struct watch_metrics *metrics;
	struct watch_store *store;
	struct watch_now now;
	uint64_t said_drops;
	bool said_down;
	nanos drops_at;
};

static nanos moment(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

static void on_each(void *context, const struct exchange *x, const struct diagnosis *d)
{
	struct watch *w = context;
	if (w->table)
		watch_table_add(w->table, x, d);
	if (w->metrics)
		watch_metrics_add(w->metrics, d);
	if (w->ring && d->severity == SEVERITY_FAILURE)
		watch_ring_failure(w->ring, x, d);
	if (w->store)
		watch_store_add(w->store, x);
}

static void on_packets(void *context, const struct capture_batch *b)
{
	struct watch *w = context;
	w->now.packets += b->count;
	if (w->ring)
		watch_ring_packets(w->ring, b);
}

/* The table has its own place for both. */
static void say_trouble(struct watch *w)
{
	const struct capture_live_counts *c = &w->now.counts;
	uint64_t drops = c->dropped + c->dropped_by_interface;
	if (w->table)
		return;
	if (drops > w->said_drops && w->now.at - w->drops_at >= SAY_DROPS_EVERY) {
		complain("%llu packets were dropped by the kernel, %llu by the interface, before "
			 "they could be read; a larger --buffer or a --filter may help",
			 (unsigned long long)c->dropped,
			 (unsigned long long)c->dropped_by_interface);
		w->said_drops = drops;
		w->drops_at = w->now.at;
	}
	if (c->down != w->said_down)
		complain(c->down ? "%s is down; waiting" : "%s is up again", w->now.interface);
	w->said_down = c->down;
}

static void on_tick(void *context, const struct feed *f)
{
	struct watch *w = context;
	w->now.at = moment();
	w->now.counts = capture_live_counts(w->capture);
	w->now.live = feed_counts(f).streams.live;
	report_flush(w->report);
	say_trouble(w);
	if (w->metrics)
		watch_metrics_tick(w->metrics, &w->now);
	if (w->ring)
		watch_ring_tick(w->ring);
	bool told = w->table && watch_table_tick(w->table, &w->now);
	if (told || ferror(stdout))
		capture_live_stop(w->capture);
}

/* ---- who it is ------------------------------------------------------------------------------- */

/* A folder for the ring is made while it can be, for the user that we become. */
static int make_folder(const char *path, const char *user, struct error *err)
{
	const struct passwd *p = user ? getpwnam(user) : NULL;
	char shown[160];
	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? 0
				       : err_set(err, -errno, "%s could not be made: %m",
						 escape_into(shown, sizeof shown, slice_of(path)));
	if (p && lchown(path, p->pw_uid, p->pw_gid) != 0)
		return err_set(err, -errno, "%s could not be given to %s: %m", path, user);
	return 0;
}

static const char *user_of(const struct watch_options *o)
{
	return o->user ? o->user : geteuid() == 0 ? "nobody" : NULL;
}

/* What was opened with privileges stays open; nothing else is left of them. */
static int drop_privileges(const struct watch_options *o, struct error *err)
{
	const char *user = user_of(o);
	int code = o->ring ? make_folder(o->ring, user, err) : 0;
	if (code == 0 && user)
		code = confine_become(user, err);
	if (code == 0)
		code = confine_capabilities(err);
	return code;
}

static void confine(const struct watch_options *o)
{
	char store[PATH_MAX];
	const char *folder[2];
	size_t folders = 0;
	bool landlock, seccomp;
	tls_prepare_certificates();
	confine_memory();
	if (o->ring)
		folder[folders++] = o->ring;
	if (o->store) {
		snprintf(store, sizeof store, "%s", o->store);
		folder[folders++] = dirname(store);
	}
	confine_keeper(folder, folders, &landlock, &seccomp);
}

/* ---- the command ----------------------------------------------------------------------------- */

static struct capture *listening;

static void on_signal(int number)
{
	(void)number;
	capture_live_stop(listening);
}

static void take_signals(struct capture *c)
{
	struct sigaction act = { .sa_handler = on_signal };
	listening = c;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGHUP, SIG_IGN);
}

/* In this order: what takes privileges, what must not have them, what takes files, threads. */
static int begin(struct watch *w, struct error *err)
{
	const struct watch_options *o = w->options;
	struct capture_live_options live = { o->interface, o->filter, (size_t)o->buffer };
	w->report = report_new(&o->read, err); /* which reads the locale */
	if (!w->report)
		return err->code;
	w->capture = capture_open_live(&live, err);
	if (!w->capture)
		return err->code;
	if (o->metrics && !(w->metrics = watch_metrics_new(o->metrics, err)))
		return err->code;
	int code = drop_privileges(o, err);
	if (code < 0)
		return code;
	if (o->store && !(w->store = watch_store_new(o->store, err)))
		return err->code;
	confine(o);
	if (o->ring && !(w->ring = watch_ring_new(o->ring, o->ring_size, err)))
		return err->code;
	if (w->metrics && (code = watch_metrics_start(w->metrics, err)) < 0)
		return code;
	if (w->store && (code = watch_store_start(w->store, err)) < 0)
		return code;
	take_signals(w->capture);
	if (o->read.summary && !(w->table = watch_table_new(o->read.colour)))
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int listen_on(struct watch *w)
{
	struct reading_live live = { w->capture, on_packets, on_tick, w };
	struct summary_facts facts = { .first = NO_TIME, .last = NO_TIME };
	struct error err;
	service_notify("READY=1");
	if (!w->table)
		complain("listening on %s", w->now.interface);
	int status = reading_watch(&w->options->read, w->report, &live, &facts);
	service_notify("STOPPING=1");
	watch_table_free(w->table);
	w->table = NULL;
	if (report_finish(w->report, &facts, &err) < 0) {
		complain("%s", err.text);
		status = EXIT_TROUBLE;
	}
	if (w->options->read.json)
		report_summary(w->report, &facts, stderr);
	if (status == EXIT_FINE && report_found_failure(w->report))
		status = EXIT_FAULT_FOUND;
	return status;
}

static int run(struct watch_options *o)
{
	struct error err;
	char shown[64];
	struct watch w = { .options = o };
	const char *name = w.now.interface =
		escape_into(shown, sizeof shown, slice_of(o->interface));
	int status = EXIT_TROUBLE;
	o->read.shown = &name;
	o->read.files = 1;
	o->read.each = on_each;
	o->read.each_context = &w;
	o->read.json |= !isatty(STDOUT_FILENO);
	o->read.summary = !o->read.json;
	if (begin(&w, &err) == 0)
		status = listen_on(&w);
	else
		complain("%s", err.text);
	watch_table_free(w.table);
	watch_metrics_free(w.metrics);
	watch_ring_free(w.ring);
	watch_store_free(w.store);
	report_free(w.report);
	capture_close(w.capture);
	return status;
}

int cmd_watch(int argc, char **argv)
{
	struct watch_options o = { .buffer = BUFFER, .ring_size = RING };
	o.read.colour = "auto";
	o.read.max_connections = MAX_CONNECTIONS;
	complain_as("viaduct watch");
	if (!read_arguments(argc, argv, &o))
		return EXIT_TROUBLE;
	if (o.read.help)
		return print_help();
	return run(&o);
}
