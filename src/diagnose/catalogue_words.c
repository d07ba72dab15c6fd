/* What was seen, and what may have caused it, in words. Data only. */
#include "diagnose/words_table.h"

const char *const SIGHT_WORDS[SIGHT_COUNT_] = {
	[SAW_NOTHING] = "the first packet that was seen of it",
	[SAW_PROBE] = "%x",
	[SAW_SYN] = "SYN from %c to %p",
	[SAW_SYN_AGAIN] = "SYN sent for the %nth time, still unanswered",
	[SAW_SYN_ACK] = "SYN-ACK: the proxy's port is open",
	[SAW_SYN_REFUSED] = "RST in answer to the SYN, after %d",
	[SAW_ICMP] = "ICMP from %I: %N",
	[SAW_NO_SYN_ACK] = "no SYN-ACK until here",
	[SAW_REQUEST] = "request: %m %t",
	[SAW_REQUEST_ACKED] = "the request is acknowledged",
	[SAW_RESPONSE] = "answer: %s%r",
	[SAW_CHALLENGE] = "challenge: %A",
	[SAW_NOT_HTTP] = "the answer is %w, not HTTP",
	[SAW_NO_REQUEST] = "the client's first words are %w, not HTTP",
	[SAW_INTERIM] = "interim answer %n",
	[SAW_NO_ANSWER] = "no answer until here",
	[SAW_HELLO] = "ClientHello for %i",
	[SAW_SERVER_HELLO] = "ServerHello: the other side answered in TLS",
	[SAW_CERTIFICATE] = "%n certificate(s): subject %Z, issuer %z",
	[SAW_ALERT] = "TLS alert from %S: %k",
	[SAW_LIKELY_ALERT] = "an encrypted record of an alert's size from %S",
	[SAW_NOT_TLS] = "%w where a ServerHello should stand",
	[SAW_TLS_DONE] = "handshake done, %d after the ClientHello",
	[SAW_STUCK_FIRST] = "%n bytes sent that were never acknowledged",
	[SAW_STUCK_LAST] = "sent for the %nth time, still not acknowledged",
	[SAW_HOLE] = "this sequence number shows that %n bytes before it never arrived",
	[SAW_TOO_BIG] = "ICMP from %I: packet too big, the next MTU is %n",
	[SAW_LARGE] = "segment of %n bytes, the largest that was sent",
	[SAW_LARGE_LAST] = "another segment of full size",
	[SAW_MISSING] = "%n bytes are missing here from the capture itself",
	[SAW_ZERO_WINDOW] = "window of zero: no room at the receiver, %d in sum",
	[SAW_REPAIRS] = "the first of %n retransmissions that repaired losses",
	[SAW_REPAIR] = "%n bytes sent again to repair a loss",
	[SAW_LAST_DOWN] = "last data from the proxy's side, %n bytes in all",
	[SAW_LAST_UP] = "the client's last request in the tunnel",
	[SAW_FIRST_BYTE] = "first data in answer, after %d",
	[SAW_RESPONSE_END] = "the answer ends, body of %n bytes",
	[SAW_RECORD_CUT] = "the TLS record begun last lacks %n bytes",
	[SAW_BODY_SHORT] = "%n bytes of the promised body are missing",
	[SAW_CLIENT_FIN] = "FIN from the client, after %d of silence",
	[SAW_PROXY_FIN] = "FIN from the proxy, after %d of silence",
	[SAW_CLIENT_RST] = "RST from the client, after %d of silence",
	[SAW_PROXY_RST] = "RST from the proxy's side, %d after what came before",
	[SAW_LATE_RST] = "RST from the proxy's side to what the client then sent",
	[SAW_AFTER_FIN] = "%n bytes more came after the client's FIN",
	[SAW_FETCH] = "%>",
	[SAW_QUIET_END] = "%-",
	[SAW_QUIET] = "from here on nothing was said, for %d",
	[SAW_RESUME] = "%R",
	[SAW_NEXT] = "the next request on this connection",
	[SAW_END] = "the observation ends, after %d of silence",
	[SAW_ONWARD_SYN] = "the proxy's own SYN to the origin %O",
	[SAW_ONWARD_END] = "on the proxy's own connection: %P",
};

