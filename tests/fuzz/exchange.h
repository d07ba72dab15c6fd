/* What the fuzz targets of the whole exchange share: a proxy in the simulated world that nobody may keep
 * waiting for ever, and that leaves nothing open. The first byte says how traffic is cut to pieces,
 * the second what else happens. */
#ifndef FUZZ_EXCHANGE_H
#define FUZZ_EXCHANGE_H

#include "scene.h"

#include <assert.h>

enum { MOST_ORIGINS_HEARD = 64 };

static struct config *config;
static struct sim_origin *origins[3];

static inline void begin_exchange(const uint8_t *data)
{
	if (!config)
		config = scene_config("listen 192.0.2.128:3128;\n"
				      "destinations private allow;\n"
				      "rule deny method CONNECT port 80;\n" /* there is HTTP alone */
				      "rule allow from 192.0.0.0/16;\n");
	assert(config);
	struct sim_options options = {
		.seed = data[0],
		.splice = data[1] & 1,
		.room = data[1] & 2 ? 700 : 0,
	};
	scene_begin(&options, config);
	origins[0] = sim_serve("10.0.0.1:80", SIM_ACCEPT, 0);
	origins[1] = sim_serve("10.0.0.1:443", SIM_ACCEPT, NANOS_PER_MS);
	origins[2] = sim_serve("[2001:db8::1]:80", data[1] & 4 ? SIM_ACCEPT : SIM_SILENT, 0);
	sim_name("a.test", NET_DNS_OK, 0, "10.0.0.1", NULL);
	sim_name("b.test", NET_DNS_OK, NANOS_PER_MS, "10.0.0.1", "2001:db8::1");
}

/* All time-outs pass: whoever still waits then would wait for ever. */
static inline void end_exchange(const struct sim_peer *client)
{
	sim_pass(3600 * NANOS_PER_SECOND);
	assert(sim_was_ended(client) || sim_was_reset(client));
	assert(scene_end() == 0);
}

#endif
