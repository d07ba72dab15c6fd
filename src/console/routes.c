/* What the API has: doc/console-api.json describes the same, and a test holds the two together. */
#include "console/private.h"

const struct route CONSOLE_ROUTES[] = {
	{ "GET", "/api/v1/session", NEEDS_NOTHING, session_get, NULL },
	{ "POST", "/api/v1/session", NEEDS_NOTHING, session_login, NULL },
	{ "DELETE", "/api/v1/session", CONSOLE_VIEW, session_logout, NULL },
	{ "GET", "/api/v1/settings", CONSOLE_VIEW, form_get, NULL },
	{ "PUT", "/api/v1/settings", CONSOLE_CHANGE, form_put, NULL },
	{ "GET", "/api/v1/tools", CONSOLE_VIEW, tools_get, NULL },
	{ "POST", "/api/v1/tools", CONSOLE_CHANGE, tools_apply, NULL },
	{ "DELETE", "/api/v1/tools", CONSOLE_CHANGE, tools_undo, NULL },
	{ "POST", "/api/v1/tests", CONSOLE_CHANGE, tests_start, NULL },
	{ "GET", "/api/v1/tests", CONSOLE_VIEW, tests_get, NULL },
	{ "GET", "/api/v1/tests/*/events", CONSOLE_VIEW, tests_events, NULL },
	{ "GET", "/api/v1/profiles", CONSOLE_VIEW, profiles_get, NULL },
	{ "GET", "/api/v1/connections", CONSOLE_VIEW, live_get, NULL },
	{ "GET", "/api/v1/exchanges", CONSOLE_VIEW, exchanges_list, NULL },
	{ "GET", "/api/v1/exchanges/*", CONSOLE_VIEW, exchanges_get, NULL },
	{ "GET", "/api/v1/exchanges/*/ladder", CONSOLE_VIEW, exchanges_ladder, NULL },
	{ "GET", "/api/v1/exchanges/*/card", CONSOLE_VIEW, exchanges_card, NULL },
	{ "GET", "/api/v1/exchanges/*/report", CONSOLE_VIEW, exchanges_report, NULL },
	{ "GET", "/api/v1/chart", CONSOLE_VIEW, chart_get, NULL },
	{ "GET", "/api/v1/totals", CONSOLE_VIEW, totals_get, NULL },
	{ "GET", "/api/v1/verdicts", CONSOLE_VIEW, verdicts_get, NULL },
	{ "GET", "/api/v1/captures", CONSOLE_VIEW, captures_list, NULL },
	{ "POST", "/api/v1/captures", CONSOLE_CHANGE, captures_read, captures_piece },
	{ "DELETE", "/api/v1/captures/*", CONSOLE_CHANGE, captures_forget, NULL },
	{ "GET", "/api/v1/audit", CONSOLE_CHANGE, audit_answer, NULL },
};

const size_t CONSOLE_ROUTE_COUNT = sizeof CONSOLE_ROUTES / sizeof *CONSOLE_ROUTES;
