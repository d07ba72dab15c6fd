/* What is wrong with one row by itself. */
#include "settings/audit_parts.h"

#include "base/escape.h"
#include "settings/exceptions.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_SHOWN = 3 }; /* entries of a list in one remark */

void audit_remark(struct audit_work *w, struct audit_row *row, bool conflict, const char *format,
		  ...)
{
	char text[400];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	struct audit_remark *r = arena_alloc(w->arena, sizeof *r);
	char *kept = arena_string(w->arena, slice_of(text));
	if (!r || !kept) {
		w->failed = true;
		return;
	}
	*r = (struct audit_remark){ .conflict = conflict, .text = kept };
	struct audit_remark **end = &row->remarks;
	while (*end)
		end = &(*end)->next;
	*end = r;
	w->audit->conflict |= conflict;
}

/* "curl, git and wget", of the bits that are set. */
static const char *names_of(unsigned tools, char *into, size_t size)
{
	size_t len = 0, left = 0;
	into[0] = 0;
	for (unsigned i = 0; i < SAID_WHO_COUNT; i++)
		left += tools >> i & 1;
	for (unsigned i = 0; i < SAID_WHO_COUNT && len < size; i++) {
		if (!(tools >> i & 1))
			continue;
		left--;
		len += (size_t)snprintf(into + len, size - len, "%s%s",
					audit_name((enum said_who)i),
					left > 1    ? ", "
					: left == 1 ? " and "
						    : "");
	}
	return into;
}

/* Whoever logs in runs all the tools; a service's programs are its own business. */
static bool is_for_all(const struct audit_row *row)
{
	return row->of == SAID_BY_SHELL || row->of == SAID_BY_LOGIN;
}

/* The tools that are concerned: the one of the row, or, of a login's, all that are there. */
static unsigned concerned(const struct audit_work *w, const struct audit_row *row)
{
	if (is_for_all(row))
		return w->facts->installed;
	if (audit_tool_of(row->of))
		return 1u << row->of;
	if (slice_equal(row->who, SLICE("docker.service")))
		return 1u << SAID_BY_DOCKERD;
	return 0;
}

/* ---- proxies ------------------------------------------------------------------------------- */

static unsigned those_that_want_scheme(unsigned tools)
{
	unsigned found = 0;
	for (const struct audit_tool *t = AUDIT_TOOLS; t->who != SAID_WHO_COUNT; t++)
		if (t->wants_scheme)
			found |= 1u << t->who;
	return found & tools;
}

static bool is_port_of_plain_proxies(uint32_t port)
{
	return port == 80 || port == 3128 || port == 8080 || port == 8888;
}

static void judge_scheme(struct audit_work *w, struct audit_row *row)
{
	struct slice scheme = row->url.scheme;
	unsigned tools = concerned(w, row), strict = those_that_want_scheme(tools);
	char names[120];
	if (scheme.len == 0 && strict)
		audit_remark(w, row, true,
			     "can't work in %s: there is no scheme; write http:// before it",
			     names_of(strict, names, sizeof names));
	else if (slice_equal_nocase(scheme, SLICE("https"))) {
		if (tools & 1u << SAID_BY_WGET)
			audit_remark(w, row, true,
				     "can't work in wget, which speaks no TLS to a proxy: write "
				     "http://, unless the proxy itself wants TLS");
		if (is_port_of_plain_proxies(row->url.port))
			audit_remark(w, row, false,
				     "https:// means TLS to the proxy itself, which on port %u "
				     "seldom is there; for https: URLs, too, it is http://",
				     row->url.port);
	} else if (slice_starts_nocase(scheme, SLICE("socks"))) {
		audit_remark(w, row, (tools & 1u << SAID_BY_WGET) != 0,
			     "a SOCKS proxy, which speaks no HTTP; wget can't use one");
	} else if (scheme.len > 0 && !slice_equal_nocase(scheme, SLICE("http"))) {
		audit_remark(w, row, true, "can't work: its scheme is none of a proxy's");
	}
}

void audit_judge_settings(struct audit_work *w, struct audit_row *row, const struct settings *s)
{
	struct settings_remarks r;
	settings_check(s, &r);
	for (size_t i = 0; i < r.count; i++)
		audit_remark(w, row, r.remark[i].fault, "%s%s",
			     r.remark[i].fault ? "can't work: " : "", r.remark[i].text);
}

void audit_judge_proxy(struct audit_work *w, struct audit_row *row)
{
	if (row->said && row->said->broken) {
		audit_remark(w, row, true, "can't work: %s", row->said->broken);
		return;
	}
	if (row->said && row->said->unsure)
		audit_remark(w, row, false, "%s", row->said->unsure);
	if (row->direct || (row->said && row->said->unsure))
		return;
	if (row->url.fault) {
		audit_remark(w, row, true, "can't work: %s", row->url.fault);
		return;
	}
	audit_judge_settings(w, row,
			     &(struct settings){ .host = row->url.host, .port = row->url.port });
	if (row->url.port == 0 && !slice_equal_nocase(row->url.scheme, SLICE("https")))
		audit_remark(w, row, true,
			     "there is no port, and tools differ in what they take then: curl and "
			     "git 1080, others 80");
	if (row->url.unescaped)
		audit_remark(w, row, true,
			     "can't work everywhere: in user or password there are characters "
			     "that are to be written as %%XX (@ is %%40, # is %%23, / is %%2F, %% "
			     "is %%25)");
	judge_scheme(w, row);
}

