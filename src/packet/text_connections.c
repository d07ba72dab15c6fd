/* Which connection a packet of a text belongs to, where hosts may be names and ports may be
 * missing. */
#include "packet/text_reading.h"

enum { KEY_NAME = 1, KEY_FLOW, KEY_HOSTS };

static void index_set(struct reading *r, uint64_t key, uint32_t value)
{
	if (!text_map_set(&r->map, key, value))
		r->failed = true;
}

/* The address of a host as printed: its own, or one made up for its name. */
struct address text_host(struct reading *r, struct slice word, uint16_t port)
{
	struct packet_text *t = r->t;
	struct address a = { 0 };
	if (address_parse(word, &a) && a.port == 0) {
		a.port = port;
		return a;
	}
	uint64_t key = text_hash_end(text_hash(KEY_NAME, word.at, word.len));
	uint32_t index;
	if (!text_map_get(&r->map, key, &index)) {
		index = (uint32_t)t->names;
		if (text_grow(r, &t->name, &t->name_room, t->names, sizeof *t->name)) {
			t->name[t->names++] = word;
			index_set(r, key, index);
		}
	}
	index++;
	a = (struct address){ .ip = { 1, 0 }, .port = port };
	for (int i = 0; i < 4; i++)
		a.ip[15 - i] = (uint8_t)(index >> 8 * i);
	return a;
}

/* The same whichever end comes first; only within one example. */
static uint64_t ends_key(const struct reading *r, int kind, const struct address *a,
			 const struct address *b)
{
	bool ports = kind == KEY_FLOW;
	uint64_t one = text_hash(7, a->ip, 16), two = text_hash(7, b->ip, 16);
	one = text_hash_end(one * 3 + (ports ? a->port : 0));
	two = text_hash_end(two * 3 + (ports ? b->port : 0));
	return text_hash_end((one ^ two) + (one + two) * 5 + (uint64_t)kind * 977 +
			     r->t->examples * 1009);
}

static struct flow *find(struct reading *r, int kind, const struct address *a,
			 const struct address *b)
{
	uint32_t index;
	if (!text_map_get(&r->map, ends_key(r, kind, a, b), &index))
		return NULL;
	struct flow *f = &r->flow[index];
	bool fits = kind == KEY_FLOW
			    ? address_equal(&f->end[0], a) || address_equal(&f->end[1], a)
			    : address_same_host(&f->end[0], a) || address_same_host(&f->end[1], a);
	return fits ? f : NULL;
}

struct flow *text_flow_find(struct reading *r, const struct address *a, const struct address *b)
{
	return find(r, KEY_FLOW, a, b);
}

struct flow *text_flow_latest(struct reading *r, const struct address *a, const struct address *b)
{
	return find(r, KEY_HOSTS, a, b);
}

/* Who is the client: who sent the SYN, else who has the higher port. */
struct flow *text_flow_begin(struct reading *r, const struct address *from,
			     const struct address *to, uint8_t flags)
{
	bool client = flags & TCP_SYN ? !(flags & TCP_ACK) : from->port >= to->port;
	if (!text_grow(r, &r->flow, &r->flow_room, r->flows, sizeof *r->flow))
		return NULL;
	struct flow *f = &r->flow[r->flows];
	*f = (struct flow){ .end = { client ? *from : *to, client ? *to : *from } };
	uint32_t older;
	if (text_map_get(&r->map, ends_key(r, KEY_HOSTS, from, to), &older))
		f->older = older + 1;
	index_set(r, ends_key(r, KEY_FLOW, from, to), (uint32_t)r->flows);
	index_set(r, ends_key(r, KEY_HOSTS, from, to), (uint32_t)r->flows);
	r->flows++;
	return f;
}

int text_side_of(const struct flow *f, const struct address *from)
{
	if (f->end[0].port != from->port || from->port == 0)
		return address_same_host(&f->end[0], from) &&
				       (from->port == 0 || f->end[1].port != from->port)
			       ? 0
			       : 1;
	return address_same_host(&f->end[0], from) ? 0 : 1;
}

