/* `parent HOST:PORT { user U; password-file FILE; for HOST...; except HOST...; proxy-protocol v2;
 * }` and `parent direct { for HOST...; }`. */
#include "proxy/config_read.h"

#include "base/escape.h"
#include "proxy/file.h"
#include "proxy/pattern.h"

#include <stdlib.h>

enum { MAX_PASSWORD = 1024 };

static void read_user(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config_parent *p = context;
	p->user = config_text(r, &e->word[1]);
	if (slice_find_byte(e->word[1].text, ':') < e->word[1].text.len)
		config_fault(r, &e->word[1], "a user's name can't hold a colon (RFC 7617)");
}

/* The first line of the file. */
static void read_password_file(struct config_reader *r, void *context,
			       const struct grammar_entry *e)
{
	struct config_parent *p = context;
	struct error err;
	const char *path = config_path(r, &e->word[1]);
	if (!path || p->password)
		return;
	struct slice content = file_read(path, MAX_PASSWORD, &err), rest = content;
	if (!content.at) {
		char shown[300];
		config_fault(r, &e->word[1], "%s %s",
			     escape_into(shown, sizeof shown, slice_of(path)), err.text);
		return;
	}
	struct slice line = slice_line(&rest);
	p->password = malloc(line.len + 1);
	if (!p->password) {
		config_out_of_memory(r);
	} else {
		if (line.len > 0)
			memcpy(p->password, line.at, line.len);
		p->password[line.len] = 0;
		if (line.len == 0 || strlen(p->password) != line.len)
			config_fault(r, &e->word[1], "the first line of that file is no password");
	}
	file_forget(content);
}

static void read_password(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	(void)context;
	config_fault(r, &e->word[0],
		     "a password does not stand in this file; 'password-file FILE;' names one that "
		     "only its owner can read");
}

/* The words stay as they are; here it is only seen to that they are patterns. */
static void check_patterns(struct config_reader *r, const struct grammar_entry *e)
{
	struct pattern p;
	struct error err;
	for (size_t i = 1; i < e->words; i++)
		if (pattern_read(e->word[i].text, &p, &err) < 0)
			config_fault(r, &e->word[i], "%s", err.text);
		else if (p.negated)
			config_fault(r, &e->word[i],
				     "'for' and 'except' have no !; what the one takes the other "
				     "leaves out");
}

static void read_for(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config_parent *p = context;
	check_patterns(r, e);
	p->for_ = e->word + 1;
	p->fors = e->words - 1;
}

static void read_except(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config_parent *p = context;
	check_patterns(r, e);
	p->except = e->word + 1;
	p->excepts = e->words - 1;
}

static void read_proxy_protocol(struct config_reader *r, void *context,
				const struct grammar_entry *e)
{
	static const char *const versions[] = { "v1", "v2" };
	struct config_parent *p = context;
	int version = config_choice(r, &e->word[1], versions, 2);
	if (version >= 0)
		p->send_proxy = (unsigned)version + 1;
}

static const struct config_directive PARENT[] = {
	{ "user", read_user, true, false, true, 1, 1, "user NAME;" },
	{ "password-file", read_password_file, true, false, true, 1, 1, "password-file FILE;" },
	{ "password", read_password, false, false, false, 0, 0, "password-file FILE;" },
	{ "for", read_for, true, false, true, 1, 0, "for HOST...;" },
	{ "except", read_except, true, false, true, 1, 0, "except HOST...;" },
	{ "proxy-protocol", read_proxy_protocol, true, false, true, 1, 1, "proxy-protocol v1|v2;" },
};

static bool is_host(struct slice host)
{
	struct pattern p;
	return pattern_read(host, &p, NULL) == 0 && !p.negated &&
	       (p.kind == PATTERN_NAME || (p.kind == PATTERN_NET && p.net.bits == 128));
}

/* HOST:PORT; brackets are taken off IPv6. */
static bool read_host(struct config_reader *r, const struct grammar_word *w,
		      struct config_parent *p)
{
	char shown[80];
	struct slice host = w->text, digits;
	uint64_t port;
	if (slice_starts(host, SLICE("["))) {
		digits = slice_from(host, 1);
		host = slice_cut(&digits, ']');
		digits = slice_starts(digits, SLICE(":")) ? slice_from(digits, 1)
							  : (struct slice){ 0 };
	} else {
		digits = host;
		host = slice_cut(&digits, ':');
	}
	if (!is_host(host) || !slice_parse_u64(digits, 10, &port) || port == 0 || port > 65535) {
		config_fault(r, w, "'%s' is not HOST:PORT, as proxy.example:8080, nor 'direct'",
			     escape_into(shown, sizeof shown, w->text));
		return false;
	}
	p->host = arena_string(r->config->arena, host);
	p->port = (uint16_t)port;
	if (!p->host)
		config_out_of_memory(r);
	return true;
}

void config_read_parent(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	struct config *c = r->config;
	uint64_t seen = 0;
	unsigned told = r->told;
	(void)context;
	if (c->parents == CONFIG_MAX_PARENTS) {
		config_fault(r, &e->word[0], "more than %d parents", CONFIG_MAX_PARENTS);
		return;
	}
	struct config_parent *p = &c->parent[c->parents++];
	p->direct = slice_equal(e->word[1].text, SLICE("direct"));
	if (!p->direct)
		read_host(r, &e->word[1], p);
	config_read_entries(r, p, e->first, PARENT, sizeof PARENT / sizeof *PARENT, " in parent",
			    &seen);
	if (p->direct && (p->user || p->password || p->send_proxy))
		config_fault(r, &e->word[1],
			     "'parent direct' asks nobody: it has only 'for' and "
			     "'except'");
	/* one that had a fault is there */
	else if (!p->user != !p->password && r->told == told)
		config_fault(r, &e->word[1],
			     "a parent has both 'user' and 'password-file', or "
			     "neither");
}
