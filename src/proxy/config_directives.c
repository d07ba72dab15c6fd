/* The directives of a configuration file, but for `rule`, `parent` and `auth`. */
#include "proxy/config_read.h"

#include "base/escape.h"

enum { MAX_WORKERS = 256 };

#define SECONDS(n) ((n)*NANOS_PER_SECOND)
#define LONGEST    SECONDS(INT64_C(86400) * 365)
#define UNBOUNDED  (UINT64_C(1) << 60)

/* ---- listen ----------------------------------------------------------------------------- */

static void read_trusted(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const from[] = { "from" };
	struct config_listen *l = context;
	if (config_choice(r, &e->word[1], from, 1) < 0)
		return;
	l->proxy_protocol = true;
	config_nets(r, e->word + 2, e->words - 2, &l->trusted, &l->trusted_count);
}

static const struct config_directive LISTEN[] = {
	{ "proxy-protocol", read_trusted, true, false, true, 2, 0, "proxy-protocol from NET...;" },
};

static void read_listen(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config *c = r->config;
	uint64_t seen = 0;
	(void)context;
	if (!r->listens_given)
		c->listens = 0; /* the built-in one */
	r->listens_given = true;
	if (c->listens == CONFIG_MAX_LISTEN) {
		config_fault(r, &e->word[0], "more than %d addresses to listen at",
			     CONFIG_MAX_LISTEN);
		return;
	}
	struct config_listen *l = &c->listen[c->listens];
	*l = (struct config_listen){ 0 };
	if (config_address(r, &e->word[1], -1, &l->at)) {
		for (size_t i = 0; i < c->listens; i++)
			if (l->at.port && address_equal(&l->at, &c->listen[i].at))
				config_fault(r, &e->word[1], "'listen' has this address already");
		c->listens++;
	}
	config_read_entries(r, l, e->first, LISTEN, 1, " in listen", &seen);
}

/* ---- the process ------------------------------------------------------------------------ */

static void read_workers(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	uint64_t workers;
	(void)context;
	if (slice_equal(e->word[1].text, SLICE("auto")))
		r->config->workers = 0;
	else if (config_count(r, &e->word[1], 1, MAX_WORKERS, &workers))
		r->config->workers = (unsigned)workers;
}

static void read_user(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	(void)context;
	r->config->user = config_text(r, &e->word[1]);
}

static void read_admin(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config *c = r->config;
	struct grammar_word w = e->word[1];
	(void)context;
	if (slice_equal(w.text, SLICE("off")))
		return;
	if (slice_starts(w.text, SLICE("unix:")))
		w.text = slice_from(w.text, 5);
	if (slice_starts(w.text, SLICE("/")) || w.text.len < e->word[1].text.len)
		c->admin_path = config_path(r, &w);
	else
		config_address(r, &w, -1, &c->admin);
	if (c->admin_path && strlen(c->admin_path) > 107)
		config_fault(r, &e->word[1], "the path of a socket has 107 bytes at most");
}

static void read_log(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const logs[] = { "access", "error" };
	static const char *const formats[] = { "none", "text", "json" };
	struct config *c = r->config;
	(void)context;
	int which = config_choice(r, &e->word[1], logs, 2);
	if (which < 0)
		return;
	if (r->seen_values & UINT64_C(1) << which)
		config_fault(r, &e->word[1], "'log %s' stands here a second time", logs[which]);
	r->seen_values |= UINT64_C(1) << which;
	struct config_log *log = which == 0 ? &c->access : &c->error;
	bool none = e->words == 3 && slice_equal(e->word[2].text, SLICE("none"));
	int format = none ? LOG_NONE : LOG_TEXT;
	if (e->words == 4)
		format = config_choice(r, &e->word[3], formats, which == 0 ? 3 : 2);
	if (format < 0)
		return;
	log->format = (enum log_format)format;
	bool plain = none || slice_equal(e->word[2].text, SLICE("-")) ||
		     slice_equal(e->word[2].text, SLICE("syslog"));
	log->path = plain ? config_text(r, &e->word[2]) : config_path(r, &e->word[2]);
}

/* A pseudonym of Via is a token (RFC 9110 section 7.6.3). */
static void read_name(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct slice name = e->word[1].text;
	(void)context;
	bool right = name.len > 0 && name.len <= 64;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		right &= (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			 c == '-' || c == '_' || c == '.';
	}
	if (!right)
		config_fault(r, &e->word[1],
			     "the proxy's name has letters, digits, '-', '_' and '.', 64 at most");
	r->config->name = r->config->pseudonym = config_text(r, &e->word[1]);
}

static void read_via(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const states[] = { "off", "on" };
	(void)context;
	r->config->via = config_choice(r, &e->word[1], states, 2) == 1;
}

/* ---- destinations ----------------------------------------------------------------------- */

static void read_destinations(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const kinds[] = { "private" };
	static const char *const verbs[] = { "deny", "allow" };
	(void)context;
	if (config_choice(r, &e->word[1], kinds, 1) == 0)
		r->config->private_allow = config_choice(r, &e->word[2], verbs, 2) == 1;
}

static void read_sni(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const kinds[] = { "match" };
	static const char *const states[] = { "off", "log", "deny" };
	(void)context;
	if (config_choice(r, &e->word[1], kinds, 1) < 0)
		return;
	int state = config_choice(r, &e->word[2], states, 3);
	if (state >= 0)
		r->config->sni = (enum sni_match)state;
}

static void read_resolver(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config *c = r->config;
	(void)context;
	for (size_t i = 1; i < e->words; i++) {
		if (c->resolvers == CONFIG_MAX_RESOLVERS) {
			config_fault(r, &e->word[i], "more than %d resolvers",
				     CONFIG_MAX_RESOLVERS);
			return;
		}
		if (config_address(r, &e->word[i], 53, &c->resolver[c->resolvers]))
			c->resolvers++;
	}
}

