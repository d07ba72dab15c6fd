/* viaduct settings export: what apply would write, on standard output. */
#include "base/escape.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/settings.h"
#include "settings/export.h"

#include <errno.h>
#include <stdio.h>

enum { MAX_TEXT = 1 << 20 };

void settings_export_help(void)
{
	printf("FORMAT is one of these:\n\n");
	for (size_t i = 0; i < EXPORT_FORMATS; i++)
		printf("  %-12s %s\n", export_format(i)->name, export_format(i)->what);
	printf("\n");
}

/* EXPORT_FORMATS after a complaint. */
static size_t find_format(const char *name)
{
	const char *names[EXPORT_FORMATS];
	char shown[80];
	for (size_t i = 0; i < EXPORT_FORMATS; i++) {
		names[i] = export_format(i)->name;
		if (strcmp(name, names[i]) == 0)
			return i;
	}
	const char *near = nearest_word(name, names, EXPORT_FORMATS);
	complain(near ? "there is no format '%s'; did you mean '%s'?"
		      : "there is no format '%s'; --help lists them",
		 escape_into(shown, sizeof shown, slice_of(name)), near);
	return EXPORT_FORMATS;
}

/* What becomes of the secret is said, whichever it is. */
static void say_of_password(const struct export_format *f, const struct settings *s,
			    bool with_password)
{
	if (!s->auth)
		return;
	if (f->secretless)
		complain("note: it has no place for user and password: whoever uses it is asked");
	else if (with_password)
		complain("note: the password stands in it, for all who can read it");
	else
		complain("note: the password is left out; --with-password writes it");
}

static int export(const struct settings_wish *w, size_t format, struct settings *s,
		  struct error *err)
{
	struct buffer out;
	int code = settings_must_work(s, "nothing is written: with these the proxy", err);
	if (code < 0)
		return code;
	if (!s->enabled)
		return err_set(err, -EINVAL, "nothing is written: no proxy is enabled");
	if (!w->with_password)
		s->password = (struct slice){ 0 };
	buffer_init(&out, MAX_TEXT);
	code = export_text(format, s, &out, err);
	if (code == 0 && out.failed)
		code = err_set(err, -ENOMEM, "out of memory");
	if (code == 0) {
		fwrite(out.at, 1, out.len, stdout);
		say_of_password(export_format(format), s, w->with_password);
	}
	buffer_wipe(&out);
	return code;
}

int settings_export(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct settings s;
	struct host_settings h;
	(void)argv;
	if (argc > 0) {
		complain("export takes no argument; the format is --format %.40s", argv[0]);
		return EXIT_TROUBLE;
	}
	size_t format = find_format(w->format ? w->format : "env");
	if (format == EXPORT_FORMATS)
		return EXIT_TROUBLE;
	int code = host_settings_load(&h, w->file, &s, &err);
	if (code == 0)
		code = export(w, format, &s, &err);
	if (code < 0)
		complain("%s", err.text);
	host_settings_done(&h);
	return code < 0 ? EXIT_TROUBLE : EXIT_FINE;
}
