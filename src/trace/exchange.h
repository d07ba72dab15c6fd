/* The exchange: one request that a client sent to a proxy, and all that came of it.
 *
 * This is the waist of the house. Whatever observed it (a capture, a probe, our own proxy) fills
 * in the same record, and the rules in `diagnose` read nothing else. It holds facts, never
 * judgements, and never a secret. What is not known is left at its "unknown" value (NO_TIME, the
 * empty slice, 0 with a flag beside it), never guessed.
 *
 * An exchange owns an arena; its strings and events live there and die with trace_free. Strings
 * are foreign bytes, not yet escaped. */
#ifndef TRACE_EXCHANGE_H
#define TRACE_EXCHANGE_H

#include "base/address.h"
#include "base/arena.h"
#include "base/when.h"
#include "trace/probe.h"

enum trace_source { TRACE_CAPTURE, TRACE_CHECK, TRACE_PROXY };

/* Who sent the bytes. As a direction: CLIENT is up, PROXY is down. */
enum trace_side { CLIENT, PROXY };

/* A packet (or moment) worth pointing at. frame 0 and line 0: no packet, only a time. Which of
 * several captures it is in, whoever holds the mark knows. An exchange under way holds dozens of
 * these, and thousands of exchanges are under way: hence the bits. */
struct mark {
	nanos at;            /* NO_TIME: it did not happen */
	uint64_t frame : 36; /* packet number in its capture; 0 none */
	uint64_t line : 28;  /* line of a text; 0 none */
};

static const struct mark NO_MARK = { .at = NO_TIME };
static inline bool mark_is(const struct mark *m) { return m->at != NO_TIME; }

/* ---- the timeline --------------------------------------------------------------------- */

enum event_kind {
	EV_SYN,          /* n: 1 the first, 2.. repeated */
	EV_SYN_ACK,
	EV_REQUEST,      /* the head is complete; n: its bytes */
	EV_REQUEST_END,  /* its body too; n: body bytes */
	EV_INTERIM,      /* a 1xx answer; n: status */
	EV_RESPONSE,     /* the head of the final answer is complete; n: status */
	EV_RESPONSE_END, /* its body too; n: body bytes */
	EV_NOT_HTTP,     /* the proxy's answer is no HTTP; n: enum trace_protocol */
	EV_HELLO,        /* ClientHello complete; n: its bytes with record headers */
	EV_SERVER_HELLO,
	EV_CERTIFICATE,  /* n: how many certificates */
	EV_TLS_DONE,     /* the first client bytes after the server's flight */
	EV_ALERT,        /* in the clear; n: what << 8 | level */
	EV_NOT_TLS,      /* the ClientHello was answered by something else; n: enum trace_protocol */
	EV_INNER,        /* first bytes in a tunnel that are no TLS; n: enum trace_protocol */
	EV_FIRST_BYTE,   /* first application data down after the client's first up */
	EV_LARGE,        /* first segment of full size of that side; n: payload bytes */
	EV_RETRANS,      /* a segment sent again; n: its size (first few only) */
	EV_STUCK,        /* last transmission of the oldest data that was never acknowledged; n: size */
	EV_HOLE,         /* this packet shows that n bytes of its sender never arrived */
	EV_MISSING,      /* this packet shows that the capture lost n bytes */
	EV_ZERO_WINDOW,  /* announced by this side */
	EV_WINDOW_OPEN,
	EV_ICMP,         /* n: kind-specific; see exchange.icmp */
	EV_LAST_DATA,    /* the last payload of this side; n: its bytes so far */
	EV_FIN,
	EV_RST,
	EV_NEXT,         /* the next request began on this connection */
	EV_END,          /* the observation of this connection ended; n: enum trace_end */
	EV_COUNT_
};

enum trace_end { TRACE_END_CLOSED, TRACE_END_IDLE, TRACE_END_EVICTED, TRACE_END_OVER };

struct event {
	struct mark mark;
	uint64_t n : 48;
	enum event_kind kind : 8;
	enum trace_side side : 8; /* who did it */
};

enum { TRACE_MAX_EVENTS = 64 };

/* ---- what was said --------------------------------------------------------------------- */

enum trace_protocol { /* what some bytes look like */
	PROTO_UNKNOWN, PROTO_NONE, PROTO_HTTP, PROTO_TLS, PROTO_SSH, PROTO_SMTP, PROTO_FTP, PROTO_HTTP2,
	PROTO_POP3, PROTO_IMAP, PROTO_SOCKS, PROTO_TELNET, PROTO_RDP, PROTO_MYSQL, PROTO_TEXT,
	PROTO_COUNT_
};

