/* Where rows differ: each is held against one of them, the settings' if there are any, else the one
 * that most agree with. */
#include "settings/audit_parts.h"

#include "base/escape.h"
#include "settings/exceptions.h"

static bool same_proxy(const struct audit_row *a, const struct audit_row *b)
{
	return a->url.port == b->url.port && slice_equal_nocase(a->url.host, b->url.host);
}

/* There is a proxy, and it is known which. */
static bool is_sound(const struct audit_row *row)
{
	return row->compared && !row->direct && !row->url.fault &&
	       !(row->said && (row->said->broken || row->said->unsure));
}

static const struct audit_row *most_common(const struct audit_row *first)
{
	const struct audit_row *best = NULL;
	size_t most = 0;
	for (const struct audit_row *r = first; r; r = r->next) {
		size_t count = 0;
		for (const struct audit_row *other = first; other && is_sound(r);
		     other = other->next)
			count += is_sound(other) && same_proxy(r, other);
		if (count > most) {
			best = r;
			most = count;
		}
	}
	return best;
}

static bool is_tls(const struct audit_row *row)
{
	return slice_equal_nocase(row->url.scheme, SLICE("https"));
}

static void compare_user(struct audit_work *w, struct audit_row *row, const struct audit_row *ref,
			 const char *whose)
{
	if (row->url.has_user != ref->url.has_user)
		audit_remark(w, row, true,
			     row->url.has_user ? "differs: it has a user, unlike %s"
					       : "differs: it has no user, unlike %s",
			     whose);
	else if (!slice_equal(row->user, ref->user))
		audit_remark(w, row, true, "differs: another user than %s", whose);
	else if (row->url.has_password != ref->url.has_password)
		audit_remark(w, row, true,
			     row->url.has_password ? "differs: it has a password, unlike %s"
						   : "differs: it has no password, unlike %s",
			     whose);
	else if (!slice_equal(row->password, ref->password) && !w->facts->hidden_password)
		audit_remark(w, row, true, "differs: another password than %s", whose);
}

/* Without settings, one that says nothing goes its own way as it always did. */
static void compare_direct(struct audit_work *w, struct audit_row *row, const char *whose)
{
	bool meant = (w->facts->settings || row->said) && row->of != SAID_BY_SHELL;
	audit_remark(w, row, meant, "goes out directly, unlike %s", whose);
}

static void compare_row(struct audit_work *w, struct audit_row *row, const struct audit_row *ref)
{
	const char *shown = w->facts->settings ? "the settings" : "the others";
	if (row->direct && ref->direct)
		return;
	if (row->direct)
		compare_direct(w, row, shown);
	else if (ref->direct)
		audit_remark(w, row, true, "differs: the settings have no proxy enabled");
	else if (!same_proxy(row, ref))
		audit_remark(w, row, true, "differs: another proxy than %s", shown);
	else if (is_tls(row) != is_tls(ref))
		audit_remark(
			w, row, true,
			"differs: it speaks %s to the proxy, unlike %s: one of them can't work",
			is_tls(row) ? "TLS" : "no TLS", shown);
	else
		compare_user(w, row, ref, shown);
}

/* Lists have no settings to be held against: the first is the one. */
static void compare_lists(struct audit_work *w)
{
	const struct audit_row *ref = w->audit->exceptions;
	for (struct audit_row *r = w->audit->exceptions; r; r = r->next) {
		char shown[120];
		if (r == ref || !r->compared || exceptions_equal(r->list, ref->list))
			continue;
		audit_remark(w, r, true, "differs: another list than that of %s",
			     escape_into(shown, sizeof shown, ref->who));
	}
}

void audit_compare(struct audit_work *w)
{
	const struct audit_row *ref =
		w->facts->settings ? w->audit->proxies : most_common(w->audit->proxies);
	for (struct audit_row *r = w->audit->proxies; ref && r; r = r->next)
		if (r != ref && (is_sound(r) || (r->compared && r->direct)))
			compare_row(w, r, ref);
	compare_lists(w);
}
