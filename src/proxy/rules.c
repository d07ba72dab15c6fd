/* Judging a request by the rules. Each matcher of a rule says no, yes, or that it depends on an
 * address not known yet; the least of them is the rule's. */
#include "proxy/rules.h"

#include "base/escape.h"
#include "proxy/private.h"
#include "proxy/rules_table.h"

#include <arpa/inet.h>
#include <stdio.h>

/* What is judged: the request, and what is known of where it goes. */
struct judged {
	const struct config *config;
	const struct rules_ask *ask;
	struct pattern_target target;
	struct address literal; /* the host, where it is an address */
	bool is_literal;
};

/* A list holds when one of its entries does (or all are negated) and no negated one does. */
struct tally {
	enum match found, excluded;
	bool only_negated;
};

static struct tally tally_new(void)
{
	return (struct tally){ MATCH_NO, MATCH_NO, true };
}

static void tally_add(struct tally *t, bool negated, enum match m)
{
	enum match *into = negated ? &t->excluded : &t->found;
	if (m > *into)
		*into = m;
	t->only_negated &= negated;
}

static enum match tally_result(const struct tally *t)
{
	enum match found = t->only_negated ? MATCH_YES : t->found;
	if (t->excluded == MATCH_YES || found == MATCH_NO)
		return MATCH_NO;
	return t->excluded == MATCH_MAYBE ? MATCH_MAYBE : found;
}

/* ---- matchers --------------------------------------------------------------------------- */

/* What an address has inside counts where it makes the rule stricter, never where it opens. */
static enum match match_to(const struct rule *rule, const struct judged *j)
{
	struct tally t = tally_new();
	for (size_t i = 0; i < rule->tos; i++) {
		const struct pattern *p = &rule->to[i];
		tally_add(&t, p->negated, pattern_match(p, &j->target, rule->allow == p->negated));
	}
	return tally_result(&t);
}

/* An address as text, in memory of the caller's: what is judged may not depend on there being any.
 */
enum { ADDRESS_TEXT = 48 };

static struct slice address_text(const struct address *a, uint8_t text[ADDRESS_TEXT])
{
	struct buffer b = { .at = text, .room = ADDRESS_TEXT, .limit = ADDRESS_TEXT };
	address_add_host(&b, a);
	return buffer_slice(&b);
}

static bool list_holds(const struct domains *d, const struct judged *j)
{
	uint8_t text[ADDRESS_TEXT];
	if (!j->is_literal)
		return domains_hold(d, j->target.host);
	return domains_hold_exactly(d, address_text(&j->literal, text));
}

static enum match match_lists(const struct rule *rule, const struct judged *j)
{
	struct tally t = tally_new();
	for (size_t i = 0; i < rule->lists; i++)
		tally_add(&t, rule->list[i].negated,
			  list_holds(rule->list[i].domains, j) ? MATCH_YES : MATCH_NO);
	return tally_result(&t);
}

static enum match match_ports(const struct rule *rule, const struct judged *j)
{
	struct tally t = tally_new();
	for (size_t i = 0; i < rule->ports; i++) {
		const struct rule_ports *p = &rule->port[i];
		bool in = j->ask->port >= p->first && j->ask->port <= p->last;
		tally_add(&t, p->negated, in ? MATCH_YES : MATCH_NO);
	}
	return tally_result(&t);
}

static enum match match_words(const struct rule_word *list, size_t count, struct slice word)
{
	struct tally t = tally_new();
	for (size_t i = 0; i < count; i++) {
		bool same =
			slice_equal(list[i].text, SLICE("*")) || slice_equal(list[i].text, word);
		tally_add(&t, list[i].negated, same ? MATCH_YES : MATCH_NO);
	}
	return tally_result(&t);
}

/* Everything but the user; the cheap ones first. */
static enum match match_rule(const struct rule *rule, const struct judged *j)
{
	if (rule->methods > 0 && !match_words(rule->method, rule->methods, j->ask->method))
		return MATCH_NO;
	if (!cidr_list_holds(rule->from, rule->froms, &j->ask->client))
		return MATCH_NO;
	if (rule->ports > 0 && !match_ports(rule, j))
		return MATCH_NO;
	enum match m = rule->tos > 0 ? match_to(rule, j) : MATCH_YES;
	return m != MATCH_NO && rule->lists > 0 && !match_lists(rule, j) ? MATCH_NO : m;
}

/* ---- answers ---------------------------------------------------------------------------- */

static void say(struct rules_answer *a, enum rules_reason reason, const char *text)
{
	a->reason = reason;
	if (!memccpy(a->text, text, 0, sizeof a->text)) /* on the way of every request: no printf */
		a->text[sizeof a->text - 1] = 0;
}

static void say_address(struct rules_answer *a, const struct address *to, const char *name)
{
	uint8_t text[ADDRESS_TEXT];
	struct slice host = address_text(to, text);
	a->reason = RULES_PRIVATE;
	snprintf(
		a->text, sizeof a->text,
		"%.*s is a %s address; 'destinations private allow;' permits those, or a rule that "
		"allows it by its address or network",
		(int)host.len, (const char *)host.at, name);
}

/* Did the rule allow this address in so many words, by a network that is itself a private one? */
static bool names_privately(const struct rule *rule, const struct address *to)
{
	for (size_t i = 0; i < rule->tos; i++) {
		const struct pattern *p = &rule->to[i];
		if (p->kind == PATTERN_NET && !p->negated && cidr_holds(&p->net, to) &&
		    private_holds_net(&p->net))
			return true;
	}
	return false;
}

