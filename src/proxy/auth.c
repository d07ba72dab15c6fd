/* Proxy authentication. */
#include "proxy/auth.h"

#include "proxy/auth_settings.h"

#include <errno.h>
#include <stdlib.h>

struct auth {
	struct auth_settings settings;
};

void auth_settings_done(struct auth_settings *settings)
{
	users_free(settings->users);
	settings->users = NULL;
}

struct auth *auth_new(struct auth_settings *settings, struct error *err)
{
	struct auth *a = calloc(1, sizeof *a);
	if (!a) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	a->settings = *settings;
	settings->users = NULL;
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	auth_settings_done(&a->settings);
	free(a);
}
