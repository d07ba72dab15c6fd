/* What the places of a host say about proxies: lines of files, variables of environments.
 *
 * A reader is given a text and adds what it says of proxies to a list, with the value as its tool
 * would have it: unquoted, unescaped, comments gone. What the tool would pass over the reader passes
 * over, too. Values have passwords in them: the list's arena is to be wiped or to die with the
 * process, and nothing of a value is shown but by proxy_url.h. */
#ifndef SETTINGS_SAID_H
#define SETTINGS_SAID_H

#include "base/arena.h"
#include "base/buffer.h"

/* Whose the place is: what is said there, this tool alone heeds, or, of an environment, whoever runs
 * in it. */
enum said_who {
	SAID_BY_SHELL,   /* the environment of this process */
	SAID_BY_LOGIN,   /* the environment that the next login begins with */
	SAID_BY_MANAGER, /* the environment that systemd gives to all services */
	SAID_BY_UNIT,    /* one service's, as its files have it */
	SAID_BY_PROCESS, /* that of processes that run */
	SAID_BY_CURL,
	SAID_BY_WGET,
	SAID_BY_GIT,
	SAID_BY_APT,
	SAID_BY_NPM,
	SAID_BY_PIP,
	SAID_BY_DOCKER, /* for containers and builds */
	SAID_BY_DOCKERD,
	SAID_WHO_COUNT,
};

enum said_use {
	SAID_NOTHING = 0, /* it was, and is taken back */
	SAID_HTTP = 1,
	SAID_HTTPS = 2,
	SAID_ALL = 3,
	SAID_EXCEPT = 4,   /* what is to be reached without the proxy */
	SAID_OFF = 8,      /* no proxy, whatever else is said */
	SAID_USER = 16,    /* for the proxy, where it stands apart */
	SAID_PASSWORD = 32,
	SAID_FILE = 64,      /* a unit's EnvironmentFile=: what it says counts for more, whoever reads that */
};

struct said {
	struct said *next;
	enum said_who who;
	enum said_use use;
	struct slice place; /* a path, or what is there instead */
	uint32_t line;      /* 0: the place has none */
	struct slice group; /* the unit; the processes; empty elsewhere */
	struct slice scope; /* for these only: a URL of git's, a host of apt's; empty: for all */
	struct slice key;   /* as it is written there */
	struct slice value;
	const char *broken; /* why the tool can't take the value as it stands; NULL */
	const char *unsure; /* why the value is not to be known from the text; NULL */
};

enum { SAID_MOST = 20000 };

struct said_list {
	struct arena *arena; /* the caller's; holds all that is added */
	struct said *first, *last;
	size_t count;
	bool failed;         /* no room in the arena */
	struct buffer value; /* of which a value is made while it is read */

	/* What the next ones are given. */
	enum said_who who;
	struct slice place, group;
};

void said_list_init(struct said_list *list, struct arena *arena);
void said_list_done(struct said_list *list); /* the arena stays */

/* Adds; all slices are copied but place and group. NULL: there is no room. */
struct said *said_add(struct said_list *list, uint32_t line, enum said_use use, struct slice key,
		      struct slice value);

/* In whatever case. */
bool said_is_variable(struct slice name);

/* A variable of an environment, if it is one that says something of proxies. */
struct said *said_add_variable(struct said_list *list, uint32_t line, struct slice name,
			       struct slice value);

enum said_form {
	SAID_FORM_ENVIRON,       /* /proc/PID/environ: NAME=VALUE, each ended by a NUL */
	SAID_FORM_PAM,           /* /etc/environment: pam_env(8) */
	SAID_FORM_SHELL,         /* /etc/profile.d/ *.sh */
	SAID_FORM_SYSTEMD,       /* units, drop-ins, system.conf */
	SAID_FORM_CURL,          /* .curlrc */
	SAID_FORM_WGET,          /* wgetrc */
	SAID_FORM_GIT,           /* gitconfig */
	SAID_FORM_APT,           /* apt.conf */
	SAID_FORM_NPM,           /* .npmrc */
	SAID_FORM_PIP,           /* pip.conf */
	SAID_FORM_DOCKER,        /* .docker/config.json */
	SAID_FORM_DOCKER_DAEMON, /* daemon.json */
	SAID_FORM_ENV_FILE,      /* EnvironmentFile= of a unit */
	SAID_FORMS,
};

void said_read(enum said_form form, struct slice text, struct said_list *list);

#endif
