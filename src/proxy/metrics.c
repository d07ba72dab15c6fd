/* Counters, added up and written as Prometheus reads them. */
#include "proxy/metrics.h"

#include <stddef.h>
#include <string.h>

const uint32_t METRICS_BOUND[METRICS_SPANS - 1] = { 1,   2,   5,    10,   20,   50,   100,
						    200, 500, 1000, 2000, 5000, 10000 };

void metrics_span(struct metrics_spans *s, nanos span)
{
	size_t i = 0;
	while (i < METRICS_SPANS - 1 && span > METRICS_BOUND[i] * NANOS_PER_MS)
		i++;
	metrics_add(&s->bucket[i], 1);
	metrics_add(&s->sum, (uint64_t)(span > 0 ? span : 0) / 1000);
}

/* Rows fill up in order and stay; a name is there before its count is not zero. */
void metrics_reason(struct metrics *m, const char *name)
{
	size_t i = 0;
	while (i < METRICS_REASONS - 1 && m->reason[i].name[0] &&
	       strncmp(m->reason[i].name, name, METRICS_NAME - 1) != 0)
		i++;
	if (!m->reason[i].name[0])
		strncpy(m->reason[i].name, i < METRICS_REASONS - 1 ? name : "other",
			METRICS_NAME - 1);
	uint64_t count = metrics_read(&m->reason[i].count) + 1;
	atomic_store_explicit(&m->reason[i].count, count, memory_order_release);
}

/* ---- adding up ------------------------------------------------------------------------------ */

struct all {
	const struct metrics *const *m;
	size_t count;
	struct buffer *out;
};

static uint64_t sum(const struct all *a, size_t offset)
{
	uint64_t n = 0;
	for (size_t i = 0; i < a->count; i++)
		n += metrics_read((const counter *)((const char *)a->m[i] + offset));
	return n;
}

#define SUM(a, member) sum(a, offsetof(struct metrics, member))

static void say_type(const struct all *a, const char *name, const char *type, const char *help)
{
	buffer_printf(a->out, "# HELP viaduct_%s %s\n# TYPE viaduct_%s %s\n", name, help, name,
		      type);
}

static void say(const struct all *a, const char *name, const char *type, const char *help,
		uint64_t value)
{
	say_type(a, name, type, help);
	buffer_printf(a->out, "viaduct_%s %llu\n", name, (unsigned long long)value);
}

static void say_spans(const struct all *a, const char *name, const char *help, size_t offset)
{
	uint64_t seen = 0;
	say_type(a, name, "histogram", help);
	for (size_t i = 0; i < METRICS_SPANS; i++) {
		seen += sum(a,
			    offset + offsetof(struct metrics_spans, bucket) + i * sizeof(counter));
		if (i < METRICS_SPANS - 1)
			buffer_printf(a->out, "viaduct_%s_bucket{le=\"%g\"} %llu\n", name,
				      METRICS_BOUND[i] / 1000.0, (unsigned long long)seen);
		else
			buffer_printf(a->out, "viaduct_%s_bucket{le=\"+Inf\"} %llu\n", name,
				      (unsigned long long)seen);
	}
	uint64_t micros = sum(a, offset + offsetof(struct metrics_spans, sum));
	buffer_printf(a->out, "viaduct_%s_sum %.6f\nviaduct_%s_count %llu\n", name,
		      (double)micros / 1e6, name, (unsigned long long)seen);
}

static void say_statuses(const struct all *a)
{
	say_type(a, "requests_finished_total", "counter",
		 "Requests that are over, by the status of their answer; 0: none was given.");
	for (size_t s = 0; s < METRICS_STATUSES; s++) {
		uint64_t n = sum(a, offsetof(struct metrics, status) + s * sizeof(counter));
		if (n)
			buffer_printf(a->out,
				      "viaduct_requests_finished_total{status=\"%zu\"} %llu\n", s,
				      (unsigned long long)n);
	}
}

/* A row's name may stand in another row of another worker. */
static uint64_t reason_sum(const struct all *a, const char *name)
{
	uint64_t n = 0;
	for (size_t i = 0; i < a->count; i++)
		for (size_t row = 0; row < METRICS_REASONS; row++) {
			uint64_t count = atomic_load_explicit(&a->m[i]->reason[row].count,
							      memory_order_acquire);
			if (count && strcmp(a->m[i]->reason[row].name, name) == 0)
				n += count;
		}
	return n;
}

static bool named_before(const struct all *a, size_t worker, const char *name)
{
	for (size_t i = 0; i < worker; i++)
		for (size_t row = 0; row < METRICS_REASONS; row++)
			if (atomic_load_explicit(&a->m[i]->reason[row].count,
						 memory_order_acquire) &&
			    strcmp(a->m[i]->reason[row].name, name) == 0)
				return true;
	return false;
}

static void say_reasons(const struct all *a)
{
	say_type(a, "refused_total", "counter",
		 "Requests that were refused or cut, by the rule, limit or time-out.");
	for (size_t i = 0; i < a->count; i++)
		for (size_t row = 0; row < METRICS_REASONS; row++) {
			const char *name = a->m[i]->reason[row].name;
			if (atomic_load_explicit(&a->m[i]->reason[row].count,
						 memory_order_acquire) &&
			    !named_before(a, i, name))
				buffer_printf(a->out, "viaduct_refused_total{why=\"%s\"} %llu\n",
					      name, (unsigned long long)reason_sum(a, name));
		}
}

void metrics_write(const struct metrics *const *m, size_t count, struct buffer *out)
{
	const struct all all = { m, count, out }, *a = &all;
	say(a, "connections_total", "counter", "Connections of clients that were accepted.",
	    SUM(a, connections));
	say(a, "connections_open", "gauge", "Connections of clients, tunnels with them.",
	    SUM(a, connections_open));
	say(a, "tunnels_open", "gauge", "Tunnels.", SUM(a, tunnels_open));
	say(a, "origins_idle", "gauge", "Connections to origins that are kept for reuse.",
	    SUM(a, origins_idle));
	say(a, "origins_reused_total", "counter", "Requests that went over a kept connection.",
	    SUM(a, origins_reused));
	say(a, "parents_failed_total", "counter", "Attempts that went on to the next parent.",
	    SUM(a, parents_failed));
	say(a, "pauses_total", "counter",
	    "Times that accepting paused, out of descriptors or memory.", SUM(a, pauses));
	say(a, "turned_away_total", "counter", "Connections that were closed without a request.",
	    SUM(a, turned_away));
	say(a, "requests_total", "counter", "Requests that began.", SUM(a, requests));
	say(a, "unrecorded_total", "counter", "Requests without a record, for lack of memory.",
	    SUM(a, records_short));
	say_type(a, "bytes_total", "counter", "Bytes between clients and the proxy.");
	buffer_printf(out,
		      "viaduct_bytes_total{direction=\"up\"} %llu\n"
		      "viaduct_bytes_total{direction=\"down\"} %llu\n",
		      (unsigned long long)SUM(a, bytes[0]), (unsigned long long)SUM(a, bytes[1]));
	say_statuses(a);
	say_reasons(a);
	say_spans(a, "resolve_seconds", "Time to resolve a name.",
		  offsetof(struct metrics, resolve));
	say_spans(a, "connect_seconds", "Time to connect to an origin or parent.",
		  offsetof(struct metrics, dial));
}
