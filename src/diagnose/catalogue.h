/* The catalogue: every verdict with its stage, severity, meaning, causes and remedies; HTTP codes;
 * dialects (what a code means in the mouth of a product). Data, and look-ups in it. */
#ifndef DIAGNOSE_CATALOGUE_H
#define DIAGNOSE_CATALOGUE_H

#include "base/buffer.h"

/* Ids are stable: they are in logs, JSON, exit codes, the console and the docs. */
enum verdict {
	V_OK, V_CHALLENGED, V_OPEN, V_UNCLEAR,
	V_SETTINGS_INVALID, V_PROXY_UNRESOLVED, V_PROXY_REFUSED, V_PROXY_UNREACHABLE,
	V_PROXY_RESET, V_PROXY_CLOSED, V_PROXY_SILENT, V_REQUEST_LOST, V_NOT_A_PROXY,
	V_DENIED, V_AUTH_REQUIRED, V_AUTH_REJECTED, V_AUTH_UNSUPPORTED,
	V_BAD_REQUEST, V_UNAUTHORIZED, V_NOT_FOUND, V_METHOD_REFUSED, V_TOO_LARGE, V_RATE_LIMITED,
	V_SERVER_ERROR, V_BAD_GATEWAY, V_UNAVAILABLE, V_GATEWAY_TIMEOUT, V_OTHER_STATUS,
	V_TLS_SILENT, V_TLS_RESET, V_TLS_CLOSED, V_NOT_TLS, V_TLS_ALERT, V_TLS_INTERCEPTED,
	V_TLS_UNTRUSTED,
	V_MTU_BLACK_HOLE, V_LARGE_SEGMENT_RESET, V_MTU_SIGNALLED,
	V_TRANSFER_STALLED, V_TRANSFER_TRUNCATED, V_TRANSFER_RESET, V_CLIENT_ABORTED,
	V_RECEIVER_STALLED, V_LOSSY, V_SLOW,
	V_COUNT_
};

enum stage { STAGE_NONE, STAGE_SETTINGS, STAGE_DNS, STAGE_CONNECT, STAGE_REQUEST, STAGE_TLS,
             STAGE_TRANSFER, STAGE_COUNT_ };
enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_FAILURE };

const char *verdict_id(enum verdict v);           /* "mtu-black-hole" */
bool verdict_find(struct slice id, enum verdict *ret_verdict);
const char *verdict_meaning(enum verdict v);      /* one line: what was seen */
enum severity verdict_severity(enum verdict v);
/* The stage a verdict belongs to; STAGE_NONE for those of any stage (the finding then says). */
enum stage verdict_stage(enum verdict v);

const char *stage_name(enum stage s);             /* "request"; NULL for STAGE_NONE */
const char *severity_name(enum severity s);       /* "ok", "warning", "failure" */

/* Prints the catalogue's entry for a verdict id, an HTTP code ("407"), or a product and a code
 * ("squid 403"; order does not matter), as plain text of at most `width` columns. False, and
 * nothing printed, when there is no such entry; then *ret_nearest is the nearest id, or NULL. */
bool catalogue_explain(struct buffer *out, struct slice what, struct slice also, unsigned width,
                       const char **ret_nearest);

/* The whole list, a line each: id, severity, stage, meaning. */
void catalogue_list(struct buffer *out, unsigned width);

#endif
