/* Opening libpcap by name; libpcap.h says why. */
#include "capture/libpcap.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

static struct libpcap lib;

static bool find(void *from, const char *name, void **ret_function, struct error *err)
{
	*ret_function = dlsym(from, name);
	if (!*ret_function)
		err_set(err, -ENOSYS, "libpcap lacks %s: it takes version 1.5 or later", name);
	return *ret_function != NULL;
}

const struct libpcap *libpcap_open(struct error *err)
{
	static void *handle;
	if (handle)
		return &lib;
	void *opened = dlopen("libpcap.so.0.8", RTLD_NOW | RTLD_LOCAL); /* as Debian calls it */
	if (!opened)
		opened = dlopen("libpcap.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!opened) {
		err_set(err, -ENOENT, "libpcap can't be opened (%s): install libpcap0.8",
			dlerror());
		return NULL;
	}
#define FIND(name) found = found && find(opened, #name, (void **)&lib.name, err);
	bool found = true;
	CAPTURE_PCAP_CALLS(FIND)
	if (!found)
		return NULL;
	handle = opened;
	return &lib;
}
