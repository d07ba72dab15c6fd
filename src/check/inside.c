/* What is said inside the tunnel, in the clear: libcurl ends the TLS and shows the heads. Their
 * framing is known from them; of a body in chunks libcurl gives only the content, so that its end
 * is told. */
#include "check/walk.h"

static struct mark moment(void)
{
	return (struct mark){ .at = check_now() };
}

/* The tunnel's certificates are its content's, too. */
static void copy_chain(struct exchange *x, const struct trace_way *from)
{
	struct trace_way *way = arena_alloc(x->arena, sizeof *way);
	if (!way)
		return;
	*way = *from;
	for (size_t i = 0; i < way->links; i++) {
		way->link[i].subject = trace_keep(x, from->link[i].subject, TLS_MAX_NAME);
		way->link[i].issuer = trace_keep(x, from->link[i].issuer, TLS_MAX_NAME);
		way->link[i].names = trace_keep(x, from->link[i].names, TLS_MAX_NAME);
	}
	x->probe->way = way;
}

static void on_begin(void *context, struct exchange *x)
{
	struct walk *w = context;
	const struct exchange *tunnel = way_exchange(w);
	if (tunnel) {
		x->client = tunnel->client;
		x->proxy = tunnel->proxy;
	}
	if (tunnel && trace_open_tls(x)) {
		x->tls->sni = trace_keep(x, tunnel->tls->sni, CHECK_MAX_HOST);
		x->tls->version = tunnel->tls->version;
	}
	x->links.proxy_named = true;
	if (trace_open_probe(x)) {
		x->probe->inside = true;
		if (tunnel && tunnel->probe && tunnel->probe->way)
			copy_chain(x, tunnel->probe->way);
	}
	w->inner = x;
}

static void on_facts(void *context, struct exchange *x)
{
	const struct walk *w = context;
	if (!x->path && !trace_open_path(x))
		return;
	x->both_ways = true;
	x->request_acked = x->request_end;
	x->path[PROXY].last_data = x->response_start;
	if (w->flow.pieces)
		x->path[PROXY].last_data.at = w->flow.last;
	for (int side = CLIENT; side <= PROXY; side++)
		x->path[side].bytes = x->bytes[side];
}

static void on_done(void *context, struct exchange *x)
{
	struct walk *w = context;
	if (w->inner == x)
		w->inner = NULL;
	walk_keep(w, x);
}

void inside_begin(struct walk *w)
{
	struct observe_owner owner = {
		.begin = on_begin, .facts = on_facts, .done = on_done, .context = w
	};
	struct observe_options options = { .source = TRACE_CHECK,
					   .keep_heads = w->options->keep_heads,
					   .page = WIRE_PAGE,
					   .any_request = true };
	inside_end(w);
	w->inside = observe_new(&options, &owner);
}

void inside_heard(struct walk *w, enum trace_side side, struct slice bytes)
{
	struct mark now = moment();
	if (w->inside)
		observe_data(w->inside, side, &now, bytes);
}

void inside_body(struct walk *w, struct slice bytes)
{
	struct mark now = moment();
	if (!w->inside || !w->inner)
		return;
	if (w->inner->response.chunked) {
		observe_page(w->inside, bytes);
		observe_gap(w->inside, PROXY, &now, bytes.len, false);
	} else {
		observe_data(w->inside, PROXY, &now, bytes);
	}
}

/* The end of TLS may be here before that of TCP: then libcurl, which hung up on it, knows. */
static bool they_ended(struct walk *w, bool *ret_reset)
{
	return wire_closed(way_now(w), ret_reset) || w->result == CURLE_GOT_NOTHING ||
	       w->result == CURLE_PARTIAL_FILE;
}

/* How the tunnel ended is how this did, unless it was whole before. */
void inside_end(struct walk *w)
{
	struct mark now = moment();
	struct conversation *talk = w->inside;
	if (!talk)
		return;
	bool whole = w->over && w->result == CURLE_OK && w->inner && w->inner->response.status;
	bool cut = w->over && !whole && !w->enough, reset = false;
	bool theirs = cut && they_ended(w, &reset);
	if (whole)
		observe_whole(talk, PROXY, &now);
	if (cut || w->gave_up)
		observe_event(talk, theirs && reset ? EV_RST : EV_FIN, theirs ? PROXY : CLIENT,
			      &now, 0);
	w->inside = NULL;
	observe_end(talk, cut || w->gave_up ? TRACE_END_CLOSED : TRACE_END_OVER, now.at);
	observe_free(talk);
}