enum trace_scheme { /* of authentication */
	SCHEME_NONE, SCHEME_BASIC, SCHEME_DIGEST, SCHEME_NTLM, SCHEME_NEGOTIATE, SCHEME_BEARER,
	SCHEME_OTHER
};

struct trace_request {
	struct slice method, target; /* as sent; userinfo in a URL replaced by "***@" */
	bool is_connect, absolute;   /* both false: origin-form, asterisk */
	bool had_userinfo;
	bool origin_credentials;     /* an Authorization field to a proxy in a plain request */
	bool complete;               /* head and body were sent whole, as far as seen */
	bool expects;                /* to be told to go on before it sends the body: 100-continue */
	enum trace_scheme auth : 8;  /* Proxy-Authorization */
	uint8_t minor;               /* HTTP/1.minor */
	uint64_t body_bytes;         /* sent */
	uint64_t body_length;        /* promised; UINT64_MAX unknown */
	struct slice host;
	struct slice user;           /* of `auth`; never the secret */
	struct slice head;           /* the whole head, secrets overwritten; only when asked to keep */
};

enum { TRACE_MAX_OFFERS = 8 };

struct trace_response {
	uint16_t status;             /* 0: none was seen */
	uint8_t minor;
	bool stale;                  /* a Digest challenge that said stale=true */
	bool chunked, until_close;   /* how the end is told otherwise */
	bool complete;               /* the end was seen in good order */
	bool connection_close;       /* it said so */
	uint64_t body_bytes;         /* seen, without chunk framing */
	uint64_t body_length;        /* Content-Length; UINT64_MAX: unknown */
	uint8_t offered[TRACE_MAX_OFFERS]; /* enum trace_scheme: Proxy-Authenticate; WWW-Authenticate
	                                      for a 401 */
	size_t offers;
	struct slice reason, server, via, proxy_agent, proxy_status, squid_error, content_type, location,
	             retry_after, proxy_authenticate;
	struct slice title;          /* of the HTML page, or the first text of the body; up to 200 bytes */
	struct slice head;           /* as in trace_request */
};

enum trace_name { NAME_UNKNOWN, NAME_MATCHES, NAME_DIFFERS };

struct trace_tls {
	bool hello;                  /* a ClientHello was seen (at least its start) */
	bool hello_acked;            /* the proxy acknowledged all of it */
	bool server_hello;
	bool done;                   /* application data or a finished handshake was seen */
	bool alert;                  /* a readable alert other than close_notify */
	bool likely_alert;           /* an encrypted record of an alert's size, or type, was the last thing
	                                before this side (likely_alert_from) ended it in the handshake */
	bool out_of_step[2];         /* record boundaries could not be followed (gap) */
	bool close_notify[2];        /* seen in the clear (TLS 1.2 shows the type), or an encrypted record
	                                of an alert's size just before FIN */
	uint16_t offered_version;    /* 0x0304 ... */
	uint16_t version;            /* chosen; 0 unknown */
	/* records, by the side that sends them */
	uint64_t records[2];         /* application data */
	uint64_t app_bytes[2];
	/* of application data, leaving out a record of an alert's size that stands last before the
	   side's FIN; 0 and NO_TIME where boundaries were not followed */
	uint32_t last_record[2], largest_record[2]; /* length of the last one, and of the largest */
	uint32_t same_records[2];    /* so many in a row, the last one with them, had its length */
	struct mark last_app[2];     /* the last one: where it began */
	uint32_t record_left[2];     /* bytes missing from the last record begun */
	/* the handshake */
	uint32_t hello_bytes;        /* with record headers */
	uint32_t hello_segments;     /* TCP segments it needed */
	enum trace_side alert_from : 8, likely_alert_from : 8;
	uint8_t alert_level, alert_what;
	bool ech, post_quantum, retry_request;
	bool random_known;
	uint8_t random[32];          /* of the ClientHello: to match captures */
	struct slice sni;
	struct slice alpn;           /* offered, or chosen where TLS 1.2 shows it */
	size_t certificates;         /* 0: not visible */
	struct slice subject, issuer, top_issuer, names;
	nanos not_before, not_after; /* NO_TIME unknown */
	enum trace_name name;        /* the leaf against the name asked for */
	bool self_signed, issued_by_top, incomplete; /* as struct tls_chain has it */
};

