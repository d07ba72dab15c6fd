/* A proxy in the simulated world. */
#include "scene.h"

#include "proxy/limits.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	struct shared shared;
	struct worker *worker;
	struct address at;
	int listener;
	unsigned clients, exchanges;
} scene;

static void on_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	(void)context;
	fprintf(stderr, "scene: %u:%u: %s\n", line, column, text);
}

struct config *scene_config(const char *text)
{
	char path[40];
	int fd = memfd_create("viaduct.conf", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return NULL;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct config *c = config_load(path, &(struct config_faults){ .fault = on_fault });
	close(fd);
	return c;
}

static void on_exchange(void *context, const struct config *config, const struct exchange *x)
{
	(void)context;
	(void)config;
	(void)x;
	scene.exchanges++;
}

void scene_begin(const struct sim_options *options, struct config *config)
{
	struct error err = { .text = "" };
	memset(&scene, 0, sizeof scene);
	sim_begin(options);
	scene.at = (struct address){ .ip = { [10] = 0xff, 0xff, 192, 0, 2, 128 } };
	scene.shared.limits = limits_new();
	scene.shared.descriptors = options->descriptors ? options->descriptors : 4096;
	scene.shared.exchange = on_exchange;
	scene.worker = worker_new(&scene.shared, config, &err);
	scene.listener = net_listen(&scene.at, true, &err);
	if (!scene.worker || scene.listener < 0) {
		fprintf(stderr, "scene: %s\n", err.text);
		abort();
	}
	net_local(scene.listener, &scene.at);
	if (worker_listen(scene.worker, scene.listener, &scene.at, &scene.at) < 0)
		abort();
}

unsigned scene_end(void)
{
	worker_drain(scene.worker, false);
	worker_cut(scene.worker);
	worker_free(scene.worker);
	net_close(scene.listener);
	limits_free(scene.shared.limits);
	return sim_end();
}

struct sim_peer *scene_client(void)
{
	char from[40];
	unsigned n = ++scene.clients;
	snprintf(from, sizeof from, "192.0.%u.%u:40000", 2 + n / 250, 1 + n % 250);
	struct sim_peer *c = sim_connect(from, &scene.at);
	assert(c);
	return c;
}

unsigned scene_exchanges(void)
{
	return scene.exchanges;
}
