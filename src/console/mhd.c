/* Opening libmicrohttpd by name; mhd.h says why. */
#include "console/mhd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

static struct console_mhd calls;

static bool find(void *from, const char *name, void **ret_function, struct error *err)
{
	*ret_function = dlsym(from, name);
	if (!*ret_function)
		err_set(err, -ENOSYS, "libmicrohttpd.so.12 lacks %s", name);
	return *ret_function != NULL;
}

const struct console_mhd *console_mhd_open(struct error *err)
{
	void *opened = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
	bool found = true;
	if (!opened) {
		err_set(err, -ENOENT, "libmicrohttpd can't be opened (%s): install libmicrohttpd12",
			dlerror());
		return NULL;
	}
#define FIND(name) found = found && find(opened, #name, (void **)&calls.name, err);
	CONSOLE_MHD_CALLS(FIND)
#undef FIND
	return found ? &calls : NULL;
}
