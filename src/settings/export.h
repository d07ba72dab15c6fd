/* The settings in the words of a tool, to be pasted elsewhere: what apply would write to a file that
 * holds nothing yet. */
#ifndef SETTINGS_EXPORT_H
#define SETTINGS_EXPORT_H

#include "settings/settings.h"

struct export_format {
	const char *name;
	const char *what; /* "lines of ~/.curlrc" */
	bool secretless;  /* it has no place for user and password */
};

enum { EXPORT_FORMATS = 13 };

const struct export_format *export_format(size_t index);

/* With user and password as the settings have them; an empty password is left out, with its colon.
 * The settings have to be enabled and sound. */
int export_text(size_t format, const struct settings *s, struct buffer *out, struct error *err);

#endif
