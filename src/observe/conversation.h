/* Private to `observe`: the state of one conversation, and who may change what.
 *
 *   observe.c  the door: life of the conversation, queue of exchanges, how they end
 *   requests.c HTTP/1: what the client says
 *   answers.c  HTTP/1: what the proxy says
 *   speech.c   what those two share: what is kept of a head, and heads that come in pieces
 *   cut.c      heads that are cut or odd, bodies with gaps
 *   tunnel.c   inside a tunnel: TLS records and messages, or the name of what else it is
 *   guess.c    what first bytes look like */
#ifndef OBSERVE_CONVERSATION_H
#define OBSERVE_CONVERSATION_H

#include "base/buffer.h"
#include "http/auth.h"
#include "http/chunk.h"
#include "observe/observe.h"

/* What a side is in the middle of.
 *
 *            +--> BODY_LENGTH --+
 *   HEAD ----+--> BODY_CHUNKED -+--> HEAD ...
 *      |     +--> BODY_CLOSE ------> (until FIN)
 *      +--> TUNNEL                   (a 2xx to CONNECT, or 101; both sides go together)
 *      +--> LOST                     (a gap, or bytes that are no HTTP; a later segment that begins
 *                                     like a head leads back to HEAD) */
enum speech {
	SPEECH_HEAD,
	SPEECH_BODY_LENGTH,
	SPEECH_BODY_CHUNKED,
	SPEECH_BODY_CLOSE,
	SPEECH_TUNNEL,
	SPEECH_LOST
};

struct tls_half {
	uint8_t header[5];
	uint8_t header_len;
	uint8_t type;         /* of the record that is being read */
	uint8_t last_type;    /* of the last whole record */
	bool cipher_changed;  /* a ChangeCipherSpec went by: what follows is encrypted */
	bool settled;         /* no more handshake messages to read */
	bool told;            /* the first bytes said what is spoken; until then the head holds them */
	bool late;            /* the very first bytes were in a gap */
	bool retry;           /* the server asked for another hello, and has not answered that yet */
	bool shook;           /* the client sent a handshake record after the server's hello */
	bool tickets;         /* two session tickets were its first words */
	uint8_t alert[2];     /* one in the clear */
	uint64_t at;          /* offset of the next byte in the stream */
	uint64_t app_records; /* of type 23 */
	uint32_t answers;     /* application records of the proxy since the client's first */
	uint32_t left;        /* bytes of the record still to come */
	uint32_t record_len;  /* of that record */
	uint32_t last_len;    /* of the last whole one */
	uint32_t held_len;    /* of the record that is held */
	struct mark held;     /* one that may be no data, by its size: what follows tells */
	struct buffer messages; /* handshake bytes of the message being read */
};

struct talk { /* one side of the conversation */
	enum speech speech : 8;
	bool unsure; /* the head was found behind a gap: it may be none */
	struct buffer head; /* bytes of a head that is not complete yet */
	struct mark head_start;
	uint64_t left; /* BODY_LENGTH */
	struct http_chunks chunks;
	struct tls_half tls;
};

enum { MAX_PIPELINE = 64, PAGE_BYTES = 1024 };

struct turn { /* an exchange under way */
	struct turn *next;
	struct exchange *x;
	bool whole;         /* its answer is complete; it waits for what comes next */
	bool doubt;         /* requests before it may be hidden in a gap, and their answers not */
	bool begun;         /* a gap hides its status, but an answer it was, and no interim one */
	bool heard;         /* the proxy spoke between this request and the next, as far as matters */
	struct buffer page; /* the first bytes of an error page */
};

/* The first FIN or RST: what was said before it, and is held up by a gap, may still begin an
 * exchange. */
struct closing {
	bool is;
	enum event_kind kind : 8;
	enum trace_side side : 8;
	struct mark mark;
	uint64_t n;
};

struct conversation {
	struct turn *oldest, *newest; /* the answers go to `oldest` that is not whole */
	struct turn usual;            /* for the first of them while it is free (x is NULL) */
	unsigned turns;
	bool known;           /* at least one request to a proxy was seen */
	bool tunnel;          /* both sides are in SPEECH_TUNNEL */
	bool overrun;         /* more requests waited than are kept */
	bool hides;           /* a gap may have held requests; the last such place, until the next request: */
	bool shown;           /* the proxy acknowledged all that may be hidden */
	bool pipelines;       /* the client asks again before it is answered */
	struct talk talk[2];
	struct mark hidden;
	struct mark said;     /* by the proxy, when no answer was due */
	struct mark proxy_fin;
	struct closing closing;
	uint32_t hello_calls; /* segments that the hello needed so far */
	uint64_t order;
	struct exchange *over; /* one whose memory the next may have; or NULL */
	struct observe_options options;
	struct observe_owner owner;
};