/* ---- upper and lower case ------------------------------------------------------------------ */

static const char *const LOWER[] = { "http_proxy", "https_proxy", "no_proxy" };
static const char *const UPPER[] = { "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY" };

static void judge_upper(struct audit_work *w, struct audit_row *row, size_t which)
{
	static const unsigned DEAF[] = {
		1u << SAID_BY_CURL | 1u << SAID_BY_GIT | 1u << SAID_BY_WGET | 1u << SAID_BY_APT,
		1u << SAID_BY_WGET | 1u << SAID_BY_APT,
		1u << SAID_BY_WGET | 1u << SAID_BY_APT,
	};
	unsigned deaf = DEAF[which] & concerned(w, row);
	char names[120];
	if (deaf)
		audit_remark(w, row, true, "%s is not read by %s: set %s, too", UPPER[which],
			     names_of(deaf, names, sizeof names), LOWER[which]);
}

void audit_judge_case(struct audit_work *w, struct audit_row *row, enum said_use use)
{
	size_t which = use == SAID_HTTP ? 0 : use == SAID_HTTPS ? 1 : 2;
	const struct said *s = row->said;
	if (!s || audit_tool_of(row->of))
		return;
	const struct said *lower =
		audit_variable(w->facts->list, s->who, s->group, &LOWER[which], 1);
	const struct said *upper =
		audit_variable(w->facts->list, s->who, s->group, &UPPER[which], 1);
	if (upper && !lower)
		judge_upper(w, row, which);
	else if (upper && lower &&
		 !(which == 2 ? exceptions_equal(upper->value, lower->value)
			      : slice_equal(upper->value, lower->value)))
		audit_remark(w, row, true,
			     "%s says something else than %s: who reads which differs",
			     UPPER[which], LOWER[which]);
}

/* ---- exceptions ---------------------------------------------------------------------------- */

/* The first entries of the form, as a list. */
static bool list_form(struct slice list, enum exception_form form, char *into, size_t size)
{
	struct slice entry;
	struct buffer out;
	size_t count = 0;
	buffer_init(&out, 1 << 16);
	while (exceptions_next(&list, &entry))
		if (exception_form_of(entry) == form && count++ < MAX_SHOWN) {
			buffer_add_text(&out, count > 1 ? ", " : "");
			escape_text(&out, slice_first(entry, 40));
		}
	if (count > MAX_SHOWN)
		buffer_add_text(&out, ", ...");
	snprintf(into, size, "%.*s", (int)out.len, out.at ? (const char *)out.at : "");
	buffer_done(&out);
	return count > 0;
}

static void judge_form(struct audit_work *w, struct audit_row *row, enum exception_form form)
{
	char names[120], entries[160];
	unsigned tools = concerned(w, row), deaf = exception_ignored_by(form) & tools;
	if ((!deaf && form != EXCEPTION_DOT && form != EXCEPTION_NETWORK) ||
	    !list_form(row->list, form, entries, sizeof entries))
		return;
	if (deaf)
		audit_remark(w, row, true, "%s ignore%s %s: %s",
			     names_of(deaf, names, sizeof names), (deaf & (deaf - 1)) ? "" : "s",
			     exception_form_name(form), entries);
	if (form == EXCEPTION_DOT && (tools & (1u << SAID_BY_WGET | 1u << SAID_BY_APT |
					       1u << SAID_BY_DOCKER | 1u << SAID_BY_DOCKERD)))
		audit_remark(w, row, false,
			     "to wget, apt and Docker a dot before it means only names below it, "
			     "to others the name as well: %s",
			     entries);
	if (form == EXCEPTION_NETWORK && (tools & (1u << SAID_BY_CURL | 1u << SAID_BY_GIT)))
		audit_remark(w, row, false, "curl before 7.86, and git with it, ignores %s: %s",
			     exception_form_name(form), entries);
}

static bool has_blank_after_comma(struct slice list)
{
	for (size_t i = 0; i + 1 < list.len; i++)
		if (list.at[i] == ',' && (list.at[i + 1] == ' ' || list.at[i + 1] == '\t'))
			return true;
	return false;
}

void audit_judge_exceptions(struct audit_work *w, struct audit_row *row)
{
	if (row->said && row->said->unsure) {
		audit_remark(w, row, false, "%s", row->said->unsure);
		return;
	}
	if (row->said && row->said->broken)
		audit_remark(w, row, true, "can't work: %s", row->said->broken);
	for (int form = 0; form < EXCEPTION_FORMS; form++)
		judge_form(w, row, (enum exception_form)form);
	if ((concerned(w, row) & 1u << SAID_BY_APT) && has_blank_after_comma(row->list))
		audit_remark(w, row, true,
			     "apt takes a blank behind a comma for the begin of a name");
	audit_judge_case(w, row, SAID_EXCEPT);
}
