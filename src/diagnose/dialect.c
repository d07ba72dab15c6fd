/* Which product answered, and who that is: proxy, parent, inspection or origin. */
#include "diagnose/rules.h"
#include "diagnose/words_table.h"

static struct slice field_of(const struct trace_response *r, enum where where)
{
	switch (where) {
	case IN_SERVER:
		return r->server;
	case IN_VIA:
		return r->via;
	case IN_AGENT:
		return r->proxy_agent;
	case IN_SQUID_ERROR:
		return r->squid_error;
	case IN_REASON:
		return r->reason;
	case IN_TITLE:
		return r->title;
	case IN_REALM:
		return r->proxy_authenticate;
	case IN_STATUS_FIELD:
		return r->proxy_status;
	case IN_NOWHERE:
	case IN_COUNT_:
		break;
	}
	return (struct slice){ 0 };
}

/* Web servers that are no forward proxies, by the start of their Server field. */
static const char *const WEB_SERVERS[] = {
	"lighttpd",
	"Caddy",
	"Jetty",
	"Apache-Coyote",
	"Apache Tomcat",
	"LiteSpeed",
	"cloudflare",
	"AkamaiGHost",
	"awselb",
	"gws",
	"Werkzeug",
	"SimpleHTTP",
	"BaseHTTP",
	"gunicorn",
	"uvicorn",
	"hypercorn",
	"Cowboy",
	"Kestrel",
	"thttpd",
	"mini_httpd",
	"micro_httpd",
	"GoAhead",
	"RomPager",
	"Boa",
	"Cherokee",
	"WEBrick",
	"Puma",
	"TornadoServer",
	"GFE",
	"ESF",
	"AmazonS3",
	"CloudFront",
	"GitHub.com",
	"Hiawatha",
	"Zope",
	"WildFly",
	"Undertow",
	"Tomcat",
	"Python/",
	"Mongoose",
	"uhttpd",
	"httpd",
	"Allegro-Software",
	"Virata-EmWeb",
	"webfs",
	"nostromo",
	"Monkey",
};

static bool is_web_server(struct slice server)
{
	for (size_t i = 0; server.len && i < sizeof WEB_SERVERS / sizeof *WEB_SERVERS; i++) {
		if (slice_starts_nocase(server, slice_of(WEB_SERVERS[i])))
			return true;
	}
	return false;
}

/* Could this field have come from the origin, through a proxy that passed the answer on? */
static bool may_be_the_origins(const struct exchange *x, const struct dialect_words *d,
			       enum where where)
{
	if (x->request.is_connect || x->response.status == 407)
		return false;
	if (where == IN_TITLE || where == IN_REASON)
		return !d->proxy && where == IN_REASON ? false : x->response.status < 400;
	return where == IN_SERVER && !d->proxy;
}

/* One of 32 bits, the same in either case. */
static uint32_t letter(uint8_t c)
{
	return UINT32_C(1) << (c & 31);
}

static uint32_t letters_of(struct slice s)
{
	uint32_t letters = 0;
	for (size_t i = 0; i < s.len; i++)
		letters |= letter(s.at[i]);
	return letters;
}

/* Pages and reasons of good answers are the origin's, or say nothing. */
static struct slice telling_field(const struct exchange *x, enum where where)
{
	bool page = where == IN_TITLE || where == IN_REASON || where == IN_REALM;
	return page && x->response.status < 400 ? (struct slice){ 0 }
						: field_of(&x->response, where);
}

/* Most words have a letter among their first three that does not occur in the field. */
static bool may_say(uint32_t letters, const char *word)
{
	const uint8_t *w = (const uint8_t *)word;
	return (letters & letter(w[0])) && (letters & letter(w[1])) && (letters & letter(w[2]));
}

static enum dialect by_field(const struct exchange *x, enum where where)
{
	struct slice field = telling_field(x, where);
	size_t count = field.len ? DIALECT_SIGNS[where].count : 0;
	uint32_t letters = letters_of(field);
	for (size_t i = 0; i < count; i++) {
		const struct dialect_sign *s = &DIALECT_SIGNS[where].sign[i];
		if (may_say(letters, s->word) && says(field, s->word) &&
		    !may_be_the_origins(x, &DIALECT_WORDS[s->dialect], where))
			return s->dialect;
	}
	return DIALECT_UNKNOWN;
}

/* The first sign that is found. */
static enum dialect by_signs(const struct exchange *x, enum where *ret_where)
{
	for (enum where where = IN_NOWHERE + 1; where < IN_COUNT_; where++) {
		enum dialect known = by_field(x, where);
		if (known == DIALECT_UNKNOWN)
			continue;
		*ret_where = where;
		return known;
	}
	return DIALECT_UNKNOWN;
}

