/* Counting by verdict, by proxy, by target, in bounded memory. */
#include "render/tally.h"

#include "render/say.h"

#include <stdlib.h>
#include <string.h>

/* Names kept when a table has become full; it may grow to twice as many before that. */
enum { KEEP_PROXIES = 512, KEEP_TARGETS = 4096, MOST_KEY = 300 };

/* ---- a table of names: open addressing, linear probing, no removal but by rebuilding --------- */

static uint64_t hash_of(struct slice s)
{
	uint64_t h = s.len * UINT64_C(0x9e3779b97f4a7c15);
	for (; s.len >= 8; s.at += 8, s.len -= 8) {
		uint64_t word;
		memcpy(&word, s.at, sizeof word);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.at[i]) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

/* The place of that key, or the free one where it would go. Places are a power of two and never
 * more than half full. */
static struct counted *place_of(const struct counts *c, struct slice key, uint64_t hash)
{
	for (size_t i = hash & (c->places - 1);; i = (i + 1) & (c->places - 1)) {
		struct counted *p = &c->place[i];
		if (!p->key.at || (p->hash == hash && p->key.len == key.len &&
				   memcmp(p->key.at, key.at, key.len) == 0))
			return p;
	}
}

static bool set_places(struct counts *c, size_t places)
{
	struct counted *old = c->place;
	size_t olds = c->places;
	struct counted *grown = calloc(places, sizeof *grown);
	if (!grown)
		return false;
	c->place = grown;
	c->places = places;
	for (size_t i = 0; i < olds; i++)
		if (old[i].key.at)
			*place_of(c, old[i].key, old[i].hash) = old[i];
	free(old);
	return true;
}

static int more_first(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.at, y->key.at, len);
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

struct counted *counts_sorted(const struct counts *c, size_t *ret_count)
{
	*ret_count = 0;
	struct counted *list = c->used ? malloc(c->used * sizeof *list) : NULL;
	if (!list)
		return NULL;
	size_t n = 0;
	for (size_t i = 0; i < c->places; i++)
		if (c->place[i].key.at)
			list[n++] = c->place[i];
	qsort(list, n, sizeof *list, more_first);
	*ret_count = n;
	return list;
}

/* Merges all but the `keep` most frequent into `others`. Without memory to sort, all of them. */
static void prune(struct counts *c)
{
	size_t count;
	struct counted *list = counts_sorted(c, &count);
	uint64_t least = list ? list[c->keep - 1].count : UINT64_MAX;
	size_t over = 0; /* of those with exactly that count, some stay */
	for (size_t i = 0; list && i < c->keep; i++)
		over += list[i].count == least;
	free(list);
	struct counts old = *c;
	c->place = NULL;
	c->places = c->used = 0;
	bool kept = set_places(c, old.places);
	for (size_t i = 0; i < old.places; i++) {
		struct counted *p = &old.place[i];
		if (!p->key.at)
			continue;
		if (kept && (p->count > least || (p->count == least && over && over--))) {
			*place_of(c, p->key, p->hash) = *p;
			c->used++;
		} else {
			c->others.count += p->count;
			c->others.failures += p->failures;
			free((void *)p->key.at);
		}
	}
	free(old.place);
}

/* A free place for that key, with a copy of it; NULL when out of memory. */
static struct counted *new_place(struct counts *c, struct slice key, uint64_t hash)
{
	if (c->used >= 2 * c->keep)
		prune(c);
	if (c->used * 2 >= c->places && !set_places(c, c->places ? c->places * 2 : 64))
		return NULL;
	uint8_t *copy = malloc(key.len);
	if (!copy)
		return NULL;
	memcpy(copy, key.at, key.len);
	struct counted *p = place_of(c, key, hash);
	*p = (struct counted){ .hash = hash, .key = { copy, key.len } };
	c->used++;
	return p;
}

static void count(struct counts *c, struct slice key, uint64_t times, uint64_t failures)
{
	if (key.len == 0)
		return;
	uint64_t hash = hash_of(key);
	struct counted *p = c->places ? place_of(c, key, hash) : NULL;
	if (!p || !p->key.at)
		p = new_place(c, key, hash);
	if (!p)
		p = &c->others;
	p->count += times;
	p->failures += failures;
}

static void free_counts(struct counts *c)
{
	for (size_t i = 0; i < c->places; i++)
		free((void *)c->place[i].key.at);
	free(c->place);
}

static void merge(struct counts *into, const struct counts *from)
{
	for (size_t i = 0; i < from->places; i++)
		count(into, from->place[i].key, from->place[i].count, from->place[i].failures);
	into->others.count += from->others.count;
	into->others.failures += from->others.failures;
}

/* ---- keys ---------------------------------------------------------------------------------- */

enum { KEY_ADDRESS, KEY_TEXT };

struct key {
	uint8_t at[MOST_KEY + 8];
	size_t len;
};

/* In lower case, as host names compare; there is room for any host name. */
static void key_add(struct key *k, struct slice s)
{
	uint8_t *to = k->at + k->len;
	for (size_t i = 0; i < s.len; i++)
		to[i] = s.at[i] | (uint8_t)((uint8_t)(s.at[i] - 'A') < 26) << 5;
	k->len += s.len;
}

static void key_add_number(struct key *k, unsigned n)
{
	if (n >= 10)
		key_add_number(k, n / 10);
	k->at[k->len++] = (uint8_t)('0' + n % 10);
}

static void key_add_port(struct key *k, uint16_t port)
{
	if (port == 0)
		return;
	k->at[k->len++] = ':';
	key_add_number(k, port);
}

/* An address stays as it is until someone wants to read it: writing it out costs more than all
 * the rest of counting. */
static void key_of_proxy(struct key *k, const struct exchange *x)
{
	if (x->proxy_name.len) {
		k->at[k->len++] = KEY_TEXT;
		key_add(k, slice_first(x->proxy_name, 255));
		key_add_port(k, x->proxy.port);
	} else if (!address_is_none(&x->proxy)) {
		k->at[0] = KEY_ADDRESS;
		memcpy(k->at + 1, x->proxy.ip, 16);
		memcpy(k->at + 17, &x->proxy.port, 2);
		k->len = 19;
	}
}

/* host:port; a CONNECT says exactly that already. */
static void key_of_target(struct key *k, const struct exchange *x)
{
	uint16_t port = 0;
	struct slice host = x->request.target;
	if (!x->request.is_connect)
		host = trace_target_host(x, &port);
	if (host.len == 0)
		host = x->request.host;
	if (host.len == 0)
		return;
	host = slice_first(host, 255);
	bool brackets = port && slice_find_byte(host, ':') < host.len;
	k->at[k->len++] = KEY_TEXT;
	if (brackets)
		k->at[k->len++] = '[';
	key_add(k, host);
	if (brackets)
		k->at[k->len++] = ']';
	key_add_port(k, port);
}

void counted_say(struct buffer *out, const struct counted *c, bool utf8)
{
	if (c->key.len == 19 && c->key.at[0] == KEY_ADDRESS) {
		struct address a;
		memcpy(a.ip, c->key.at + 1, 16);
		memcpy(&a.port, c->key.at + 17, 2);
		address_add(out, &a);
	} else {
		say_foreign(out, slice_from(c->key, 1), utf8);
	}
}

/* ---- the tally ----------------------------------------------------------------------------- */

struct tally *tally_new(void)
{
	struct tally *t = calloc(1, sizeof *t);
	if (t) {
		t->proxies.keep = KEEP_PROXIES;
		t->targets.keep = KEEP_TARGETS;
	}
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	free_counts(&t->proxies);
	free_counts(&t->targets);
	free(t);
}

void tally_add(struct tally *t, const struct exchange *x, enum verdict verdict,
	       enum severity severity)
{
	t->total++;
	t->verdict[verdict]++;
	t->by_severity[severity]++;
	if (severity > t->severity[verdict])
		t->severity[verdict] = severity;
	struct key key;
	key.len = 0;
	key_of_proxy(&key, x);
	count(&t->proxies, (struct slice){ key.at, key.len }, 1, severity == SEVERITY_FAILURE);
	key.len = 0;
	key_of_target(&key, x);
	count(&t->targets, (struct slice){ key.at, key.len }, 1, severity == SEVERITY_FAILURE);
}

void tally_merge(struct tally *into, const struct tally *from)
{
	into->total += from->total;
	for (int v = 0; v < V_COUNT_; v++) {
		into->verdict[v] += from->verdict[v];
		if (from->severity[v] > into->severity[v])
			into->severity[v] = from->severity[v];
	}
	for (int s = SEVERITY_OK; s <= SEVERITY_FAILURE; s++)
		into->by_severity[s] += from->by_severity[s];
	merge(&into->proxies, &from->proxies);
	merge(&into->targets, &from->targets);
}

uint64_t tally_count(const struct tally *t, enum verdict v)
{
	return t->verdict[v];
}

uint64_t tally_failures(const struct tally *t)
{
	return t->by_severity[SEVERITY_FAILURE];
}

uint64_t tally_total(const struct tally *t)
{
	return t->total;
}

static int worst_first(const void *a, const void *b)
{
	const struct verdict_count *x = a, *y = b;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->verdict > y->verdict) - (x->verdict < y->verdict);
}