/* Nothing refuses it so far; what is left are the defaults. rule: NULL where there are none. */
static void allow(const struct judged *j, const struct rule *rule, struct rules_answer *a)
{
	const struct config *c = j->config;
	const struct address *to = j->target.address;
	a->allow_private = c->private_allow || (rule && to && names_privately(rule, to));
	const char *private = to && !a->allow_private ? rules_private_name(to) : NULL;
	say(a, RULES_ALLOWED,
	    rule ? rule->text : "there are no rules: loopback clients are served");
	if (j->ask->connect && j->ask->port != 443 && !(rule && rule->ports > 0)) {
		a->reason = RULES_PORT;
		snprintf(a->text, sizeof a->text,
			 "CONNECT goes to port 443 only; a rule that allows it and says 'port %u' "
			 "permits this",
			 j->ask->port);
	} else if (private) {
		say_address(a, to, private);
	} else if (c->auth && !c->rules->name_users && j->ask->user.len == 0) {
		say(a, RULES_AUTH, "everybody has to authenticate");
	}
}

static void judge_without_rules(const struct judged *j, struct rules_answer *a)
{
	if (address_is_loopback(&j->ask->client))
		allow(j, NULL, a);
	else
		say(a, RULES_LOOPBACK,
		    "there is no rule, so clients on this host alone are served; 'rule allow from "
		    "NET;' permits others");
}

static void decide(const struct judged *j, const struct rule *rule, struct rules_answer *a)
{
	a->line = rule->line;
	if (rule->allow)
		allow(j, rule, a);
	else
		say(a, RULES_RULE, rule->text);
}

/* The first rule that matches. *ret_maybe: the first before it that might, and then might allow. */
static const struct rule *first_match(const struct judged *j, struct rules_answer *a,
				      const struct rule **ret_maybe, bool *ret_auth)
{
	for (const struct rule *rule = j->config->rules->first; rule; rule = rule->next) {
		enum match m = match_rule(rule, j);
		bool nobody = rule->users > 0 && j->ask->user.len == 0;
		if (m == MATCH_NO)
			continue;
		if (rule->users > 0 && !nobody &&
		    !match_words(rule->user, rule->users, j->ask->user))
			continue;
		if (rule->trial) {
			if (m == MATCH_YES && !nobody && a->trial_line == 0)
				a->trial_line = rule->line;
		} else if (m == MATCH_YES) {
			*ret_auth = nobody;
			return rule;
		} else if (rule->allow && !*ret_maybe) {
			*ret_maybe = rule;
		}
	}
	return NULL;
}

static void judge(const struct judged *j, struct rules_answer *a)
{
	const struct rule *maybe = NULL;
	bool auth = false;
	if (!j->config->rules->first) {
		judge_without_rules(j, a);
		return;
	}
	const struct rule *rule = first_match(j, a, &maybe, &auth);
	if (maybe) { /* there may be an address with which this one allows it */
		a->line = maybe->line;
		say(a, RULES_ALLOWED, maybe->text);
	} else if (!rule) {
		say(a, RULES_NO_MATCH,
		    "no rule matches, and what no rule matches is denied; 'rule allow ...;' "
		    "permits "
		    "it");
	} else if (auth) {
		a->line = rule->line;
		say(a, RULES_AUTH, rule->text);
	} else {
		decide(j, rule, a);
	}
}

/* An address as the request wrote it. Where nobody here resolves it, the loose forms that a
 * resolver would take for one (127.1, 0x7f000001) count, too. */
static bool read_literal(const struct rules_ask *ask, struct address *ret_address)
{
	char text[64];
	struct in_addr v4;
	if (cidr_read_address(ask->host, ret_address))
		return true;
	if (!ask->unresolved || ask->host.len == 0 || ask->host.len >= sizeof text)
		return false;
	memcpy(text, ask->host.at, ask->host.len);
	text[ask->host.len] = 0;
	if (!inet_aton(text, &v4))
		return false;
	*ret_address = (struct address){ .ip = { [10] = 0xff, [11] = 0xff } };
	memcpy(ret_address->ip + 12, &v4, 4);
	return true;
}

static struct judged judged_new(const struct config *c, const struct rules_ask *ask)
{
	struct judged j = { .config = c, .ask = ask };
	j.target = (struct pattern_target){ .host = ask->host, .never = ask->unresolved };
	j.is_literal = read_literal(ask, &j.literal);
	return j;
}

void rules_decide(const struct config *c, const struct rules_ask *ask, struct rules_answer *ret)
{
	struct judged j = judged_new(c, ask);
	if (j.is_literal)
		j.target.address = &j.literal;
	ret->line = ret->trial_line = 0;
	ret->allow_private = false;
	judge(&j, ret);
}

void rules_decide_address(const struct config *c, const struct rules_ask *ask,
			  const struct rules_answer *first, const struct address *to,
			  struct rules_answer *ret)
{
	struct judged j = judged_new(c, ask);
	uint32_t trial_line = first->trial_line; /* first and ret may be the same */
	j.target.address = to;
	ret->line = ret->trial_line = 0;
	ret->allow_private = false;
	judge(&j, ret);
	if (trial_line)
		ret->trial_line = trial_line;
}

bool rules_name_users(const struct config *c)
{
	return c->rules->name_users;
}

bool rules_pattern_matches(struct slice pattern, struct slice host, const struct address *literal)
{
	struct pattern p;
	struct pattern_target t = { .host = host, .address = literal, .never = !literal };
	if (pattern_read(pattern, &p, NULL) < 0)
		return false;
	return (pattern_match(&p, &t, false) == MATCH_YES) != p.negated;
}
