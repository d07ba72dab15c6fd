/* What watch counts, for Prometheus. The main thread counts, a thread with a loop of its own
 * serves. */
#include "base/escape.h"
#include "cli/check_door.h"
#include "cli/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct watch_metrics {
	struct net_loop *loop;
	struct door *door;
	struct net_call end;
	pthread_t thread;
	bool started;
	_Atomic uint64_t verdict[V_COUNT_], severity[SEVERITY_FAILURE + 1];
	_Atomic uint64_t packets, dropped, dropped_by_interface, live, down;
};

static void say_type(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP viaduct_watch_%s %s\n# TYPE viaduct_watch_%s %s\n", name, help,
		      name, type);
}

static void write_severities(const struct watch_metrics *m, struct buffer *out)
{
	say_type(out, "exchanges_total", "counter", "Exchanges that ended, by how bad it was.");
	for (int s = SEVERITY_OK; s <= SEVERITY_FAILURE; s++)
		buffer_printf(out, "viaduct_watch_exchanges_total{severity=\"%s\"} %llu\n",
			      severity_name((enum severity)s), (unsigned long long)m->severity[s]);
}

/* All of them, so that a rate can be told from the first on. */
static void write_verdicts(const struct watch_metrics *m, struct buffer *out)
{
	say_type(out, "verdicts_total", "counter", "Exchanges that ended, by verdict.");
	for (int v = 0; v < V_COUNT_; v++)
		buffer_printf(out, "viaduct_watch_verdicts_total{verdict=\"%s\"} %llu\n",
			      verdict_id((enum verdict)v), (unsigned long long)m->verdict[v]);
}

static void say(struct buffer *out, const char *name, const char *type, const char *help,
		uint64_t value)
{
	say_type(out, name, type, help);
	buffer_printf(out, "viaduct_watch_%s %llu\n", name, (unsigned long long)value);
}

static void write_figures(const struct watch_metrics *m, struct buffer *out)
{
	say(out, "packets_total", "counter", "Packets that were read.", m->packets);
	say(out, "dropped_total", "counter", "Packets that the kernel's ring had no room for.",
	    m->dropped);
	say(out, "interface_dropped_total", "counter", "Packets that the interface dropped.",
	    m->dropped_by_interface);
	say(out, "connections", "gauge", "TCP connections that are followed.", m->live);
	say(out, "interface_up", "gauge", "0 where the interface is down.", !m->down);
}

static void write_page(void *context, struct buffer *out)
{
	const struct watch_metrics *m = context;
	write_severities(m, out);
	write_verdicts(m, out);
	write_figures(m, out);
}

static bool is_listening(void *context)
{
	const struct watch_metrics *m = context;
	return !m->down;
}

static void on_end(struct net_call *c)
{
	struct watch_metrics *m =
		(struct watch_metrics *)((char *)c - offsetof(struct watch_metrics, end));
	net_loop_stop(m->loop);
}

static void *serve(void *context)
{
	struct watch_metrics *m = context;
	net_loop_run(m->loop);
	return NULL;
}

struct watch_metrics *watch_metrics_new(const char *address, struct error *err)
{
	struct address at;
	char shown[80];
	struct watch_metrics *m = calloc(1, sizeof *m);
	if (!m) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	struct door_pages pages = { write_page, is_listening, m };
	m->end.run = on_end;
	if (!door_read_address(address, &at))
		err_set(err, -EINVAL, "--metrics: '%s' is not an address such as 127.0.0.1:9100",
			escape_into(shown, sizeof shown, slice_of(address)));
	else if ((m->loop = net_loop_new(err)))
		m->door = door_open(m->loop, &at, &pages, err);
	if (m->door)
		return m;
	watch_metrics_free(m);
	return NULL;
}

int watch_metrics_start(struct watch_metrics *m, struct error *err)
{
	m->started = pthread_create(&m->thread, NULL, serve, m) == 0;
	return m->started ? 0 : err_set(err, -EAGAIN, "no thread can be made for the figures");
}

void watch_metrics_free(struct watch_metrics *m)
{
	if (!m)
		return;
	if (m->started) {
		net_loop_call(m->loop, &m->end);
		pthread_join(m->thread, NULL);
	}
	door_close(m->door);
	net_loop_free(m->loop);
	free(m);
}

void watch_metrics_add(struct watch_metrics *m, const struct diagnosis *d)
{
	m->verdict[d->verdict]++;
	m->severity[d->severity]++;
}

void watch_metrics_tick(struct watch_metrics *m, const struct watch_now *now)
{
	m->packets = now->packets;
	m->dropped = now->counts.dropped;
	m->dropped_by_interface = now->counts.dropped_by_interface;
	m->live = now->live;
	m->down = now->counts.down;
}