size_t tally_verdicts(const struct tally *t, struct verdict_count *ret_list)
{
	size_t n = 0;
	for (int v = 0; v < V_COUNT_; v++)
		if (t->verdict[v])
			ret_list[n++] = (struct verdict_count){ (enum verdict)v, t->severity[v],
								t->verdict[v] };
	qsort(ret_list, n, sizeof *ret_list, worst_first);
	return n;
}

/* ---- what was read ------------------------------------------------------------------------- */

static void say_date_and_clock(struct buffer *out, nanos at, bool with_date)
{
	struct when w = when_split(at);
	if (with_date)
		buffer_printf(out, "%04d-%02d-%02d ", w.year, w.month, w.day);
	buffer_printf(out, "%02d:%02d:%02d", w.hour, w.minute, w.second);
}

static void say_period(struct buffer *out, nanos first, nanos last)
{
	const nanos a_day = 86400 * NANOS_PER_SECOND;
	bool dated = first >= 366 * a_day; /* text without dates begins in 1970 */
	say_date_and_clock(out, first, dated);
	buffer_add_text(out, " to ");
	say_date_and_clock(out, last, dated && first / a_day != last / a_day);
	buffer_add_text(out, dated ? " UTC (" : " (");
	when_add_span(out, last - first);
	buffer_add_byte(out, ')');
}

static void say_size(struct buffer *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
	if (bytes < 1000) {
		say_counted(out, bytes, "byte", "bytes");
		return;
	}
	double size = (double)bytes / 1e3;
	size_t unit = 0;
	for (; size >= 999.95 && unit + 1 < sizeof units / sizeof *units; unit++)
		size /= 1e3;
	buffer_printf(out, "%.1f %s", size, units[unit]);
}

void tally_say_facts(struct buffer *out, const struct summary_facts *f)
{
	if (!f)
		return;
	if (f->packets) {
		say_counted(out, f->packets, "packet", "packets");
		buffer_add_text(out, ", ");
		say_size(out, f->bytes);
		buffer_add_text(out, ", ");
		say_counted(out, f->connections, "connection", "connections");
	}
	if (f->packets && f->files > 1) {
		buffer_add_text(out, " in ");
		say_counted(out, f->files, "file", "files");
	}
	if (f->first == NO_TIME || f->last == NO_TIME || f->last < f->first)
		return;
	buffer_add_text(out, f->packets ? "; " : "");
	say_period(out, f->first, f->last);
}