/* observe.c */
struct turn *conversation_begin(struct conversation *c, const struct mark *mark);
/* Hands over all turns that are whole and have a successor. */
void conversation_finish_whole(struct conversation *c, const struct mark *mark);
void conversation_turn_whole(struct conversation *c, struct turn *t, const struct mark *mark);
/* One that was none after all. The caller mends the queue. */
void conversation_drop(struct conversation *c, struct turn *t);
struct turn *conversation_answering(struct conversation *c); /* who gets the next answer; or NULL */
/* Did the packet of `a` come before that of `b`? */
bool conversation_before(const struct mark *a, const struct mark *b);

/* speech.c */
enum trace_scheme speech_scheme(enum http_scheme scheme);
/* The first field of that name, or the empty slice. */
struct slice speech_keep_field(struct exchange *x, const struct http_fields *fields,
			       enum http_name name);
/* The head as it stood, secret values and userinfo overwritten with as many stars. */
struct slice speech_keep_head(struct exchange *x, struct slice head);
/* What is there of a head, these bytes with it. */
struct slice speech_join_head(struct talk *t, const struct mark *mark, struct slice bytes);
/* Keeps what is there of a head until more comes. False when it grows too long. */
bool speech_keep_for_later(struct talk *t, struct slice whole, bool joined);
/* Text to be shown, cut to `most` bytes, userinfo in URLs overwritten; rest: it goes on where it
 * ends. */
struct slice speech_keep_text(struct exchange *x, struct slice text, bool rest, size_t most);
/* So many first bytes tell what is spoken: the first line, or enough without one. 0: that many are
 * not there yet. */
size_t speech_telling_bytes(struct slice bytes);
/* Can a head that was not complete after `before` bytes end with these? */
static inline bool speech_may_end(struct slice bytes, size_t before)
{
	return before == 0 || slice_find_byte(bytes, '\n') < bytes.len;
}
size_t speech_lose_step(struct talk *t, struct slice bytes); /* all of the bytes are used */

/* requests.c, answers.c: consume part of bytes, at least one, and return how many. 0: not a
 * conversation with a proxy. */
size_t requests_read(struct conversation *c, const struct mark *mark, struct slice bytes);
size_t answers_read(struct conversation *c, const struct mark *mark, struct slice bytes);

/* A request whose head is known, and took `len` bytes; false when it is none to a proxy, or there is
 * no room. */
bool requests_begin(struct conversation *c, const struct http_request *r, struct slice head,
		    size_t len, const struct mark *start, const struct mark *mark);
/* Bytes or a FIN may follow; the request itself is out. */
void requests_sent(struct exchange *x, const struct mark *mark);
/* Bytes behind a CONNECT that was refused wait in the head buffer: now read them. */
void requests_read_waiting(struct conversation *c);
/* An answer's head, for the exchange that waits for it. */
void answers_take(struct conversation *c, struct turn *t, const struct http_response *r,
		  struct slice head, uint64_t len, const struct mark *mark);
/* An answer that is no HTTP; start: its first bytes, of so many. */
void answers_take_foreign(struct conversation *c, struct turn *t, struct slice start, size_t len,
			  const struct mark *mark);
/* An answer that came before its request was seen waits in the head buffer: now read it. */
void answers_read_waiting(struct conversation *c);
void answers_keep_title(struct turn *t);
void answers_keep_words(struct turn *t);

/* cut.c */
/* An answer whose request nobody saw begins an exchange, where only a proxy can have given it. */
bool cut_begin_lone_answer(struct conversation *c);
/* As requests_read and answers_read, for a head that is no HTTP by the letter, or too long. */
size_t cut_read_odd_request(struct conversation *c, const struct mark *mark, struct slice whole,
			    struct slice bytes);
size_t cut_read_odd_answer(struct conversation *c, struct turn *t, const struct mark *mark,
			   struct slice whole, struct slice bytes);
void cut_gap(struct conversation *c, enum trace_side side, const struct mark *mark, uint64_t len);
/* The proxy said something at `mark`, or what it said is shown to be missing there. */
void cut_hear(struct conversation *c, const struct mark *mark);
/* What a client said there was not seen, or not understood: it may have been requests. */
void cut_hide(struct conversation *c, const struct mark *mark, bool gap);
/* A request that begins, the last one that may be hidden before it: were those answered by then? */
bool cut_doubts(struct conversation *c, const struct mark *start);
/* Whom the answer is for that begins at `mark`, behind a gap; NULL: nobody knows. */
struct turn *cut_find_turn(struct conversation *c, const struct mark *mark);
void cut_end(struct conversation *c); /* what an unfinished head still tells */

/* tunnel.c */
void tunnel_read(struct conversation *c, enum trace_side side, const struct mark *mark,
		 struct slice bytes);
void tunnel_gap(struct conversation *c, enum trace_side side, const struct mark *mark,
                uint64_t len);
void tunnel_end(struct conversation *c, struct exchange *x);

#endif
