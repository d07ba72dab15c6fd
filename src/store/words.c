/* The words by which an exchange is found. The index knows words and nothing of their order, so
 * what a person may type instead of a whole host is made a word here: each ending of a name, the
 * address without the port. */
#include "store/private.h"

enum { MAX_ENDINGS = 12, MAX_QUERY_WORDS = 12, MAX_WORD = 120 };

/* As schema.c tells the tokenizer; what lies beyond ASCII it judges by itself. */
static bool is_in_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c >= 0x80 || c == '.' || c == '-' || c == '_' || c == ':' || c == '@';
}

static bool is_mark(uint8_t c)
{
	return c == '.' || c == '-' || c == '_' || c == ':' || c == '@';
}

/* The next word of *rest, without the full stops and dashes around it; empty at the end. */
static struct slice next_word(struct slice *rest)
{
	struct slice word = { 0 };
	while (rest->len > 0 && word.len == 0) {
		while (rest->len > 0 && (!is_in_word(rest->at[0]) || is_mark(rest->at[0])))
			*rest = slice_from(*rest, 1);
		size_t len = 0;
		while (len < rest->len && is_in_word(rest->at[len]))
			len++;
		word = slice_first(*rest, len);
		*rest = slice_from(*rest, len);
		while (word.len > 0 && is_mark(word.at[word.len - 1]))
			word.len--;
	}
	return slice_first(word, MAX_WORD);
}

static void add(struct buffer *out, struct slice s)
{
	buffer_add(out, s);
	buffer_add_byte(out, ' ');
}

static void add_all(struct buffer *out, struct slice text)
{
	struct slice word;
	while ((word = next_word(&text)).len > 0)
		add(out, word);
}

/* tools.cisco.com:443: itself, tools.cisco.com, cisco.com, com, 443 */
static void add_host(struct buffer *out, struct slice host)
{
	size_t colon = slice_find_byte(host, ':');
	struct slice name = slice_first(host, colon);
	add(out, host);
	if (colon < host.len)
		add(out, slice_from(host, colon + 1));
	for (unsigned i = 0; i < MAX_ENDINGS && name.len > 0; i++) {
		add(out, name);
		name = slice_from(name, slice_find_byte(name, '.') + 1);
	}
}

static void add_address(struct buffer *out, const struct address *a)
{
	if (address_is_none(a))
		return;
	address_add_host(out, a);
	buffer_add_byte(out, ' ');
	address_add(out, a);
	buffer_add_byte(out, ' ');
}

static void add_target(struct buffer *out, struct slice target)
{
	size_t scheme = slice_find(target, SLICE("://"));
	if (scheme < target.len) {
		add(out, slice_first(target, scheme));
		target = slice_from(target, scheme + 3);
	}
	size_t slash = slice_find_byte(target, '/');
	add_host(out, slice_first(target, slash));
	add_all(out, slice_from(target, slash));
}

void words_of(const struct exchange *x, const struct diagnosis *d, struct buffer *out)
{
	const struct trace_response *r = &x->response;
	const struct slice texts[] = { x->request.method, x->request.user, r->reason,
				       r->server,         r->via,          r->title,
				       x->client_name,    x->proxy_name,   x->heading };
	buffer_reset(out);
	add_target(out, x->request.target);
	add_address(out, &x->proxy);
	add_address(out, &x->client);
	if (r->status)
		buffer_printf(out, "%u ", r->status);
	if (x->tls && x->tls->sni.len)
		add_host(out, x->tls->sni);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		add_all(out, slice_first(texts[i], 300));
	if (x->leg)
		add_all(out, x->leg->why);
	add_all(out, slice_of(verdict_id(d->verdict)));
	add_all(out, slice_of(d->product));
	add_all(out, slice_of(d->summary));
}

void words_of_record(const struct store_record *r, struct buffer *out)
{
	buffer_reset(out);
	add_target(out, r->target);
	add_host(out, r->proxy);
	add_all(out, r->verdict);
	add_all(out, r->said);
}

void words_query(struct slice typed, struct buffer *out)
{
	struct slice word;
	for (unsigned i = 0; i < MAX_QUERY_WORDS && (word = next_word(&typed)).len > 0; i++) {
		buffer_add_text(out, i ? " AND \"" : "\"");
		buffer_add(out, word); /* no quote is in a word */
		buffer_add_byte(out, '"');
	}
}