struct trace_tunnel {
	bool open;                   /* 2xx to CONNECT, or 101 */
	enum trace_protocol inner : 8;  /* PROTO_NONE: nothing was sent in it */
	enum trace_protocol answer : 8; /* what answered a ClientHello, where it is not TLS */
	uint64_t bytes[2];           /* by side */
	struct mark first[2], last[2]; /* data, by side */
	struct slice banner;         /* first line of a plain-text protocol, up to 100 bytes */
};

/* ---- what happened beneath ------------------------------------------------------------- */

struct trace_path { /* what one side sent during this exchange, and how it fared */
	uint32_t packets;
	uint64_t bytes;              /* distinct payload */
	uint32_t retrans, repairs, reordered, spurious, keepalives;
	nanos repair_time;           /* waited for repairs, in sum */
	uint16_t mss;                /* announced by this side */
	uint32_t largest, largest_passed; /* segment payload, offload discounted */
	uint64_t unacked;
	uint32_t stuck_size, stuck_times, stuck_smallest, small_passed;
	struct mark stuck_first, stuck_last;
	uint64_t hole;               /* lost on the network: shown by later sequence numbers */
	struct mark hole_shown;
	uint32_t hole_beyond, hole_dup_acks;
	uint64_t missing;            /* lost by the capture */
	uint64_t unseen;             /* cut off by the snap length */
	nanos zero_window_time;      /* this side could not send: the other announced no window */
	bool zero_window_at_end;
	struct mark zero_window;
	uint32_t zero_window_probes;
	uint64_t after_peer_fin;
	uint32_t large;              /* full-size segments */
	struct mark first_large, last_large;
	struct mark first_data, last_data, fin, rst;
	uint32_t rsts;
	bool urgent;                 /* it sent urgent data, which is read as any other */
	uint8_t ttl, rst_ttl;
};

/* Segments that were sent again: those whose first sending was seen too, and those that came in
 * place of one that was lost before it got here. */
static inline uint32_t trace_sent_again(const struct trace_path *p)
{
	return p->retrans + p->repairs;
}

struct trace_icmp {
	uint32_t count;
	struct mark mark;
	struct address router;
	bool too_big, unreachable, v6;
	uint8_t code;
	uint32_t mtu;
	const char *name;            /* constant text: "administratively prohibited" */
	enum trace_side about;       /* whose segment it quotes */
	uint32_t large_after;        /* larger segments that side sent all the same */
	bool adapted;
};

/* How several exchanges of one observation relate; filled in by trace/link.h. */
struct trace_links {
	bool answered_challenge;     /* this 407 was followed by a request with credentials: `other` */
	bool is_retry;               /* this is that request */
	char other[17];              /* id of the exchange that this one continues, or that continues it */
	uint32_t same_size_cuts;     /* other exchanges with this proxy cut after the same bytes (+-2 %) */
	uint32_t same_age_cuts;      /* ... at the same age (+-5 %) while their sizes differ */
	uint64_t cut_size;           /* of the transfer, in bytes */
	nanos cut_age;
	bool proxy_elsewhere;        /* proxy traffic with this proxy address (host and port) was seen in
	                                other exchanges; */
	bool proxy_host_elsewhere;   /* ... with this host on another port */
	bool proxy_named;            /* the user said so (--proxy) */
	bool capture_has_proxy;      /* proxy traffic was seen anywhere in the observation */
};

/* The proxy's own connection toward the origin for this exchange, where the capture shows it. */
enum trace_outcome { ONWARD_UNKNOWN, ONWARD_ANSWERED, ONWARD_REFUSED, ONWARD_UNANSWERED,
                     ONWARD_UNREACHABLE, ONWARD_RESET, ONWARD_SILENT, ONWARD_CLOSED,
                     ONWARD_UNRESOLVED };
struct trace_onward {
	bool seen;
	struct address origin;
	enum trace_outcome outcome;
	struct mark first, last;     /* its SYN; what ended it */
	uint32_t file;               /* that these are in */
	uint32_t syns;
	uint64_t bytes[2];           /* CLIENT: what the proxy sent; PROXY: what the origin sent */
	uint64_t hole, unacked;
	uint32_t largest[2];
};

