/* A proxy in the simulated world: one worker with one listener, driven by the test (sim.h). */
#ifndef SCENE_H
#define SCENE_H

#include "sim.h"

#include "proxy/config.h"
#include "trace/exchange.h"

/* A configuration from its text, with all of its faults on standard error; to be made before
 * scene_begin, and dropped after scene_end. */
struct config *scene_config(const char *text);

/* Begins a world with a proxy in it. Names, origins and failures are the test's to make afterwards. */
void scene_begin(const struct sim_options *options, struct config *config);
/* Cuts what there is, and frees it all. How many descriptors stayed open. */
unsigned scene_end(void);

/* A new client; never NULL. Each comes from an address of its own, 192.0.2.1 and so on. */
struct sim_peer *scene_client(void);

/* Exchanges that have ended, and the last of them; only until the next one ends. */
unsigned scene_exchanges(void);

#endif