static enum dialect recognise(const struct exchange *x, enum where *ret_where)
{
	const struct trace_response *r = &x->response;
	enum dialect known = by_signs(x, ret_where);
	if (known != DIALECT_UNKNOWN)
		return known;
	/* glider has no field at all, only this odd reason */
	if (r->status == 502 && slice_equal(r->reason, SLICE("ERROR")) && r->server.len == 0)
		return DIALECT_GLIDER;
	/* 3proxy's pages tell by their form: HTTP/1.0, no Server, this charset in lower case */
	if (r->status >= 400 && r->minor == 0 && r->server.len == 0 && r->via.len == 0 &&
	    slice_equal(r->content_type, SLICE("text/html; charset=us-ascii")))
		return DIALECT_3PROXY;
	if (r->status >= 590 && r->status <= 599 && x->request.is_connect)
		return DIALECT_PROXY_CHAIN;
	if (x->request.is_connect && is_web_server(r->server))
		return DIALECT_WEB_SERVER;
	return DIALECT_UNKNOWN;
}

static bool several_hops(struct slice via)
{
	return slice_find_byte(via, ',') < via.len;
}

/* Before a tunnel is open nobody but a proxy can answer. A plain answer is the origin's where a
 * proxy passed it on, which Via shows, or where nothing names a proxy; "unknown" where it could be
 * either. */
static enum answerer who(const struct exchange *x, enum dialect d, enum where where)
{
	const struct trace_response *r = &x->response;
	bool error = r->status >= 400;
	if (x->request.is_connect || r->status == 407)
		return error && several_hops(r->via) ? ANSWERER_PARENT : ANSWERER_PROXY;
	bool by_proxy = r->squid_error.len ||
			(r->proxy_status.len && says(r->proxy_status, "error=")) ||
			(d != DIALECT_UNKNOWN && where != IN_VIA && DIALECT_WORDS[d].proxy) ||
			(d == DIALECT_APACHE && where != IN_SERVER && where != IN_VIA);
	if (trace_is_inside(x)) /* a proxy is not heard there, but where it inspects */
		return by_proxy && error ? ANSWERER_INSPECTION : ANSWERER_ORIGIN;
	if (by_proxy && error)
		return several_hops(r->via) ? ANSWERER_PARENT : ANSWERER_PROXY;
	if (r->via.len)
		return ANSWERER_ORIGIN;
	/* portals and proxies that block send a client elsewhere, too */
	return error || (r->status >= 300 && r->status != 304) ? ANSWERER_UNKNOWN : ANSWERER_ORIGIN;
}

/* Our own proxy knows which answers are its own. */
static void by_own_knowledge(const struct exchange *x, struct finding *f)
{
	bool refused = own_refusal(x);
	bool opened = x->request.is_connect && x->tunnel.open;
	if (x->source != TRACE_PROXY || !x->leg || x->response.status == 0)
		return;
	if (refused && x->leg->by_parent) {
		f->answered_by = ANSWERER_PARENT;
	} else if (refused || opened) {
		f->dialect = DIALECT_VIADUCT;
		f->answered_by = ANSWERER_PROXY;
	} else if (x->onward->seen && !x->request.is_connect) {
		f->answered_by = ANSWERER_ORIGIN;
	} else if (!x->request.is_connect) { /* TRACE and OPTIONS end here */
		f->dialect = DIALECT_VIADUCT;
		f->answered_by = ANSWERER_PROXY;
	}
}

void finding_dialect(const struct exchange *x, struct finding *f)
{
	enum where where = IN_NOWHERE;
	by_own_knowledge(x, f);
	if (f->dialect == DIALECT_UNKNOWN)
		f->dialect = recognise(x, &where);
	/* by the line that our own proxy adds */
	if (f->answered_by == ANSWERER_PARENT && own_refusal(x) && where == IN_VIA &&
	    !several_hops(x->response.via))
		f->dialect = DIALECT_UNKNOWN;
	if (f->answered_by == ANSWERER_UNKNOWN)
		f->answered_by = who(x, f->dialect, where);
}

const char *dialect_meaning(enum dialect d, unsigned status, const struct trace_response *r)
{
	const struct dialect_code *codes = DIALECT_WORDS[d].codes;
	for (size_t i = 0; i < 16 && codes[i].status; i++) {
		if (codes[i].status != status)
			continue;
		const char *e = codes[i].error;
		if (!e || !r || says(r->squid_error, e) || says(r->proxy_status, e) ||
		    says(r->reason, e) || says(r->title, e))
			return codes[i].meaning;
	}
	return NULL;
}
