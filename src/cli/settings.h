/* viaduct settings: what its parts share. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "host/settings_file.h"

/* What the options of all its tasks say; a task takes those that its own table has. */
struct settings_wish {
	const char *file; /* NULL: none is named (audit alone) */
	const char *root; /* "": this machine */
	const char *format; /* of export; NULL: as it comes */
	bool json, yes, help, verbose, with_password;
};

/* Each is given its operands and returns the exit status. */
int settings_change_set(const struct settings_wish *w, int argc, char **argv);
int settings_change_unset(const struct settings_wish *w, int argc, char **argv);
int settings_apply(const struct settings_wish *w, int argc, char **argv);
int settings_export(const struct settings_wish *w, int argc, char **argv);
int settings_test(const struct settings_wish *w, int argc, char **argv);
int settings_audit(const struct settings_wish *w, int argc, char **argv);
int settings_undo(const struct settings_wish *w, int argc, char **argv);

/* The formats, for --help. */
void settings_export_help(void);

/* Faults and warnings, a line each, to standard error. */
void settings_complain(const struct settings_remarks *r);

/* Complains so, and, where they can't work, -EINVAL: "OTHERWISE can't work". */
int settings_must_work(const struct settings *s, const char *otherwise, struct error *err);

#endif
