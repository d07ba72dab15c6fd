/* The parts of an audit; for this room alone. */
#ifndef SETTINGS_AUDIT_PARTS_H
#define SETTINGS_AUDIT_PARTS_H

#include "settings/audit.h"

struct audit_work {
	const struct audit_facts *facts;
	struct arena *arena;
	struct audit *audit;
	bool failed; /* the arena is full */
};

/* audit_tools.c: where each tool looks, and in which order. */
struct audit_tool {
	enum said_who who;
	const char *before[3];                    /* variables that win over its files */
	const char *http[5], *https[5], *except[3]; /* variables behind its files */
	bool one_for_both;  /* what its files say of https: serves http: as well */
	bool other_for_tls; /* what they say of http: serves https:, where that has none */
	bool empty_is_none; /* an empty variable says that there is none, else it says nothing */
	bool wants_scheme;
};

extern const struct audit_tool AUDIT_TOOLS[];
const struct audit_tool *audit_tool_of(enum said_who who); /* NULL: it is an environment */

const struct said *audit_pick(const struct audit_work *w, const struct audit_tool *t,
			      enum said_use use);
/* The last that is said there of one of the names, the first name first. An empty one says nothing. */
const struct said *audit_variable(const struct said_list *list, enum said_who who,
				  struct slice group, const char *const *names, size_t count);

/* audit_judge.c */
void audit_remark(struct audit_work *w, struct audit_row *row, bool conflict, const char *format,
		  ...) __attribute__((format(printf, 4, 5)));
/* What settings_check has to say. */
void audit_judge_settings(struct audit_work *w, struct audit_row *row, const struct settings *s);
void audit_judge_proxy(struct audit_work *w, struct audit_row *row);
void audit_judge_exceptions(struct audit_work *w, struct audit_row *row);
void audit_judge_case(struct audit_work *w, struct audit_row *row, enum said_use use);

/* audit_compare.c */
void audit_compare(struct audit_work *w);

#endif