/* The same exchange as another capture saw it, nearer to the proxy (or at it). */
struct trace_view {
	bool seen;
	uint32_t file;
	uint64_t bytes[2];           /* distinct payload, by the side that sent it */
	uint32_t packets[2], largest[2];
	bool fin[2], reset[2];
	bool answered;               /* the proxy's answer was seen there */
	bool partial;                /* it lost packets, or ended before this exchange did: what it
	                                lacks proves nothing; */
	bool lacks_up;               /* ... but its own later packets show that the client's did not come */
	bool outlasts;               /* its last data came after this observation had ended */
	nanos from, until;           /* from the request to its answer, by that capture's clock */
};

/* What our own proxy alone knows of it: why it refused or cut, how its own side fared. */
enum trace_party { PARTY_NOBODY, PARTY_CLIENT, PARTY_PROXY, PARTY_ORIGIN };
struct trace_leg {
	struct slice why, text;      /* of the rule, limit or time-out that struck: its name, and a
	                                sentence for people */
	bool by_parent;              /* a parent proxy said it */
	bool cut;                    /* it ended what was under way: the answer is not the proxy's own */
	bool noted;                  /* it was only noted: nothing came of it */
	bool through_parent;         /* the way led to another proxy: the origin's address is its own */
	struct slice trial;          /* a rule on trial would have denied it: which */
	bool reused;                 /* the connection to the origin had served before */
	bool facts;                  /* what the kernel counted on it is known: retrans */
	bool client_facts;           /* the same of the client's: path[PROXY].retrans */
	enum trace_party closed_first;
	nanos resolve, connect;      /* how long that took; NO_TIME: it was not done */
	nanos answer;                /* from the connection to the first byte of the answer */
	nanos rtt;
	uint32_t retrans;            /* segments that the proxy sent again to the origin */
	uint32_t mss, path_mtu;      /* toward the origin */
	uint32_t client_mss, client_path_mtu; /* toward the client; mss: payload of a full segment */
};

/* What every packet touches stands first. What only few exchanges have is a pointer: to a
 * constant in which all is unknown, until trace_open_... makes it. */
struct exchange {
	struct arena *arena;
	struct event *event;         /* in order of time */
	uint8_t events;
	uint32_t events_dropped;

	/* how it ended */
	bool next_began;             /* another request followed on the connection: this one is whole */
	bool closed;                 /* by FIN or RST */
	bool by_reset;               /* that first act was a RST */
	enum trace_side closed_by : 8; /* who did it first */
	enum trace_end end : 8;
	enum trace_protocol answer : 8; /* what answered: PROTO_HTTP, or what else; PROTO_NONE nothing */
	bool answer_hidden;          /* it may have been given where whose it is could not be told */
	uint32_t interims;           /* 1xx answers */
	struct mark close;           /* that first act */
	uint64_t bytes[2];           /* payload by side, of this exchange */

	/* the conversation; marks have NO_TIME where it did not happen */
	struct mark first, last;     /* packets of this exchange */
	struct mark response_start, response_end, first_byte;
	struct trace_response response;
	struct trace_tunnel tunnel;
	struct trace_tls *tls;       /* until trace_open_tls: none */
	struct mark hello, server_hello, tls_done, first_app_up;
	struct mark request_start, request_end, request_acked;
	struct trace_request request;
	struct slice answer_start;   /* first bytes of an answer that is no HTTP, up to 64 */

	/* who, and which */
	struct address client, proxy;
	enum trace_source source : 8;
	uint32_t file;               /* which capture, from 0 */
	char id[17];
	bool from_text;              /* less is known: see SPEC */
	bool began_late;             /* its handshake was before the observation */
	bool both_ways;              /* packets of both sides were seen */
	bool reused;                 /* not the first exchange of its connection */
	bool suspect;                /* nothing in it says that this is a proxy at all */
	bool isn_known;              /* of the connection, where packets of both sides showed: */
	uint32_t isn[2];             /* the initial sequence numbers, to know it in another capture */
	uint64_t order;              /* to keep exchanges of equal start apart */

	/* the connection */
	uint64_t frames;             /* packets in this exchange */
	uint32_t syns;
	struct mark syn, syn_ack;
	nanos rtt;                   /* NO_TIME unknown */
	nanos observed_until;        /* last packet of the connection, or the end of the observation where
	                                the connection was still open then */
	struct trace_path *path;     /* two, by sending side; NULL until trace_open_path */
	struct trace_icmp *icmp;     /* until trace_open_icmp: none */

