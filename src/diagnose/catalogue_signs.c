/* The words by which products are recognised, whatever their case: a list for each field, where
 * the first that is found counts. Data only.
 *
 * `Server` names a proxy only in its own answers; in one that it passed on, it is the origin's:
 * finding_dialect minds that. Known web servers, and products that tell by more than a word, are in
 * dialect.c. */
#include "diagnose/words_table.h"

static const struct dialect_sign SQUID_ERROR_SIGNS[] = {
	{ DIALECT_SQUID, "ERR_" },
};

static const struct dialect_sign AGENT_SIGNS[] = {
	{ DIALECT_VIADUCT, "viaduct" }, { DIALECT_TINYPROXY, "tinyproxy" },
	{ DIALECT_APACHE, "Apache/" },  { DIALECT_NGINX, "nginx" },
	{ DIALECT_PRIVOXY, "Privoxy" }, { DIALECT_3PROXY, "3proxy" },
	{ DIALECT_GOST, "gost" },       { DIALECT_GLIDER, "glider" },
	{ DIALECT_G3PROXY, "g3proxy" }, { DIALECT_PROXY_CHAIN, "proxy-chain" },
};

static const struct dialect_sign SERVER_SIGNS[] = {
	{ DIALECT_VIADUCT, "viaduct" },
	{ DIALECT_SQUID, "squid" },
	{ DIALECT_TINYPROXY, "tinyproxy" },
	{ DIALECT_APACHE, "Apache/" },
	{ DIALECT_APACHE, "Apache" },
	{ DIALECT_NGINX, "nginx" },
	{ DIALECT_NGINX, "openresty" },
	{ DIALECT_NGINX, "tengine" },
	{ DIALECT_HAPROXY, "haproxy" },
	{ DIALECT_ENVOY, "envoy" },
	{ DIALECT_PRIVOXY, "Privoxy" },
	{ DIALECT_TRAFFIC_SERVER, "ATS/" },
	{ DIALECT_TRAFFIC_SERVER, "TrafficServer" },
	{ DIALECT_VARNISH, "Varnish" },
	{ DIALECT_H2O, "h2o" },
	{ DIALECT_3PROXY, "3proxy" },
	{ DIALECT_GOST, "gost" },
	{ DIALECT_GLIDER, "glider" },
	{ DIALECT_SMOKESCREEN, "smokescreen" },
	{ DIALECT_G3PROXY, "g3proxy" },
	{ DIALECT_PROXY_CHAIN, "proxy-chain" },
	{ DIALECT_MITMPROXY, "mitmproxy" },
	{ DIALECT_PROXYSG, "BlueCoat" },
	{ DIALECT_PROXYSG, "Blue Coat" },
	{ DIALECT_ZSCALER, "Zscaler" },
	{ DIALECT_SKYHIGH, "McAfee" },
	{ DIALECT_FORCEPOINT, "Websense" },
	{ DIALECT_FORCEPOINT, "Forcepoint" },
	{ DIALECT_FORTINET, "FortiProxy" },
	{ DIALECT_CISCO_WSA, "Cisco-WSA" },
	{ DIALECT_UMBRELLA, "Umbrella" },
	{ DIALECT_SOPHOS, "Sophos" },
	{ DIALECT_NETSKOPE, "Netskope" },
	{ DIALECT_CHECK_POINT, "Check Point" },
	{ DIALECT_CHECK_POINT, "CPWS" },
	{ DIALECT_IIS, "Microsoft-IIS" },
	{ DIALECT_IIS, "Microsoft-HTTPAPI" },
};

static const struct dialect_sign STATUS_FIELD_SIGNS[] = {
	{ DIALECT_VIADUCT, "viaduct" },
	{ DIALECT_ENVOY, "envoy" },
	{ DIALECT_H2O, "h2o" },
};

