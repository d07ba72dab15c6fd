/* Who on a host uses which proxy, where they differ, and what can't work: told from what all places
 * say (said.h). Nothing is read here, and no password shown. */
#ifndef SETTINGS_AUDIT_H
#define SETTINGS_AUDIT_H

#include "settings/proxy_url.h"
#include "settings/said.h"
#include "settings/settings.h"

struct audit_remark {
	struct audit_remark *next;
	bool conflict;    /* differs from others, or can't work; else good to know */
	const char *text; /* safe to show */
};

/* One user of proxies, for one or both of http: and https: URLs; or of a list of exceptions. */
struct audit_row {
	struct audit_row *next;
	enum said_who of;        /* SAID_WHO_COUNT: the settings */
	struct slice who;        /* "curl", "docker.service" */
	enum said_use use;       /* SAID_HTTP, SAID_HTTPS, SAID_ALL; SAID_EXCEPT */
	const struct said *said; /* where it is said; NULL: nowhere */
	bool direct;             /* no proxy */
	bool compared;           /* it is to be the same as the others' */
	struct proxy_url url;    /* where it is one */
	struct slice user, password; /* unescaped; never to be shown */
	struct slice list;           /* of exceptions */
	struct audit_remark *remarks;
};

struct audit {
	struct audit_row *proxies, *exceptions; /* in the order in which they are to be shown */
	bool conflict;
};

struct audit_facts {
	const struct said_list *list;
	const struct settings *settings; /* NULL: the host has none */
	bool hidden_password;            /* of the settings: we may not read it */
	unsigned installed; /* a bit for each said_who that is a tool of this host */
	bool image;         /* there is no process, and none's environment is this one */
};

/* All that it returns lies in the arena or in the list. -ENOMEM. */
int audit_make(const struct audit_facts *facts, struct arena *arena, struct audit *ret_audit);

/* "curl"; "this shell" */
const char *audit_name(enum said_who who);

#endif