const struct cause_words CAUSE_WORDS[CAUSE_COUNT_] = {
	/* connect */
	[CAUSE_WRONG_PORT] = { "the proxy's port in the settings is wrong: something else, or "
			       "nothing, "
			       "listens on %p",
			       "on the client: ask for the proxy's host and port, and compare with "
			       "%p" },
	[CAUSE_PROXY_DOWN] = { "the proxy is not running, or does not listen on %p",
			       "on the proxy: see that it runs and listens on %p (ss -ltn)" },
	[CAUSE_FIREWALL_REJECTS] = { "a firewall on the way rejects the connection in the proxy's "
				     "name",
				     "in the network: allow TCP from %c to %p" },
	[CAUSE_NOT_KNOWN_PROXY] = { "nothing else in this observation shows that %p is a proxy at "
				    "all: "
				    "it may be any service",
				    "on the client: say which address is the proxy (--proxy "
				    "HOST:PORT)" },
	[CAUSE_FIREWALL_DROPS] = { "a firewall between %c and %p drops the connection silently",
				   "in the network: allow TCP from %c to %p" },
	[CAUSE_FIREWALL_FORBIDS] = { "a firewall on the way to %p, or on its host, forbids the "
				     "connection and says so",
				     "in the network: allow TCP from %c to %p" },
	[CAUSE_OWN_FIREWALL] = { "this host itself forbids it: its firewall, a route, or what "
				 "confines its programs",
				 "on the client: allow TCP to %p there" },
	[CAUSE_HOST_DOWN] = { "the proxy's host is down, or its address in the settings is wrong",
			      "on the proxy: see that the host is up and has the address %y" },
	[CAUSE_NO_ROUTE] = { "there is no route to %y, or none back to %c",
			     "in the network: check the routes between %c and %y, both ways" },
	[CAUSE_ICMP_SAYS_SO] = { "the router %I says so: %N", "in the network: ask whoever runs "
							      "the router %I why it says \"%N\"" },
	[CAUSE_DIRECT_BLOCKED] = { "the way out without a proxy is closed", NULL },
	/* no answer */
	[CAUSE_PROXY_OVERLOADED] = { "the proxy is overloaded, or out of workers or connections",
				     "on the proxy: look at its load, its limits and its log at "
				     "this time" },
	[CAUSE_ORIGIN_UNREACHED] = { "the proxy waits for the origin %t, which does not answer it",
				     "on the proxy: try to reach %t from there; allow it in the "
				     "firewall behind the proxy" },
	[CAUSE_PROXY_WAITS_DNS] = { "the proxy waits for its DNS to resolve %h",
				    "on the proxy: resolve %h there, and time it" },
	[CAUSE_INSPECTION_HOLDS] = { "an inspection between client and origin holds it up",
				     "in the network: exempt %h from inspection, and try again" },
	[CAUSE_NOT_HTTP_PORT] = { "the port speaks no HTTP (TLS to the proxy, SOCKS, another "
				  "service)",
				  "on the client: check the proxy's kind and port: http, https or "
				  "socks" },
	[CAUSE_PROXY_REFUSES_QUIETLY] = { "the proxy drops clients, targets or requests that it "
					  "does not "
					  "want without saying so",
					  "on the proxy: look in its log for %c at this time" },
	[CAUSE_KEEPALIVE_RACE] = { "the request was sent on a kept connection just when the proxy "
				   "gave "
				   "it up: clients send it again by themselves",
				   "on the client: keep idle connections shorter than the proxy "
				   "does" },
	[CAUSE_PROXY_CRASHED] = { "the proxy's process ended or was restarted",
				  "on the proxy: look for a crash or restart at this time" },
	[CAUSE_CLIENT_IMPATIENT] = { "the client did not wait: cancelled, or its time-out is very "
				     "short",
				     "on the client: raise its time-out" },
	[CAUSE_PATH_DIED] = { "packets from %c no longer reach %p: the path broke, or the proxy's "
			      "host is gone",
			      "in the network: capture on both sides of the path between %c and "
			      "%y" },
	[CAUSE_FIREWALL_STATE] = { "a firewall on the way lost or refused the connection's state "
				   "(asymmetric "
				   "routes, a filter on content)",
				   "in the network: check the firewall between %c and %y for "
				   "drops" },
	[CAUSE_INLINE_RESET] = { "a firewall or inspection on the way sent the reset",
				 "in the network: compare the RST's TTL with the proxy's packets; "
				 "look in the "
				 "firewall's log" },
	[CAUSE_TLS_TO_PROXY] = { "the proxy's port expects TLS (an https:// proxy), and was spoken "
				 "to in clear",
				 "on the client: set the proxy as https://%y, or use its plain "
				 "port" },
	[CAUSE_PLAIN_PROXY] = { "the proxy's port speaks plain HTTP, and was spoken to in TLS, as "
				"https:// "
				"before a proxy's name asks for",
				"on the client: set the proxy as http://%p" },
	[CAUSE_SOCKS_TO_HTTP] = { "the proxy's port speaks HTTP, and was spoken to in SOCKS, as "
				  "socks4:// or socks5:// before a proxy's name asks for",
				  "on the client: set the proxy as http://%p" },
	[CAUSE_OTHER_ISSUER] = { "an inspection on the way through the proxy ends the TLS: without "
				 "the proxy another authority vouches for %i",
				 "on the proxy: exempt %i from inspection, or have clients trust "
				 "its authority" },
	[CAUSE_PROXY_NAME] = { "the name of the proxy is misspelt, or known only to other DNS "
			       "servers "
			       "than this host asks",
			       "on the client: see what the host asks (/etc/resolv.conf, "
			       "/etc/hosts)" },
	[CAUSE_RESOLVER_FAILS] = { "the DNS servers that this host asks fail or do not answer "
				   "(\"%x\"): nothing is known of the name",
				   "on the client: see which they are and whether they are reached "
				   "(/etc/resolv.conf, dig); the proxy's address in place of its "
				   "name does without them" },
	[CAUSE_PROXY_CERTIFICATE] = { "this host does not trust the certificate of the proxy "
				      "itself",
				      "on the client: add the authority that issued the proxy's "
				      "certificate (--ca), or set the proxy by the name that "
				      "stands in it" },
	[CAUSE_WEB_SERVER] = { "%p is a web server: it refuses CONNECT as web servers do, and "
			       "nothing in its "
			       "answer is a proxy's",
			       "on the client: ask for the proxy's host and port, and compare with "
			       "%p" },
	[CAUSE_OTHER_SERVICE] = { "another service listens on %p", NULL },
	/* refused */
	[CAUSE_ACCESS_LIST] = { "an access list of the proxy forbids %t",
				"on the proxy: allow %m to %t for %c" },
	[CAUSE_CATEGORY] = { "a category, reputation or block list forbids %h",
			     "on the proxy: exempt %h from the category or block list" },
	[CAUSE_PORT_NOT_ALLOWED] = { "the proxy allows CONNECT to few ports, and %o is not among "
				     "them",
				     "on the proxy: add port %o to those allowed for CONNECT" },
	[CAUSE_CLIENT_NOT_ALLOWED] = { "the proxy does not serve clients from %c",
				       "on the proxy: add %c to the clients that it serves" },
	[CAUSE_CONNECT_DISABLED] = { "CONNECT is not enabled for this listener or route",
				     "on the proxy: enable CONNECT on the listener %p" },
	[CAUSE_REPLY_TOO_BIG] = { "the answer is larger than the proxy lets through (squid: "
				  "reply_body_max_size)",
				  "on the proxy: raise the size limit for %h" },
	[CAUSE_ORIGIN_DENIES] = { "the origin itself refuses this resource, not the proxy",
				  "on the origin: ask why %c, or the proxy's address, may not have "
				  "it" },
	[CAUSE_LEGAL] = { "access is denied for legal reasons (RFC 7725)",
			  "on the origin: ask who demands the block; the Link field may name "
			  "them" },
	[CAUSE_PARENT_DENIES] = { "a proxy behind this one refused it: %v",
				  "on the proxy: ask whoever runs its parent to allow %t" },
	[CAUSE_DESTINATION_RULE] = { "the proxy refuses the address that %h resolves to (private "
				     "or internal)",
				     "on the proxy: allow the address that %h resolves to, if it "
				     "is meant" },
	/* authentication */
	[CAUSE_NO_CREDENTIALS] = { "the client has no user and password for the proxy, or did not "
				   "use them",
				   "on the client: set user and password for the proxy (curl: -U "
				   "user)" },
	[CAUSE_NO_SCHEME] = { "the proxy's 407 does not say how to log in (Proxy-Authenticate is "
			      "missing, RFC 9110 section 15.5.8), so that no client can: its "
			      "configuration is broken, or it refuses clients or targets so",
			      "on the proxy: look in its log why it refuses %c, and have its 407 "
			      "offer "
			      "Basic or Digest" },
	[CAUSE_U_FOR_U] = { "the password may have gone to the wrong place: curl's -u is for the "
			    "origin, "
			    "the proxy's option is -U%E",
			    "on the client: use -U (--proxy-user) in place of -u, and change the "
			    "password "
			    "if the origin has seen it" },
	[CAUSE_WRONG_PASSWORD] = { "the user%F or the password is wrong",
				   "on the client: set the right user and password; mind special "
				   "characters" },
	[CAUSE_ACCOUNT_LOCKED] = { "the account is locked or expired, or the proxy's user "
				   "directory is not reachable",
				   "on the proxy: look in its log why it refused the user%F" },
	[CAUSE_NOT_IN_GROUP] = { "the password is right, but the user may not use this proxy or "
				 "this target",
				 "on the proxy: look at the groups and rules of the user%F" },
	[CAUSE_SCHEME_MISMATCH] = { "the client used %a, and the proxy offers %A",
				    "on the client: use a scheme that the proxy offers: %A" },
	[CAUSE_STALE_NONCE] = { "the Digest nonce was too old (stale=true): the client should try "
				"again with the new one",
				"on the client: let it repeat the request with the new nonce" },
	[CAUSE_ONLY_CONNECTION_SCHEMES] = { "the proxy offers only %A; hosts that know Basic and "
					    "Digest alone "
					    "(NTLM is not supported) cannot log in",
					    "on the proxy: offer Basic or Digest to %c, or exempt "
					    "it from "
					    "authentication" },
	[CAUSE_USERINFO_CHARS] = { "special characters in user or password were not "
				   "percent-encoded in the "
				   "proxy's URL",
				   "on the client: percent-encode @ : / # %% in the proxy's URL" },
	[CAUSE_ORIGIN_AUTH] = { "the origin wants credentials of its own; the proxy let the "
				"request through",
				"on the client: give the origin's user and password (curl: -u), "
				"not the proxy's" },
	[CAUSE_DIGEST_BROKEN] = { "the proxy takes this very password with Basic, and refuses it "
				  "with the Digest that it offers first: it can't check Digest "
				  "(its users are in a directory that has no hashes for it)",
				  "on the proxy: offer Basic alone, or give Digest users that it "
				  "can check" },
	[CAUSE_ALWAYS_STALE] = { "the proxy calls every nonce stale, even one just made: several "
				 "proxies behind one address that don't share them, or a clock "
				 "that is off",
				 "on the proxy: let all that stand behind %p share nonces or "
				 "sessions" },
	[CAUSE_USER_NOT_ALLOWED] = { "the proxy knows the user%F and took the password (407 "
				     "without, %s with): what it denies them is this target",
				     "on the proxy: allow %t to the user%F, or to a group of "
				     "theirs" },
	[CAUSE_NOT_ASKED] = { "it is denied without asking for credentials: it does not depend on "
			      "the user",
			      NULL },
	[CAUSE_PROXY_ERRS_401] = { "a 401 to CONNECT comes from the proxy, which should say 407: "
				   "it wants credentials, and clients give those for a proxy only "
				   "to a 407",
				   "on the proxy: have it ask by 407 with Proxy-Authenticate; on "
				   "the client: set user and password for the proxy" },
	/* other codes */
	[CAUSE_MALFORMED] = { "the proxy could not read the request, or does not take such a "
			      "target",
			      "on the client: look at the request's head (--details), and at what "
			      "the page says" },
	[CAUSE_NO_SUCH_PAGE] = { "the origin has no such resource; the way through the proxy works",
				 "on the client: check the URL" },
	[CAUSE_NO_ROUTE_IN_PROXY] = { "the proxy has no route or cluster for %h",
				      "on the proxy: add a route for %h" },
	[CAUSE_METHOD_NOT_SERVED] = { "the proxy, or what listens there, does not serve %m",
				      "on the proxy: allow the method %m, or send it to a port "
				      "that does" },
	[CAUSE_BODY_LIMIT] = { "the request is larger than allowed",
			       "on the proxy: raise the limit for requests, or send less" },
	[CAUSE_RATE_LIMIT] = { "too many requests in a time%G",
			       "on the client: send fewer requests, or later" },
	[CAUSE_NAME_UNRESOLVED] = { "the proxy could not resolve %h",
				    "on the proxy: resolve %h there; the client's own DNS does not "
				    "count" },
	[CAUSE_ORIGIN_REFUSED] = { "the origin %t refused the proxy's connection%H",
				   "on the origin: see that it listens on port %o, and lets the "
				   "proxy in" },
	[CAUSE_ORIGIN_SILENT] = { "the origin did not answer the proxy in time (the proxy's answer "
				  "took %W)",
				  "in the network: allow the proxy to reach %t; on the proxy: try "
				  "it from there" },
	[CAUSE_ORIGIN_ANSWERS_BADLY] = { "the origin closed, reset, or answered what the proxy "
					 "could not read",
					 "on the origin: look in its log at this time" },
	[CAUSE_ORIGIN_FAULT] = { "the origin itself failed",
				 "on the origin: look in its log at this time" },
	[CAUSE_PROXY_FAULT] = { "the proxy itself failed on this request",
				"on the proxy: look in its log for %c at this time" },
	[CAUSE_PROXY_MAINTENANCE] = { "the service is overloaded or in maintenance%G",
				      "on the proxy: look at its load, and try again later" },
	[CAUSE_CONNECT_FAILED] = { "the proxy could not connect to %t",
				   "on the proxy: try to reach %t from there" },
	[CAUSE_ORIGIN_TLS_FAILED] = { "the proxy's own TLS to the origin failed",
				      "on the proxy: see what it dislikes in the certificate of "
				      "%h" },
	[CAUSE_PARENT_FAILED] = { "the parent proxy failed: %v",
				  "on the proxy: look at its parent" },
	[CAUSE_HTTP_CODE] = { "%C", NULL },
	[CAUSE_PRODUCT_SAYS] = { "%K", NULL },
	[CAUSE_PORTAL] = { "a captive portal wants a login before it lets anything through (RFC "
			   "6585)",
			   "on the client: open a page in a browser and log in to the network" },
	[CAUSE_SENT_ELSEWHERE] = { "in place of a tunnel there is a page to see, at %e: the login "
				   "of "
				   "the network (a captive portal), or a proxy that says there why "
				   "it "
				   "refuses",
				   "on the client: open the page in a browser and read it: log in, "
				   "or "
				   "ask whoever runs the proxy to allow %t" },
	[CAUSE_REDIRECTS] = { "the redirects come to no end, or to an address that can't be asked "
			      "for, as %e: a login page between, or an origin that expects another "
			      "name, scheme or cookie",
			      "on the client: ask for %e without the proxy, and compare; open it "
			      "in "
			      "a browser" },
	/* tls */
	[CAUSE_BIG_HELLO] = { "the ClientHello of %l needed %j segment(s)%J: middleboxes that read "
			      "only the "
			      "first one drop or reset it",
			      "in the network: update the inspection, or exempt %h; to prove it, "
			      "try a client "
			      "without post-quantum key shares" },
	[CAUSE_HELLO_SIZE] = { "an inspection, firewall or load balancer on the way can't take a "
			       "large ClientHello, as post-quantum key shares make it: a small one "
			       "is answered, and so is one in two segments",
			       "in the network: update the inspection, or exempt %h; until then, "
			       "turn post-quantum key shares off on the client" },
	[CAUSE_HELLO_SPLIT] = { "an inspection, firewall or load balancer on the way reads only "
				"the "
				"first segment of a ClientHello: a small one is answered, and in "
				"two segments it is not",
				"in the network: update the inspection, or exempt %h; until then, "
				"turn post-quantum key shares off on the client" },
	[CAUSE_HELLO_LOST] = { "large segments from the client are lost on the way: the large "
			       "ClientHello was never acknowledged, small ones were",
			       "on the client: measure which MTU the path has (viaduct check mtu), "
			       "and set it" },
	[CAUSE_HELLO_BEYOND] = { "large segments are lost between the proxy and the origin (MTU): "
				 "the "
				 "large ClientHello is answered when it comes in small segments",
				 "on the proxy: measure which MTU its path to %t has, and set it; "
				 "let "
				 "ICMP type 3 code 4 (IPv6: type 2) through" },
	[CAUSE_NAME_PROVED] = { "a policy on names forbids %i: without that name the same "
				"ClientHello is answered",
				"in the network: allow %i in the inspection's or firewall's "
				"policy" },
	[CAUSE_HELLO_ITSELF] = { "something on the way, or the origin, does not like this very "
				 "ClientHello (%l): one of another shape is answered",
				 "in the network: ask whoever runs the inspection which clients it "
				 "lets through" },
	[CAUSE_SNI_POLICY] = { "a policy on names forbids %i",
			       "in the network: allow %i in the inspection's or firewall's "
			       "policy" },
	[CAUSE_ORIGIN_RESET_AS_FIN] = { "the origin reset the connection: many proxies (apache, "
					"tinyproxy, squid) pass "
					"that on as a plain close",
					"on the proxy: capture its connection to %t at the same "
					"time" },
	[CAUSE_ORIGIN_CLOSED_HELLO] = { "the origin closed upon this ClientHello (no such name, no "
					"common version)",
					"on the origin: see that it serves TLS for %i" },
	[CAUSE_INSPECTION_BREAKS] = { "TLS inspection, or another policy on content, broke it",
				      "in the network: exempt %h from TLS inspection, and try "
				      "again" },
	[CAUSE_ORIGIN_HANGS] = { "the origin took the connection and says nothing",
				 "on the proxy: try TLS to %t from there (openssl s_client)" },
	[CAUSE_MTU_POSSIBLE] = { "the server's first, large segments may be lost on the way (MTU): "
				 "nothing here "
				 "proves it",
				 "on the client: try with a smaller MSS; a capture on the proxy "
				 "would prove it" },
	[CAUSE_NOT_TLS_PORT] = { "the service at %t does not speak TLS",
				 "on the client: check scheme and port of %t" },
	[CAUSE_PROXY_PAGE_IN_TUNNEL] = { "a page in clear was put into the tunnel: a plain web "
					 "server behind it, or "
					 "an error page of the proxy after its 200",
					 "on the proxy: see what answers on %t" },
	[CAUSE_PAGE_FOR_TUNNEL] = { "%p sent a page in place of the tunnel, with a status as if it "
				    "were "
				    "one: a captive portal, or a web server that takes CONNECT for "
				    "a request of its own",
				    "on the client: open any page in a browser, and log in to the "
				    "network if it asks for that; compare host and port of the "
				    "proxy "
				    "with %p" },
	[CAUSE_NO_COMMON_TLS] = { "the two sides have no TLS version or cipher in common",
				  "on the client: allow newer TLS versions and ciphers; on the "
				  "origin: see what "
				  "it demands" },
	[CAUSE_NAME_UNKNOWN] = { "the other side does not serve the name %i",
				 "on the client: check the name; on the origin: add %i" },
	[CAUSE_CLIENT_DISTRUSTS] = { "the client does not trust the authority that issued the "
				     "certificate",
				     "on the client: install the issuing authority, or update its "
				     "trust store" },
	[CAUSE_INSPECTION_UNTRUSTED] = { "TLS inspection signs in the origin's place, and the "
					 "client does not "
					 "trust its authority",
					 "on the client: install the inspection's authority; or on "
					 "the proxy: "
					 "exempt %h from inspection" },
	[CAUSE_CLIENT_CERTIFICATE] = { "the server wants a certificate from the client, or refused "
				       "the one it got",
				       "on the client: give it the right certificate" },
	[CAUSE_ALERT_OTHER] = { "the alert names the reason: %k", NULL },
	[CAUSE_KNOWN_INSPECTION] = { "the issuer names itself an inspection: %z",
				     "on the proxy: exempt %h from inspection if it must not be "
				     "opened" },
	[CAUSE_OWN_AUTHORITY] = { "the origin uses a private authority of its own",
				  "on the client: install that authority, if it is the right one" },
	[CAUSE_EXPIRED] = { "the certificate has expired%X, or a clock is wrong",
			    "on the origin: renew the certificate; on the client: check its "
			    "clock" },
	[CAUSE_CHAIN_EXPIRED] = { "a certificate between it and the authority, or the authority's "
				  "own, has expired, or a clock is wrong",
				  "on the origin: send a chain in which all are valid; on the "
				  "client: check its clock, and update its trust store" },
	[CAUSE_NOT_YET_VALID] = { "the certificate is not valid yet, or a clock is wrong%X",
				  "on the client: check its clock" },
	[CAUSE_WRONG_NAME] = { "the certificate is for %Y, and %i was asked for",
			       "on the origin: get a certificate for %i; on the client: check the "
			       "name" },
	[CAUSE_SELF_SIGNED] = { "the certificate is signed by itself: nobody vouches for it",
				"on the origin: get a certificate from an authority that clients "
				"trust" },
	[CAUSE_CHAIN_INCOMPLETE] = { "the server did not send its intermediate certificate",
				     "on the origin: send the whole chain" },
	[CAUSE_WEAK_CERTIFICATE] = { "the certificate, or one above it, has a key too short or a "
				     "hash too weak for this client (1024 bits, SHA-1)",
				     "on the origin: get a certificate with 2048 bits and SHA-256 "
				     "or better" },
	[CAUSE_OLD_TLS] = { "the other side chose a TLS older than 1.2, which this client does not "
			    "take",
			    "on the origin: serve TLS 1.2 or newer; on the client: allow the older "
			    "one for %i alone" },
	[CAUSE_QUIET_REJECTION] = { "the client closed after it saw the certificate: many reject "
				    "it so, without an alert",
				    "on the client: look in its log for certificate errors" },
	/* path */
	[CAUSE_MTU_SMALLER] = { "a link on the way between client and proxy carries less than %Q "
				"bytes of payload "
				"(its MTU is smaller)",
				"in the network: lower the MTU or clamp the MSS to what passes (ip "
				"route ... mtu, "
				"TCPMSS --clamp-mss-to-pmtu)" },
	[CAUSE_MTU_PROVED] = { "a link on the way between client and proxy has an MTU of %g: the "
			       "same with an MSS of %f goes through, with more it does not",
			       "on the client: set the MTU of the interface toward %y to %g (ip "
			       "link set dev ... mtu %g), or clamp the MSS to %f on the way "
			       "(TCPMSS)" },
	[CAUSE_ICMP_FILTERED] = { "the ICMP message that should say so is filtered, so the sender "
				  "never learns",
				  "in the network: let ICMP type 3 code 4 (IPv6: type 2) through" },
	[CAUSE_TUNNEL_OVERHEAD] = { "a VPN, PPPoE or overlay takes some bytes of each packet",
				    "on the client: set the interface's MTU to what the tunnel "
				    "carries" },
	[CAUSE_SENDER_IGNORES_ICMP] = { "the sender ignores what ICMP tells it",
					"on %V: turn path MTU discovery on, or lower its MTU to "
					"%M" },
	[CAUSE_ICMP_DROPPED_AT_SENDER] = { "the sender's own firewall drops the ICMP message that "
					   "%I sent",
					   "on %V: let ICMP type 3 code 4 (IPv6: type 2) in" },
	[CAUSE_POLICY_ON_SIZE] = { "a policy at the first large segment: a limit on uploads, or a "
				   "filter on content",
				   "on the proxy: look in its log, and that of the firewall, for "
				   "%c at this time" },
	[CAUSE_MTU_NOT_CERTAIN] = { "an MTU that is too small on the way: but that is silence, as "
				    "a rule, not a reset",
				    "on the client: try again with a smaller MSS or MTU; it is MTU "
				    "only if that helps" },
	[CAUSE_PLAIN_LOSS] = { "packets were lost on the way",
			       "in the network: capture on both sides of the path" },
	/* transfer */
	[CAUSE_SCANNING] = { "the proxy or an inspection holds the data back while it scans%<",
			     "on the proxy: exempt %h from scanning, or let it trickle" },
	[CAUSE_ORIGIN_STOPPED] = { "the origin stopped sending",
				   "on the origin: look in its log at this time; try without the "
				   "proxy" },
	[CAUSE_IDLE_TIMEOUT] = { "the proxy's idle time-out then ended it, after %L without data",
				 "on the proxy: raise the idle time-out if the origin is known to "
				 "pause" },
	[CAUSE_PATH_CHANGED] = { "the path broke in mid-transfer: what was sent last was never "
				 "acknowledged",
				 "in the network: capture on both sides of the path" },
	[CAUSE_SIZE_LIMIT] = { "a limit on the size of transfers%1",
			       "on the proxy: raise the size limit for %h%u" },
	[CAUSE_TIME_LIMIT] = { "a limit on the time of transfers%2",
			       "on the proxy: raise the transfer or session time-out for %h%U" },
	[CAUSE_ORIGIN_CUT] = { "the origin closed early, and the proxy passed it on",
			       "on the origin: look in its log; on the proxy: capture its "
			       "connection to %t" },
	[CAUSE_PROXY_CUT] = { "the proxy gave it up (restart, memory, disk)",
			      "on the proxy: look in its log for %c at this time" },
	[CAUSE_ORIGIN_RESET] = { "the origin reset the connection, and the proxy passed it on",
				 "on the proxy: capture its connection to %t at the same time" },
	[CAUSE_FIREWALL_RESET] = { "a firewall or inspection on the way cut it",
				   "in the network: look in the firewall's log at this time" },
	[CAUSE_CLIENT_TIMEOUT] = { "the client's own time-out for the whole transfer (%T in all)",
				   "on the client: raise its time-out" },
	[CAUSE_CLIENT_STOPPED] = { "the client was stopped or cancelled",
				   "on the client: see who stopped it" },
	[CAUSE_CLIENT_DISK] = { "the client could not go on: disk full, limit reached, or it "
				"disliked the data",
				"on the client: look in its log" },
	[CAUSE_READER_SLOW] = { "the client did not read what came: busy, stopped, or a slow disk",
				"on the client: see what keeps it from reading" },
	[CAUSE_PROXY_READER_SLOW] = { "the proxy did not read what the client sent: the origin "
				      "behind it is slow",
				      "on the proxy: see how fast %h takes data" },
	[CAUSE_LINK_LOSSY] = { "a lossy or overloaded link between client and proxy",
			       "in the network: look for errors and full queues between %c and "
			       "%y" },
	[CAUSE_SYN_LOST] = { "the SYN was lost, or dropped by a full queue, and had to be sent "
			     "again",
			     "on the proxy: look at its listen queue (ss -ltn, ListenOverflows)" },
	[CAUSE_SLOW_PROXY] = { "the proxy was slow to reach %t (DNS, connect, its parent, its "
			       "rules)",
			       "on the proxy: time the steps to %t there" },
	[CAUSE_SLOW_ORIGIN] = { "the origin was slow to answer",
				"on the origin: see what takes it so long" },
	[CAUSE_SLOW_TLS] = { "the origin, or an inspection, is slow in the handshake",
			     "in the network: compare with a target that is exempt from "
			     "inspection" },
	[CAUSE_SLOW_LINK] = { "a slow link or a rate limit",
			      "on the proxy: look at rate limits (delay pools)" },
	[CAUSE_TUNNEL_WAS_IDLE] = { "or all had been delivered, and the tunnel lay idle: then "
				    "nothing is wrong",
				    NULL },
	[CAUSE_IDLE_LIMIT] = { "the proxy's time-out for idle tunnels%*",
			       "on the client: let it say something more often than every %&, or "
			       "make connections anew; on the proxy: raise its idle time-out" },
	[CAUSE_ORIGIN_IDLE] = { "the origin's own time-out: whoever ends the TLS with the client "
				"closed it%*",
				"on the origin: raise its keep-alive or header time-out, if it is "
				"too short" },
	[CAUSE_STATE_DROPPED] = { "a firewall or NAT on the way forgot the quiet connection within "
				  "%&, without telling either side",
				  "in the network: raise the firewall's or NAT's time-out for idle "
				  "TCP; on the client: turn TCP keep-alive on, below that time" },
	[CAUSE_TRICKLE] = { "the proxy or an inspection scans the download, and lets a trickle "
			    "through so that the client does not give up",
			    "on the proxy: exempt %h from scanning, or raise what is scanned in "
			    "passing" },
	[CAUSE_ANSWER_UNUSABLE] = { "what was sent can't be made use of: %x",
				    "on the origin, and on the proxy: see which of them sends what "
				    "is no HTTP (Content-Length, chunks, fields); try without the "
				    "proxy" },
	[CAUSE_FLAKY] = { "the path, or a device on it, loses the connection now and then: made "
			  "again, it did not end alike",
			  "in the network: look in the logs of the devices between %c and %h for "
			  "resets and restarts; have the client resume what was cut" },
	[CAUSE_PATH_SILENT] = { "the path between %c and %y went dead in mid-transfer: the "
				"proxy's host did not answer keep-alive probes either",
				"in the network: capture on both sides of the path between %c and "
				"%y" },
	[CAUSE_LENGTH_WRONG] = { "all of it came: the Content-Length is not that of what is sent "
				 "(a body that is rewritten on its way, or a file that changed)",
				 "on the proxy: see what rewrites bodies from %h, and leaves the "
				 "Content-Length as it was; on the origin: compare the two" },
	[CAUSE_CLIENT_HALF_REQUEST] = { "the client stopped in the middle of its own request",
					"on the client: see why it did not send the rest" },
	[CAUSE_NO_LEAVE] = { "the client held the body back until it is told to go on (Expect: "
			     "100-continue), and what should say so, the proxy or the origin "
			     "behind it, does not know of that",
			     "on the client: leave the Expect field out (curl -H 'Expect:'), or "
			     "send the body after a second all the same" },
	[CAUSE_OWN_REASON] = { "%@", NULL },
	[CAUSE_OWN_RULE] = { "%@", "on the proxy: \"%^\" decided it; change it in the "
				   "configuration if %t is wanted" },
};