static const struct dialect_sign TITLE_SIGNS[] = {
	{ DIALECT_TINYPROXY, "tinyproxy" },
	{ DIALECT_APACHE, "Proxy Error" },
	{ DIALECT_HAPROXY, "No server is available to handle" },
	{ DIALECT_HAPROXY, "Request forbidden by administrative rules" },
	{ DIALECT_HAPROXY, "The server didn't respond in time" },
	{ DIALECT_HAPROXY, "The server returned an invalid or incomplete response" },
	{ DIALECT_HAPROXY, "Your browser didn't send a complete request in time" },
	{ DIALECT_ENVOY, "upstream connect error" },
	{ DIALECT_ENVOY, "no healthy upstream" },
	{ DIALECT_ENVOY, "upstream request timeout" },
	{ DIALECT_PRIVOXY, "Privoxy" },
	{ DIALECT_VARNISH, "Guru Meditation" },
	{ DIALECT_VARNISH, "Backend fetch failed" },
	{ DIALECT_3PROXY, "Host Not Found or connection failed" },
	{ DIALECT_3PROXY, "Access control list denies you" },
	{ DIALECT_3PROXY, "3proxy" },
	{ DIALECT_SMOKESCREEN, "Egress proxying" },
	{ DIALECT_SMOKESCREEN, "egress proxying" },
	{ DIALECT_SMOKESCREEN, "smokescreen" },
	{ DIALECT_MITMPROXY, "mitmproxy" },
	{ DIALECT_PROXYSG, "policy_denied" },
	{ DIALECT_PROXYSG, "tcp_error" },
	{ DIALECT_PROXYSG, "dns_unresolved_hostname" },
	{ DIALECT_PROXYSG, "content_filter_denied" },
	{ DIALECT_ZSCALER, "Zscaler" },
	{ DIALECT_SKYHIGH, "McAfee Web Gateway" },
	{ DIALECT_SKYHIGH, "Skyhigh" },
	{ DIALECT_FORCEPOINT, "Forcepoint" },
	{ DIALECT_FORCEPOINT, "Websense" },
	{ DIALECT_PALO_ALTO, "Palo Alto" },
	{ DIALECT_PALO_ALTO, "Web Page Blocked" },
	{ DIALECT_PALO_ALTO, "Application Blocked" },
	{ DIALECT_PALO_ALTO, "Virus/Spyware Download Blocked" },
	{ DIALECT_FORTINET, "FortiGuard" },
	{ DIALECT_FORTINET, "Fortinet" },
	{ DIALECT_FORTINET, "FortiGate" },
	{ DIALECT_FORTINET, "Web Filter Violation" },
	{ DIALECT_CISCO_WSA, "Notification: Policy" },
	{ DIALECT_CISCO_WSA, "Notification: Gateway" },
	{ DIALECT_CISCO_WSA, "IronPort" },
	{ DIALECT_UMBRELLA, "Cisco Umbrella" },
	{ DIALECT_UMBRELLA, "OpenDNS" },
	{ DIALECT_SOPHOS, "Sophos" },
	{ DIALECT_NETSKOPE, "Netskope" },
	{ DIALECT_CHECK_POINT, "UserCheck" },
	{ DIALECT_CHECK_POINT, "Check Point" },
};

static const struct dialect_sign REASON_SIGNS[] = {
	{ DIALECT_APACHE, "Proxy Error" },
	{ DIALECT_PRIVOXY, "Privoxy" },
	{ DIALECT_VARNISH, "Backend fetch failed" },
	{ DIALECT_SMOKESCREEN, "Request rejected by proxy" },
};

static const struct dialect_sign REALM_SIGNS[] = {
	{ DIALECT_MITMPROXY, "mitmproxy" },
	{ DIALECT_ZSCALER, "Zscaler" },
	{ DIALECT_SKYHIGH, "McAfee Web Gateway" },
	{ DIALECT_FORTINET, "Fortinet" },
	{ DIALECT_CISCO_WSA, "Cisco" },
	{ DIALECT_SOPHOS, "Sophos" },
};

static const struct dialect_sign VIA_SIGNS[] = {
	{ DIALECT_VIADUCT, "viaduct" },
	{ DIALECT_SQUID, "(squid" },
	{ DIALECT_TINYPROXY, "tinyproxy" },
	{ DIALECT_APACHE, "(Apache/" },
	{ DIALECT_HAPROXY, "haproxy" },
	{ DIALECT_TRAFFIC_SERVER, "ApacheTrafficServer" },
	{ DIALECT_VARNISH, "varnish" },
	{ DIALECT_H2O, "h2o" },
	{ DIALECT_G3PROXY, "g3proxy" },
	{ DIALECT_MITMPROXY, "mitmproxy" },
	{ DIALECT_PROXYSG, "ProxySG" },
	{ DIALECT_PROXYSG, "BlueCoat" },
	{ DIALECT_ZSCALER, "Zscaler" },
	{ DIALECT_SKYHIGH, "McAfee Web Gateway" },
	{ DIALECT_SKYHIGH, "Skyhigh" },
	{ DIALECT_SKYHIGH, "Webwasher" },
	{ DIALECT_FORCEPOINT, "Websense" },
	{ DIALECT_FORCEPOINT, "Forcepoint" },
	{ DIALECT_FORCEPOINT, "Content_Gateway" },
	{ DIALECT_FORTINET, "FortiProxy" },
	{ DIALECT_FORTINET, "Fortinet" },
	{ DIALECT_CISCO_WSA, "Cisco-WSA" },
	{ DIALECT_CISCO_WSA, "IronPort" },
	{ DIALECT_CISCO_WSA, "Cisco-SWA" },
	{ DIALECT_UMBRELLA, "Umbrella" },
	{ DIALECT_SOPHOS, "Sophos" },
	{ DIALECT_SOPHOS, "astaro" },
	{ DIALECT_NETSKOPE, "Netskope" },
	{ DIALECT_CHECK_POINT, "Check Point" },
};

#define ALL(signs) .sign = signs, .count = sizeof signs / sizeof *signs

const struct dialect_signs DIALECT_SIGNS[IN_COUNT_] = {
	[IN_SQUID_ERROR] = { ALL(SQUID_ERROR_SIGNS) },
	[IN_AGENT] = { ALL(AGENT_SIGNS) },
	[IN_SERVER] = { ALL(SERVER_SIGNS) },
	[IN_STATUS_FIELD] = { ALL(STATUS_FIELD_SIGNS) },
	[IN_TITLE] = { ALL(TITLE_SIGNS) },
	[IN_REASON] = { ALL(REASON_SIGNS) },
	[IN_REALM] = { ALL(REALM_SIGNS) },
	[IN_VIA] = { ALL(VIA_SIGNS) },
};
