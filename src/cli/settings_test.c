/* viaduct settings test: viaduct check, with the proxy, user and password of the settings. What
 * can't work with them is a diagnosis, too. */
#include "cli/check.h"
#include "cli/check_way.h"
#include "cli/command.h"
#include "cli/settings.h"

#include <errno.h>
#include <stdio.h>

/* What the host is for whose settings these were made: the article asks for its head. */
static const char DEFAULT_URL[] = "https://tools.cisco.com/";

/* A file that can't be read is this host's trouble; one that says nothing of sense is the
 * settings'. */
static int read_proxy(const char *file, struct check_proxy *p, struct error *err)
{
	struct settings s = { 0 };
	struct host_settings h;
	int code = host_settings_open(&h, file, false, err);
	bool is_read = code == 0;
	if (is_read)
		code = host_settings_read(&h, h.text.text, host_settings_password(&h), &s, err);
	if (is_read && code == -EINVAL) {
		p->is = true;
		snprintf(p->said, sizeof p->said, "from %.300s", file);
		snprintf(p->fault, sizeof p->fault, "%s", err->text);
		code = 0;
	} else if (code == 0 && s.enabled) {
		way_take_settings(p, &s, file);
	} else if (code == 0) {
		code = err_set(err, -ENOENT,
			       "%s: no proxy is enabled, so that there is nothing to test", file);
	}
	host_settings_done(&h);
	return code;
}

int settings_test(const struct settings_wish *w, int argc, char **argv)
{
	struct error err;
	struct check_proxy proxy = { .is = false };
	if (argc > 1) {
		complain("one URL at a time, not %d", argc);
		return EXIT_TROUBLE;
	}
	if (read_proxy(w->file, &proxy, &err) < 0) {
		complain("%s", err.text);
		explicit_bzero(&proxy, sizeof proxy);
		return EXIT_TROUBLE;
	}
	if (argc == 0)
		complain("note: no URL was named; asking for %s", DEFAULT_URL);
	return check_with(&proxy, argc ? argv[0] : DEFAULT_URL, w->json, w->verbose);
}
