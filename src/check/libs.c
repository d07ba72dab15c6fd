/* Opening libcurl by name; libs.h says why. */
#include "check/libs.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
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

static bool open_all(struct error *err)
{
	static void *handle;
	if (handle)
		return true;
	void *opened = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
	if (!opened) {
		err_set(err, -ENOENT, "libcurl can't be opened (%s): install libcurl4", dlerror());
		return false;
	}
#define FIND(set, name) found = found && find(opened, #name, (void **)&libs.set.name, err);
#define FIND_CURL(name) FIND(curl, name)
#define FIND_SSL(name)  FIND(ssl, name)
	bool found = true;
	CHECK_CURL_CALLS(FIND_CURL)
	CHECK_SSL_CALLS(FIND_SSL)
	if (!found || libs.curl.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	handle = opened;
	return true;
}

const struct check_libs *check_libs_open(struct error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	bool opened = open_all(err);
	pthread_mutex_unlock(&lock);
	return opened ? &libs : NULL;
}
