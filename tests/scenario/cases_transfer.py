"""The transfer does not end as it should, or not as well."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, app, chunked, get, request, text

NAME = 'repo.example.org'


def secured(w, **how):
    c = w.talk(**({'proxy': '10.3.0.1:3128'} | how))
    c.tunnel(f'{NAME}:443')
    c.tls13(NAME)
    return c


def dies(c, after: float = 0.0, way=None) -> None:
    """From now on, or a little later, nothing passes."""
    c.do(lambda: c.path.cut(c.loop.now + after, way=way))


def partly(size: int) -> bytes:
    """Of a record of 16 kB, so much."""
    return app(16406)[:size]


# ---- stalls -------------------------------------------------------------------------------------------

@scenario('stalled-client-gives-up', Expect('transfer-stalled', stage='transfer', closed_by='client'))
def _(w):
    c = secured(w)
    c.fetch(82030)
    c.down(partly(9000))
    c.wait(20)
    c.finish(CLIENT)


@scenario('stalled-proxy-idle-time-out', Expect('transfer-stalled'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080', rtt=0.06)
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(31000), content_length=400000, via='1.1 px'))
    c.finish(PROXY, after=60)


@scenario('stalled-path-cut', Expect('transfer-stalled'))
def _(w):
    c = secured(w, rtt=0.04)
    c.fetch(60000)
    c.path.far.rate = 100e3
    c.up(app(180))
    c.wait(0.7)
    c.down(app(400000))
    c.wait(1)
    c.do(lambda: c.path.cut(c.loop.now))
    c.wait(30)
    c.close(CLIENT)


@scenario('stalled-before-the-first-byte', Expect('transfer-stalled', sni=NAME))
def _(w):
    c = secured(w)
    c.up(app(400))
    c.wait(40)
    c.finish(CLIENT)


@scenario('pause-of-a-few-seconds', Expect('ok|slow'), near='transfer-stalled')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(30000), content_length=60000))
    c.down(text(30000), after=7)
    c.finish()


@scenario('idle-time-outs-behind-answers-alike', *2 * [Expect('ok')], near='transfer-truncated')
def _(w):
    for at, size in ((0.0, 60000), (20.0, 20000)):
        c = secured(w, at=at, rtt=0.6)
        c.fetch(size, think=0.3)
        c.finish(PROXY, after=2.7)


def ticketed(w, size: int = 250, **how):
    """A server of OpenSSL's kind: two session tickets come behind the client's first request."""
    c = w.talk(**({'proxy': '10.3.0.1:3128'} | how))
    c.tunnel(f'{NAME}:443')
    c.up(speech.client_hello(NAME))
    c.down(speech.flight13(), after=0.03)
    c.up(speech.finished13() + app(190, seed=31))
    c.down(app(size, seed=32) + app(size, seed=33), after=0.001)
    return c


@scenario('unanswered-but-for-tickets', Expect('transfer-stalled', closed_by='client'))
def _(w):
    c = ticketed(w)
    c.wait(9)
    c.up(speech.close_notify())
    c.finish(CLIENT)


@scenario('unanswered-but-for-tickets-cut', Expect('transfer-truncated'))
def _(w):
    ticketed(w, rtt=0.07).finish(PROXY, after=4.2)


@scenario('answered-in-one-small-record-and-idle', Expect('ok'), near='transfer-truncated')
def _(w):
    c = secured(w)
    c.up(app(190, seed=31))
    c.down(app(250, seed=32), after=0.04)
    c.finish(PROXY, after=4.2)


@scenario('answered-behind-tickets-late', Expect('slow', first_byte_ms=lambda ms: ms > 6000), near='transfer-stalled')
def _(w):
    c = ticketed(w)
    c.down(app(250, seed=34), after=6.2)
    c.end_tls()


# ---- cuts -----------------------------------------------------------------------------------------------

@scenario('cut-before-content-length', Expect('transfer-truncated', stage='transfer', bytes_down=lambda n: n >= 30000))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(30000), content_length=90000))
    c.finish(PROXY)


@scenario('cut-before-last-chunk', Expect('transfer-truncated'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', chunked(text(20000), last=False), content_length=None, transfer_encoding='chunked'))
    c.finish(PROXY)


@scenario('cut-in-a-record', Expect('transfer-truncated'), near='ok')
def _(w):
    c = secured(w)
    c.fetch(32812)
    c.down(partly(7000))
    c.finish(PROXY)


@scenario('cut-twice-at-one-size', *3 * [Expect('transfer-truncated')])
def _(w):
    for at in (0.0, 10.0, 20.0):
        c = secured(w, at=at, rtt=0.02 + at / 500)
        c.fetch(82030)
        c.down(partly(4970))
        c.finish(PROXY)


@scenario('cut-twice-at-one-age', *2 * [Expect('transfer-truncated', says=('time',))])
def _(w):
    for at, rate in ((0.0, 9000), (20.0, 15000)):
        c = w.talk(proxy='10.60.0.9:8080', at=at)
        c.up(get('http://dl.example.org/a'))
        c.down(answer(200, 'OK', content_length=900000))
        for _ in range(10):
            c.down(text(rate // 2), after=0.5 - 0.0105)
        c.finish(PROXY)


def misframed(w, body: bytes):
    c = w.talk(proxy='10.60.0.9:8080')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', body, content_length=None, transfer_encoding='chunked'))
    return c


# Who is at fault, and whether at all, depends on what the client makes of it.
@scenario('chunks-with-a-bare-line-feed', Expect('unclear', says=('chunks',)), near='client-aborted')
def _(w):
    misframed(w, b'5\nhello\n0\n\n').finish(CLIENT)


@scenario('chunks-with-a-bare-line-feed-and-close', Expect('unclear', says=('chunks',)), near='transfer-truncated')
def _(w):
    misframed(w, b'5\nhello\n0\n\n').finish(PROXY)


@scenario('chunk-of-no-size', Expect('unclear', says=('chunks',)), near='client-aborted')
def _(w):
    misframed(w, chunked(text(1000), last=False) + b'zz\r\n').finish(CLIENT)


# ---- resets ---------------------------------------------------------------------------------------------------

@scenario('reset-in-download', Expect('transfer-reset', stage='transfer', close='rst', closed_by='proxy'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(30000), content_length=90000))
    c.reset(PROXY, after=0.3)


@scenario('reset-in-tunnel', Expect('transfer-reset'))
def _(w):
    c = secured(w, proxy='10.60.0.9:8888', rtt=0.07)
    c.fetch(49218)
    c.down(partly(5000))
    c.do(lambda: c.proxy.abort(with_ack=False), after=0.2)


@scenario('client-resets-after-fin', Expect('ok'), near='transfer-reset')
def _(w):
    c = secured(w)
    c.fetch(30000)
    c.down(speech.close_notify())
    c.shut(PROXY)
    c.reset(CLIENT)


# ---- the client itself ------------------------------------------------------------------------------------------

@scenario('client-closes-in-download', Expect('client-aborted', closed_by='client'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.far.rate = 50e3
    c.up(get('http://dl.example.org/a'))
    c.wait(0.05)
    c.down(answer(200, 'OK', text(300000)))
    c.wait(2.5)
    c.close(CLIENT)
    c.linger = 3


def paced(w, **how):
    """An answer that trickles in records of one size."""
    c = secured(w, **how)
    c.fetch(522)
    for _ in range(14):
        c.down(app(522), after=0.1)
    return c


@scenario('client-leaves-a-flow', Expect('client-aborted', closed_by='client'))
def _(w):
    c = paced(w)
    c.up(speech.close_notify(), after=0.04)
    c.finish(CLIENT)


@scenario('client-leaves-a-flow-as-more-comes', Expect('client-aborted', closed_by='client'))
def _(w):
    c = paced(w, rtt=0.05, point=PROXY)
    c.wait(0.09)
    c.do(lambda: c.client.write(speech.close_notify()))
    c.do(c.client.close, after=0)
    c.wait(0.01)
    c.do(lambda: c.proxy.write(app(522)), after=0)
    c.close(PROXY)


# Whoever has all closes as soon as its turn on a busy host comes; at the proxy that is seen later.
@scenario('flow-that-ends-even', Expect('ok'), near='client-aborted')
def _(w):
    c = paced(w)
    c.up(speech.close_notify(), after=0.004)
    c.finish(CLIENT)


@scenario('flow-that-ends-even-at-the-proxy', Expect('ok'), near='client-aborted')
def _(w):
    c = paced(w, rtt=0.05, point=PROXY)
    c.up(speech.close_notify(), after=0.003)
    c.finish(CLIENT)


@scenario('client-resets-in-tunnel', Expect('client-aborted', closed_by='client', close='rst'))
def _(w):
    c = secured(w, proxy='10.60.0.9:8080')
    c.path.far.rate = 80e3
    c.up(app(200))
    c.wait(0.05)
    c.down(app(500000))
    c.wait(3)
    c.reset(CLIENT)
    c.linger = 2


def uploading(w, size: int, alpn: tuple[str, ...] = ()):
    """A body goes up in full records; nothing has come in answer yet."""
    c = w.talk(proxy='10.3.0.1:3128', rtt=0.03)
    c.tunnel(f'{NAME}:443')
    c.tls13(NAME, alpn=alpn)
    c.up(app(300))
    c.up(app(size))
    return c


@scenario('client-leaves-an-upload-in-a-record', Expect('client-aborted', closed_by='client'))
def _(w):
    c = uploading(w, 32812)
    c.up(partly(7000), after=0.05)
    c.finish(CLIENT, after=0.05)


@scenario('client-leaves-an-upload-between-records', Expect('client-aborted', closed_by='client', confidence='medium'))
def _(w):
    uploading(w, 164060).finish(CLIENT, after=0.05)


# Full records alone may be all that there was to say: a closing alert or an answer tell.
@scenario('upload-of-full-records-and-farewell', Expect('ok'), near='client-aborted')
def _(w):
    uploading(w, 164060).end_tls()


@scenario('upload-of-full-records-answered', Expect('ok'), near='client-aborted')
def _(w):
    c = uploading(w, 164060, alpn=('http/1.1',))
    c.down(app(200), after=0.05)
    c.finish(CLIENT, after=0.05)


# In HTTP whoever asks waits for an answer. What comes behind the close is none.
@scenario('client-gives-up-asking-in-tunnel', Expect('client-aborted', closed_by='client', confidence='medium'))
def _(w):
    c = uploading(w, 900, alpn=('h2', 'http/1.1'))
    c.wait(2)
    c.end_tls()


@scenario('client-gives-up-and-is-answered', Expect('client-aborted', closed_by='client', confidence='medium'))
def _(w):
    c = uploading(w, 900, alpn=('http/1.1',))
    c.wait(0.4)
    c.shut(CLIENT)
    c.down(app(64) + speech.close_notify(), after=0.04)
    c.finish(PROXY)


@scenario('said-and-left-in-another-protocol', Expect('ok'), near='client-aborted')
def _(w):
    uploading(w, 900, alpn=('mqtt',)).end_tls()


# ---- windows -----------------------------------------------------------------------------------------------------

@scenario('zero-window-of-client', Expect('receiver-stalled', says=('client',)))
def _(w):
    c = w.talk(proxy='10.3.0.1:8888', client_host={'buffer': 16384})
    c.up(get('http://dl.example.org/a'))
    c.do(c.client.stop_reading)
    c.wait(0.05)
    c.down(answer(200, 'OK', text(90000)))
    c.wait(5)
    c.do(c.client.read_again)
    c.finish()


@scenario('zero-window-of-proxy', Expect('receiver-stalled', says=('proxy',)))
def _(w):
    c = secured(w, proxy='10.60.0.9:8080', rtt=0.06, proxy_host={'buffer': 32768})
    c.do(c.proxy.stop_reading)
    c.up(app(120000))
    c.wait(25)
    c.close(CLIENT)
    c.linger = 5


@scenario('zero-window-for-a-moment', Expect('ok|slow'), near='receiver-stalled')
def _(w):
    c = w.talk(proxy='10.3.0.1:8888', client_host={'buffer': 16384})
    c.up(get('http://dl.example.org/a'))
    c.do(c.client.stop_reading)
    c.wait(0.05)
    c.down(answer(200, 'OK', text(90000)))
    c.wait(0.25)
    c.do(c.client.read_again)
    c.finish()


# ---- uploads --------------------------------------------------------------------------------------------

def half_post(w, **how):
    c = w.talk(**({'proxy': '10.3.0.1:3128'} | how))
    c.up(request('POST', 'http://up.example.org/a', content_length=500000) + text(100000))
    return c


HALF = '100000 of 500000 bytes of the request\'s body'


@scenario('upload-reset-half-way', Expect('proxy-reset|large-segment-reset', says=(HALF,)))
def _(w):
    c = half_post(w)
    c.reset(PROXY, after=0.2)


@scenario('upload-too-large-half-way', Expect('too-large', status=413, says=(HALF,)))
def _(w):
    c = half_post(w)
    c.down(answer(413, 'Content Too Large', connection='close'))
    c.close(PROXY)
    c.reset(CLIENT)


@scenario('upload-left-half-way', Expect('client-aborted', says=(HALF,)))
def _(w):
    c = half_post(w)
    c.wait(2)
    c.close(CLIENT)


@scenario('upload-lost-half-way', Expect('request-lost', says=('the rest of the request', '50000 bytes behind')))
def _(w):
    c = half_post(w)
    dies(c)
    c.up(text(50000))
    c.wait(20)
    c.close(CLIENT)


@scenario('plain-upload-that-proxy-does-not-read', Expect('receiver-stalled', says=('the proxy\'s side', 'to http://up')))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.do(lambda: c.proxy.stop_reading())
    c.up(request('POST', 'http://up.example.org/a', text(500000)))
    c.wait(12)
    c.close(CLIENT)


@scenario('tunnelled-upload-closed', Expect('transfer-truncated', says=('bytes to repo.example.org:443 and 3343 from it',)))
def _(w):
    c = secured(w)
    c.up(app(200000))
    c.close(PROXY, after=0.2)
    c.close(CLIENT)


# ---- loss and time ------------------------------------------------------------------------------------------------

def cites_repairs(evidence: list[dict]) -> bool:
    return 2 <= sum('sent again to repair' in e['what'] for e in evidence) <= 3


@scenario('lossy-download', Expect('lossy', says=('lost and repaired', 'the first of'), evidence=cites_repairs))
def _(w):
    c = secured(w, rtt=0.05)
    c.path.lose_some(0.06, DOWN)
    c.fetch(250000)
    c.end_tls()


@scenario('lossy-upload', Expect('lossy', retrans_up=lambda n: n >= 5))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080', rtt=0.09, client_host={'sack': False})
    c.path.lose_data(UP, 9, 10, 24, 40, 41, 60, 75)
    c.up(request('POST', 'http://up.example.org/a', text(120000)))
    c.down(answer(200, 'OK'))
    c.finish()


@scenario('request-in-tunnel-never-acknowledged', Expect('unclear', says=('not acknowledged to the end',)), near='lossy')
def _(w):
    c = secured(w)
    c.fetch(4000)
    dies(c)
    c.up(app(300))
    c.wait(3)
    c.reset(CLIENT)


@scenario('request-in-tunnel-never-acknowledged-for-long',
          Expect('transfer-stalled', says=('what the client sent last', 'never acknowledged in 9.0 s')), near='lossy')
def _(w):
    c = secured(w)
    c.fetch(4000)
    dies(c)
    c.up(app(300))
    c.wait(9)
    c.reset(CLIENT)


def answer_is_lost(w, size: int):
    """The request passes; the answer, sent whole, does not."""
    c = w.talk(proxy='10.3.0.1:3128', point=PROXY)
    dies(c, 0.012)
    c.up(get('http://dl.example.org/a'))
    c.do(lambda: c.proxy.write(answer(200, 'OK', text(size))), after=0.02)
    return c


@scenario('answer-never-acknowledged-seen-at-proxy', Expect('unclear', says=('the proxy\'s side sent last',)), near='lossy')
def _(w):
    c = answer_is_lost(w, 600)
    c.wait(4)
    c.reset(PROXY)


@scenario('answer-never-acknowledged-for-long-seen-at-proxy',
          Expect('transfer-stalled', stage='transfer', says=('what the proxy\'s side sent last', 'path')), near='lossy')
def _(w):
    c = answer_is_lost(w, 2000)
    c.wait(14)
    c.do(lambda: None)


@scenario('duplicated-only', Expect('ok'), near='lossy')
def _(w):
    c = secured(w)
    c.path.duplicate(0.3)
    c.fetch(90000)
    c.end_tls()


@scenario('slow-answer', Expect('slow', first_byte_ms=lambda ms: ms is None or ms > 3000))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://api.example.com/report'))
    c.down(answer(200, 'OK', text(500), via='1.1 px'), after=6)
    c.finish()


@scenario('slow-connect-answer', Expect('slow', wait_ms=lambda ms: ms > 4000))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080')
    c.tunnel(f'{NAME}:443', after=5)
    c.tls13(NAME)
    c.fetch(9000)
    c.end_tls()


@scenario('slow-first-byte-in-tunnel', Expect('slow', first_byte_ms=lambda ms: ms > 7000))
def _(w):
    c = secured(w)
    c.fetch(9000, think=8)
    c.end_tls()


@scenario('brisk', Expect('ok'), near='slow')
def _(w):
    c = w.talk(proxy='10.60.0.9:8080', rtt=0.06)
    c.tunnel(f'{NAME}:443', after=0.35)
    c.tls13(NAME, think=0.2)
    c.fetch(90000, think=0.5)
    c.end_tls()


# ---- heads that are not by the letter ---------------------------------------------------------------

def with_head(w, *lines: bytes, first: str = PROXY):
    c = w.talk()
    c.up(get('http://old.example.org/a'))
    c.down(b'\r\n'.join((b'HTTP/1.1 200 OK', *lines, b'', b'')) + text(500))
    c.finish(first)


@scenario('folded-fields', Expect('ok'), near='transfer-truncated')
def _(w):
    with_head(w, b'Via: 1.0 old,', b' 1.1 older', b'Content-Length: 500')


@scenario('a-line-that-is-no-field', Expect('ok'), near='client-aborted')
def _(w):
    with_head(w, b'no field at all', b' and more of it', b'Content-Length: 500', first=CLIENT)


@scenario('a-length-that-is-no-number', Expect('unclear', says=('the head of the answer',)), near='transfer-truncated')
def _(w):
    with_head(w, b'Content-Length: 500b')


@scenario('a-head-that-is-too-long', Expect('unclear', says=('too long',)), near='client-aborted')
def _(w):
    with_head(w, b'X-Long: ' + b'y' * 70000, b'Content-Length: 500', first=CLIENT)
