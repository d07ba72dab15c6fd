/* Opening libcurl by name; libs.h says why. */
#include "check/libs.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

static struct check_libs libs;

/* Through libcurl's own handle: its OpenSSL, and no other that may be installed. */
static bool find(void *from, const char *name, void **ret_function, struct error *err)
{
	*ret_function = dlsym(from, name);
	if (!*ret_function)
		err_set(err, -ENOSYS, "libcurl.so.4 lacks %s: it takes a libcurl with OpenSSL",
			name);
	return *ret_function != NULL;
}

const struct check_libs *check_libs_open(struct error *err)
{
	static void *handle;
	if (handle)
		return &libs;
	void *opened = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!opened) {
		err_set(err, -ENOENT, "libcurl can't be opened (%s): install libcurl4", dlerror());
		return NULL;
	}
#define FIND(set, name) found = found && find(opened, #name, (void **)&libs.set.name, err);
#define FIND_CURL(name) FIND(curl, name)
#define FIND_SSL(name)  FIND(ssl, name)
	bool found = true;
	CHECK_CURL_CALLS(FIND_CURL)
	CHECK_SSL_CALLS(FIND_SSL)
	if (!found || libs.curl.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	handle = opened;
	return &libs;
}
