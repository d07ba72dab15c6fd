/* What clients do besides speaking to a proxy, and what that says of an attempt that failed. */
#include "trace/attempts.h"

/* Ports that are something else's, so that a failure there says nothing of proxies. */
static bool is_other_service(uint16_t port)
{
	static const uint16_t others[] = { 80,   443,  853,  1433, 1521, 2049,  2222,
					   3306, 3389, 5060, 5222, 5432, 5900,  5985,
					   6379, 6443, 6667, 9418, 9200, 11211, 27017 };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (port == others[i])
			return true;
	return port < 1024 || port >= 32768;
}

/* Ports at which proxies usually listen, and little else. */
static bool is_usual(uint16_t port)
{
	static const uint16_t usual[] = { 3128, 8080, 8118, 8123, 8888 };
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (port == usual[i])
			return true;
	return false;
}

/* A host tries its names in both families. */
static struct address host_of(const struct address *client)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 };
	return address_is_loopback(client) ? address_from_v4(loopback, 0) : *client;
}

static const struct attempts_client *find(const struct attempts *a, const struct address *host)
{
	for (size_t i = 0; i < a->clients; i++)
		if (address_same_host(&a->of[i].client, host))
			return &a->of[i];
	return NULL;
}

static struct attempts_client *take(struct attempts *a, struct address host)
{
	const struct attempts_client *known = find(a, &host);
	if (known)
		return &a->of[known - a->of];
	if (a->clients == ATTEMPTS_CLIENTS) {
		a->more = true;
		return NULL;
	}
	a->of[a->clients] = (struct attempts_client){ .client = host };
	return &a->of[a->clients++];
}

static void note_try(struct attempts_client *of, const struct address *to)
{
	for (unsigned i = 0; i < of->tries && i < ATTEMPTS_TRIED; i++)
		if (address_equal(&of->tried[i], to))
			return;
	if (of->tries < ATTEMPTS_TRIED)
		of->tried[of->tries] = *to;
	if (of->tries <= ATTEMPTS_TRIED)
		of->tries++;
}

void attempts_note(struct attempts *a, const struct trace_connection *c)
{
	bool talks =
		c->bytes[0] > 0 && c->bytes[1] > 0 && !c->began_late; /* that may be a tunnel */
	bool failed = c->syns > 0 && !mark_is(&c->syn_ack) && !talks;
	struct attempts_client *of = talks || failed ? take(a, host_of(&c->from)) : NULL;
	if (!of)
		return;
	if (failed)
		note_try(of, &c->to);
	of->talks |= talks;
	of->talks_web |= talks && (c->to.port == 80 || c->to.port == 443 || is_usual(c->to.port));
}

bool attempts_may_mean_proxy(const struct attempts *a, const struct address *client,
			     const struct address *to)
{
	struct address host = host_of(client);
	const struct attempts_client *of = find(a, &host);
	if (is_other_service(to->port) || (!of && a->more))
		return false;
	if (!of)
		return true;
	return of->tries <= ATTEMPTS_TRIED && !of->talks_web && (!of->talks || is_usual(to->port));
}