/* Rows without ports came first (a list filtered to HTTP): now their connection has some. */
struct flow *text_flow_adopt(struct reading *r, const struct address *from,
			     const struct address *to)
{
	enum { LOOK_BACK = 64 };
	struct flow *f = text_flow_latest(r, from, to);
	if (!f || !f->made_up) /* the hosts' latest, since no other has ports */
		return NULL;
	struct address old[2] = { f->end[0], f->end[1] };
	int side = address_same_host(&f->end[0], from) ? 0 : 1;
	f->end[side].port = from->port;
	f->end[!side].port = to->port;
	f->made_up = false;
	const struct packet_example *e = text_example_now(r);
	for (size_t i = 0; i < e->count && i < LOOK_BACK; i++) {
		struct segment *s = &r->t->segment[r->t->segments - 1 - i];
		if (address_equal(&s->from, &old[0]) && address_equal(&s->to, &old[1])) {
			s->from = f->end[0];
			s->to = f->end[1];
		} else if (address_equal(&s->from, &old[1]) && address_equal(&s->to, &old[0])) {
			s->from = f->end[1];
			s->to = f->end[0];
		}
	}
	index_set(r, ends_key(r, KEY_FLOW, from, to), (uint32_t)(f - r->flow));
	return f;
}

/* No connection of these hosts is known: what is said tells who is who, the ports are made up. */
struct flow *text_flow_guess(struct reading *r, struct slice note, const struct address *from,
			     const struct address *to)
{
	enum http_port { CLIENT_PORT = 49152, PROXY_PORT = 80 };
	enum text_http kind = text_http_start(note);
	bool client = kind == TEXT_HTTP_REQUEST || slice_starts(note, SLICE("Client Hello"));
	if (!client && kind != TEXT_HTTP_RESPONSE)
		return NULL;
	struct address a = client ? *from : *to, b = client ? *to : *from;
	a.port = CLIENT_PORT;
	b.port = PROXY_PORT;
	struct flow *f = text_flow_begin(r, &a, &b, 0);
	if (!f)
		return NULL;
	f->made_up = true;
	return f;
}

/* How well a row without ports fits a connection: 0 not at all. */
static int fitness(const struct flow *f, int side, struct slice note)
{
	bool first = slice_starts(note, SLICE("Client Hello"));
	if (f->side[side].part) /* the rest of what was begun there */
		return 3;
	switch (text_http_start(note)) {
	case TEXT_HTTP_REQUEST:
		return side == 0 && f->requests == f->answers && !f->closed ? 2 : side == 0;
	case TEXT_HTTP_RESPONSE:
		return side == 1 && f->requests > f->answers ? 2 : side == 1;
	case TEXT_HTTP_NONE:
		break;
	}
	if (first)
		return side == 0 && f->hellos == 0 && f->requests == f->answers ? 2 : 1;
	if (slice_starts(note, SLICE("Server Hello")))
		return side == 1 && f->hellos > f->hello_answers ? 2 : 1;
	return f->closed ? 1 : 2;
}

/* Which side spoke. On one host, only what is said can tell. */
int text_side_of_row(const struct flow *f, const struct address *from, struct slice note)
{
	if (!address_same_host(&f->end[0], &f->end[1]))
		return text_side_of(f, from);
	return text_http_start(note) == TEXT_HTTP_REQUEST ||
			       slice_starts(note, SLICE("Client Hello"))
		       ? 0
		       : 1;
}

/* The connection of these hosts that the row fits best: for an answer the one that has waited
 * longest, else the one that was busy last. */
struct flow *text_flow_fitting(struct reading *r, const struct address *from,
			       const struct address *to, struct slice note)
{
	struct flow *f = text_flow_latest(r, from, to), *best = NULL;
	bool answer = text_http_start(note) == TEXT_HTTP_RESPONSE;
	int best_fit = 0;
	for (int i = 0; f && i < TEXT_MAX_CANDIDATES; i++) {
		int fit = fitness(f, text_side_of_row(f, from, note), note);
		bool better = answer ? best && f->active < best->active
				     : best && f->active > best->active;
		if (fit > best_fit || (fit == best_fit && better)) {
			best = f;
			best_fit = fit;
		}
		f = f->older ? &r->flow[f->older - 1] : NULL;
	}
	return best;
}