/* ---- time-outs and limits --------------------------------------------------------------- */

/* Rows of one directive, of which each stands once. */
static int choose_row(struct config_reader *r, const struct grammar_entry *e,
		      const char *const *names, size_t count, unsigned first_bit)
{
	int row = config_choice(r, &e->word[1], names, count);
	uint64_t bit = row < 0 ? 0 : UINT64_C(1) << (first_bit + (unsigned)row);
	if (r->seen_values & bit)
		config_fault(r, &e->word[1], "'%.*s %s' stands here a second time",
			     (int)e->word[0].text.len, (const char *)e->word[0].text.at,
			     names[row]);
	r->seen_values |= bit;
	return row;
}

static void read_timeout(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const names[] = { "header", "connect", "idle",     "keepalive",
					     "origin", "answer",  "lifetime", "drain" };
	struct config *c = r->config;
	const struct {
		nanos *at, least;
	} rows[] = { { &c->timeout.header, NANOS_PER_MS },
		     { &c->timeout.connect, NANOS_PER_MS },
		     { &c->timeout.idle, 0 },
		     { &c->timeout.keepalive, NANOS_PER_MS },
		     { &c->timeout.origin, 0 },
		     { &c->timeout.answer, 0 },
		     { &c->timeout.lifetime, 0 },
		     { &c->timeout.drain, 0 } };
	(void)context;
	int row = choose_row(r, e, names, sizeof names / sizeof *names, 8);
	if (row >= 0)
		config_span(r, &e->word[2], rows[row].least, LONGEST, rows[row].at);
}

static void read_limit(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const names[] = { "response",    "tunnel",           "request",
					     "header",      "bandwidth-client", "bandwidth-tunnel",
					     "connections", "per-client",       "auth-failures",
					     "dns-cache" };
	struct config *c = r->config;
	uint64_t numbers[4] = { 0 };
	const struct {
		uint64_t *at, least, most;
	} rows[] = { { &c->limit.response, 0, UNBOUNDED },
		     { &c->limit.tunnel, 0, UNBOUNDED },
		     { &c->limit.request, 0, UNBOUNDED },
		     { &c->limit.header, 1024, 65536 },
		     { &c->limit.bandwidth_client, 0, UNBOUNDED },
		     { &c->limit.bandwidth_tunnel, 0, UNBOUNDED },
		     { &numbers[0], 1, 10000000 },
		     { &numbers[1], 0, 10000000 },
		     { &numbers[2], 0, 1000000 },
		     { &numbers[3], 16, 10000000 } };
	(void)context;
	int row = choose_row(r, e, names, sizeof names / sizeof *names, 24);
	if (row < 0 || !config_count(r, &e->word[2], rows[row].least, rows[row].most, rows[row].at))
		return;
	unsigned number = (unsigned)numbers[row >= 6 ? row - 6 : 0];
	if (row == 6)
		c->limit.connections = number;
	else if (row == 7)
		c->limit.per_client = number;
	else if (row == 8)
		c->limit.auth_failures = number;
	else if (row == 9)
		c->dns_cache = number;
}

/* ---- all of them ------------------------------------------------------------------------ */

static const struct config_directive FILE_DIRECTIVES[] = {
	{ "listen", read_listen, false, false, false, 1, 1, "listen ADDRESS:PORT;" },
	{ "workers", read_workers, true, false, true, 1, 1, "workers auto|NUMBER;" },
	{ "user", read_user, true, false, true, 1, 1, "user NAME;" },
	{ "admin", read_admin, true, false, true, 1, 1, "admin ADDRESS:PORT|PATH|off;" },
	{ "log", read_log, false, false, true, 2, 3,
	  "log access PATH text|json; log access none; log error PATH;" },
	{ "auth", config_read_auth, true, true, false, 1, 2,
	  "auth digest basic { realm NAME; users FILE; }" },
	{ "rule", config_read_rule, false, false, true, 1, 0,
	  "rule [trial] allow|deny MATCHER WORD...;" },
	{ "destinations", read_destinations, true, false, true, 2, 2,
	  "destinations private deny|allow;" },
	{ "timeout", read_timeout, false, false, true, 2, 2, "timeout NAME SPAN;" },
	{ "limit", read_limit, false, false, true, 2, 2, "limit NAME NUMBER;" },
	{ "parent", config_read_parent, false, false, false, 1, 1,
	  "parent HOST:PORT { ... } or parent direct { for HOST...; }" },
	{ "resolver", read_resolver, true, false, true, 1, 0, "resolver ADDRESS...;" },
	{ "sni", read_sni, true, false, true, 2, 2, "sni match off|log|deny;" },
	{ "name", read_name, true, false, true, 1, 1, "name NAME;" },
	{ "via", read_via, true, false, true, 1, 1, "via on|off;" },
};

void config_read_file(struct config_reader *r, struct grammar_entry *first)
{
	struct config *c = r->config;
	config_read_entries(r, NULL, first, FILE_DIRECTIVES,
			    sizeof FILE_DIRECTIVES / sizeof *FILE_DIRECTIVES, "", &r->seen);
	if (r->first_user && !r->auth)
		config_fault(r, r->first_user,
			     "a rule asks for a user, but there is no 'auth' to ask with");
	for (size_t i = 0; i < c->listens; i++)
		if (!address_is_none(&c->admin) && c->admin.port &&
		    address_equal(&c->admin, &c->listen[i].at))
			config_fault(r, NULL, "'admin' and 'listen' have the same address");
}