	struct trace_links links;
	struct trace_onward *onward; /* until trace_open_onward: not seen */
	struct trace_view *view;     /* until trace_open_view: not seen */
	struct trace_leg *leg;       /* NULL until trace_open_leg; of TRACE_PROXY alone */
	struct trace_probe *probe;   /* NULL until trace_open_probe; of TRACE_CHECK alone */

	/* where the observation has names, not numbers: of a text */
	struct slice client_name, proxy_name;
	struct slice heading;        /* of the text's example */
	uint32_t first_line;
};

/* What the probe itself sent and got inside of a tunnel's TLS: who does not answer there is the origin,
 * or whoever cut the tunnel, never the proxy that was asked for it. */
static inline bool trace_is_inside(const struct exchange *x) { return x->probe && x->probe->inside; }

/* The capture itself lacks packets, of either side: what it does not show proves nothing. */
static inline bool trace_lost_packets(const struct exchange *x)
{
	return x->path[CLIENT].missing > 0 || x->path[PROXY].missing > 0;
}

/* The status of a refusal; to CONNECT everything beyond 2xx is one, for there is no tunnel then (RFC
 * 9110, section 9.3.6). */
static inline bool trace_is_refused(const struct exchange *x)
{
	return x->response.status >= (x->request.is_connect ? 300 : 400);
}

/* Are two figures the same, but for so many percent of the larger one? */
static inline bool trace_is_alike(uint64_t a, uint64_t b, unsigned percent)
{
	uint64_t more = a > b ? a : b, less = a > b ? b : a;
	return more - less <= more / 100 * percent;
}

/* An exchange with everything unknown; NULL when out of memory. limit: bytes it may ever take. */
struct exchange *trace_new(enum trace_source source, size_t limit);
void trace_free(struct exchange *x); /* NULL is fine */

/* The same without the parts that are pointers, for whoever holds thousands of exchanges under way:
 * nothing of `path` is known before the end, and of the others most exchanges never have any. Each is
 * opened, all unknown, before it is written to; once it is, nothing happens. False when out of
 * memory. */
struct exchange *trace_begin(enum trace_source source, size_t limit);
bool trace_open_path(struct exchange *x);
/* As trace_begin, in the memory of an exchange that is over: it is still in the cache. */
struct exchange *trace_begin_again(struct exchange *over, enum trace_source source);
/* The two of `path` in memory that is the caller's, all unknown; and in the exchange's own after all,
 * as they are. */
void trace_lend_path(struct exchange *x, struct trace_path *path);
bool trace_own_path(struct exchange *x);
bool trace_open_tls(struct exchange *x);
bool trace_open_icmp(struct exchange *x);
bool trace_open_onward(struct exchange *x);
bool trace_open_view(struct exchange *x);
bool trace_open_leg(struct exchange *x);
bool trace_open_probe(struct exchange *x);

/* It is about to be read as a whole: brings what that will touch into the cache, all
 * lines at once, where each would be waited for alone. */
void trace_fetch(const struct exchange *x);
void trace_fetch_path(const struct exchange *x); /* looks into x, which had better be there */

/* Adds an event; the timeline keeps the first TRACE_MAX_EVENTS - 8 and always has room for FIN,
 * RST, EV_NEXT and EV_END. What does not fit is counted in events_dropped. */
void trace_add(struct exchange *x, enum event_kind kind, enum trace_side side,
               const struct mark *mark, uint64_t n);

/* The first and the last event of that kind (of any side), or NULL. */
const struct event *trace_first(const struct exchange *x, enum event_kind kind);
const struct event *trace_last(const struct exchange *x, enum event_kind kind);
const struct event *trace_first_of(const struct exchange *x, enum event_kind kind,
                                   enum trace_side side);

/* A copy in the exchange's arena, cut to `most` bytes. */
struct slice trace_keep(struct exchange *x, struct slice s, size_t most);

/* Puts id together from who, when and what, so that the same capture gives the same id. */
void trace_set_id(struct exchange *x);
void trace_make_id(const struct exchange *x, char *ret_id); /* the same, into 17 bytes */

const char *trace_protocol_name(enum trace_protocol p); /* "TLS", "SSH", ... */
const char *trace_alert_name(uint8_t what);             /* "handshake_failure"; NULL unknown */
const char *trace_scheme_name(enum trace_scheme s);     /* "Basic", ...; "" for none */

/* Host and port that the client asked for: of the CONNECT authority or the absolute URL. The
 * empty slice and 0 where unknown. */
struct slice trace_target_host(const struct exchange *x, uint16_t *ret_port);

#endif
