/* The names that render asks the catalogue for, so that its tests need no rules. */
#ifndef UNIT_RENDER_NAMES_H
#define UNIT_RENDER_NAMES_H

#include "diagnose/catalogue.h"

const char *verdict_id(enum verdict v)
{
	static const char *const ids[] = {
		"ok",
		"challenged",
		"open",
		"unclear",
		"settings-invalid",
		"proxy-unresolved",
		"proxy-refused",
		"proxy-unreachable",
		"proxy-reset",
		"proxy-closed",
		"proxy-silent",
		"request-lost",
		"not-a-proxy",
		"denied",
		"auth-required",
		"auth-rejected",
		"auth-unsupported",
		"bad-request",
		"unauthorized",
		"not-found",
		"method-refused",
		"too-large",
		"rate-limited",
		"server-error",
		"bad-gateway",
		"unavailable",
		"gateway-timeout",
		"other-status",
		"tls-silent",
		"tls-reset",
		"tls-closed",
		"not-tls",
		"tls-alert",
		"tls-intercepted",
		"tls-untrusted",
		"mtu-black-hole",
		"large-segment-reset",
		"mtu-signalled",
		"transfer-stalled",
		"transfer-truncated",
		"transfer-reset",
		"client-aborted",
		"receiver-stalled",
		"lossy",
		"slow",
	};
	_Static_assert(sizeof ids / sizeof *ids == V_COUNT_, "one for each");
	return ids[v];
}

const char *stage_name(enum stage s)
{
	static const char *const names[] = { NULL,      "settings", "dns",     "connect",
					     "request", "tls",      "transfer" };
	return names[s];
}

const char *severity_name(enum severity s)
{
	return s == SEVERITY_OK ? "ok" : s == SEVERITY_WARNING ? "warning" : "failure";
}

#endif
