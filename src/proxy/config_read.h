/* What the files that read a configuration (config_*.c, rules_read.c) share: the place of faults,
 * and the values that words stand for. */
#ifndef PROXY_CONFIG_READ_H
#define PROXY_CONFIG_READ_H

#include "proxy/config.h"

struct config_reader {
	struct config *config;
	const struct config_faults *faults;
	unsigned told;      /* faults */
	const char *folder; /* what relative paths begin at; "" for the working directory */
	uint64_t seen;      /* a bit for each directive that stands once */
	uint64_t seen_values;
	bool listens_given;
	struct auth_settings *auth; /* auth_settings.h; NULL: no auth block */
	const struct grammar_word *first_user; /* of a rule with `user`; NULL: none has */
};

/* Tells a fault at the word's place (NULL: none). The format's result must be safe to show. */
void config_fault(struct config_reader *r, const struct grammar_word *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_out_of_memory(struct config_reader *r);

/* Room in the configuration's arena, zeroed; NULL after a fault. */
void *config_room(struct config_reader *r, size_t size);
/* A word as a string; one that holds a NUL can't be (the grammar refuses control characters). */
const char *config_text(struct config_reader *r, const struct grammar_word *w);
/* A path, made absolute by the file's folder when it is not. */
const char *config_path(struct config_reader *r, const struct grammar_word *w);

/* ---- directives: a table of names, each with the function that reads its entry ------------------ */

struct config_directive {
	const char *name;
	void (*read)(struct config_reader *r, void *context, const struct grammar_entry *e);
	bool once;            /* a second one is a fault */
	bool block, no_block; /* must have { }; must not */
	size_t least, most;   /* words behind the name; most 0: any number */
	const char *usage;    /* "timeout NAME SPAN;" */
};

/* Reads the entries of a file or a block; tells of names unknown, doubled, or with the wrong words.
 * seen: one bit for each row, of what stood there. where: "", or "in auth" for the sentence. */
void config_read_entries(struct config_reader *r, void *context, struct grammar_entry *first,
			 const struct config_directive *table, size_t count, const char *where,
			 uint64_t *seen);

/* The file's own directives (config_directives.c), and what holds for all of them together. */
void config_read_file(struct config_reader *r, struct grammar_entry *first);

/* ---- values; false after a fault was told -------------------------------------------------------- */

/* A choice among words: its index; -1 after a fault that names the nearest. */
int config_choice(struct config_reader *r, const struct grammar_word *w, const char *const *choice,
		  size_t count);
bool config_count(struct config_reader *r, const struct grammar_word *w, uint64_t least,
		  uint64_t most, uint64_t *ret_value);                  /* 20000, 64k */
bool config_span(struct config_reader *r, const struct grammar_word *w, nanos least, nanos most,
		 nanos *ret_span);                                      /* 500ms, 10s, 5m, 1h, 1d; 0 */
/* 127.0.0.1:3128, [::1]:3128. port: what it is without one; -1: one must be there. Port 0 is fine
 * where port is -1. */
bool config_address(struct config_reader *r, const struct grammar_word *w, int port,
		    struct address *ret_address);
/* CIDRs, each perhaps negated, into the arena. */
bool config_nets(struct config_reader *r, const struct grammar_word *w, size_t count,
		 struct cidr **ret_nets, size_t *ret_count);

/* One `rule` entry (rules_read.c). */
void config_read_rule(struct config_reader *r, void *context, const struct grammar_entry *e);

/* `parent` and `auth` (config_parent.c, config_auth.c). */
void config_read_parent(struct config_reader *r, void *context, const struct grammar_entry *e);
void config_read_auth(struct config_reader *r, void *context, const struct grammar_entry *e);

#endif
