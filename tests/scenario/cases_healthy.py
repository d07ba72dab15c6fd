"""What works, and must be said to work; what is no proxy's traffic, and must not be spoken of."""

import speech
from builder import CLIENT, PROXY
from packets import ACK, FIN, Segment
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, app, chunked, connect, get, page, request, text

FINE = 'ok|lossy|slow'


# ---- tunnels ------------------------------------------------------------------------------------

@scenario('tunnel-tls13', Expect('ok', status=200, sni='repo.example.org', tls='1.3', method='CONNECT',
                                 target='repo.example.org:443', closed_by='client', close='fin'))
def _(w):
    c = w.talk(proxy='10.10.20.5:8080', rtt=0.035)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(60000)
    c.end_tls()


@scenario('tunnel-tls12', Expect('ok', status=200, sni='repo.example.org', tls='1.2'))
def _(w):
    c = w.talk(proxy='172.16.4.4:9090', rtt=0.008)
    c.tunnel('repo.example.org:443', agent='libfetch/2.0')
    c.tls12('repo.example.org')
    c.fetch(25000)
    c.end_tls(version=speech.TLS12)


@scenario('tunnel-post-quantum-hello', Expect('ok', sni='pq.example.org', tls='1.3'))
def _(w):
    c = w.talk(proxy='10.10.20.5:8080', rtt=0.05)
    c.tunnel('pq.example.org:443', reply=speech.established('Connection Established', proxy_agent='Apache/2.4.62'))
    c.tls13('pq.example.org', quantum=True)
    c.fetch(8000)
    c.end_tls()


@scenario('tunnel-without-timestamps', Expect('ok', status=200))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', client_host={'stamps': False, 'sack': False, 'scale': -1},
               proxy_host={'mss': 1300})
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(90000)
    c.end_tls()


@scenario('tunnel-sequence-wrap', Expect('ok', status=200))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', client_host={'isn': 0xffffff00}, proxy_host={'isn': 0xffffa000})
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(60000)
    c.end_tls()


@scenario('tunnel-proxy-closes-first', Expect('ok', closed_by='proxy'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.end_tls(PROXY)


@scenario('tunnel-fin-without-close-notify', Expect('ok'), near='transfer-truncated')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.finish(CLIENT)


@scenario('tunnel-simultaneous-close', Expect('ok'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', rtt=0.08)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.up(speech.close_notify())
    c.close(CLIENT)
    c.wait(0.001)
    c.close(PROXY)


@scenario('tunnel-idle-with-keepalives', Expect(FINE), near='transfer-stalled')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', client_host={'keepalive': 15.0})
    c.tunnel('push.example.org:443')
    c.tls13('push.example.org')
    c.fetch(5000)
    c.wait(100)
    c.fetch(800)
    c.end_tls()


@scenario('tunnel-idle-with-keepalives-of-a-byte', Expect(FINE), near='lossy')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', proxy_host={'keepalive': 12.0, 'keepalive_byte': b'\0', 'stamps': False})
    c.tunnel('push.example.org:443')
    c.tls12('push.example.org')
    c.fetch(5000)
    c.wait(70)
    c.end_tls(version=speech.TLS12)


@scenario('tunnel-still-open', Expect('open'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', client_host={'keepalive': 10.0})
    c.tunnel('push.example.org:443')
    c.tls13('push.example.org')
    c.fetch(5000)
    c.wait(35)
    c.fetch(900)


@scenario('capture-ends-in-handshake', Expect('open'), near='tls-silent')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org'))
    c.linger = 0.3


@scenario('capture-ends-before-answer', Expect('open'), near='proxy-silent')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.up(connect('repo.example.org:443'))
    c.linger = 1.5


@scenario('capture-ends-in-download', Expect('open'), near='transfer-truncated')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.path.far.rate = 40e3
    c.up(get('http://dl.example.org/image.iso'))
    c.down(answer(200, 'OK', text(200000)))
    w.ends_at = 3.0


# ---- tunnels that end in their own ways -------------------------------------------------------------

def fetched(w, **how):
    c = w.talk(**({'proxy': '10.10.20.5:3128'} | how))
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    return c


@scenario('tunnel-client-resets-when-done', Expect('ok'), near='client-aborted')
def _(w):
    c = fetched(w)
    c.up(speech.close_notify())
    c.reset(CLIENT)


@scenario('tunnel-ticket-after-close', Expect('ok'), near='transfer-reset')
def _(w):
    c = fetched(w, rtt=0.09)
    c.up(speech.close_notify())
    c.close(CLIENT)
    c.wait(0.01)
    c.down(app(240))
    c.close(PROXY)


# What browsers make in advance, and nobody needs in the end.
def in_advance(w, tickets: bytes = b'', **how):
    c = w.talk(**({'proxy': '10.3.0.1:3128'} | how))
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    if tickets:
        c.down(tickets, after=0.001)
    return c


@scenario('tunnel-in-advance-left', Expect('ok'), near='transfer-stalled')
def _(w):
    in_advance(w, app(250, seed=5) + app(250, seed=6)).finish(CLIENT, after=18)


@scenario('tunnel-in-advance-left-soon', Expect('ok'), near='client-aborted')
def _(w):
    in_advance(w).finish(CLIENT, after=2)


@scenario('tunnel-in-advance-closed-by-the-origin', Expect('ok'), near='tls-closed')
def _(w):
    in_advance(w, app(250, seed=5) + app(250, seed=6), rtt=0.15).finish(PROXY, after=60)


@scenario('tunnel-in-advance-reset-by-the-proxy', Expect('ok'), near='tls-reset')
def _(w):
    in_advance(w).reset(PROXY, after=90)


# Whether more was to come, nobody can tell from outside the encryption.
@scenario('tunnel-idle-closed-by-proxy', Expect('ok|unclear|transfer-stalled'))
def _(w):
    c = fetched(w)
    c.finish(PROXY, after=300)


@scenario('tunnel-idle-reset-by-proxy', Expect('ok|unclear|transfer-stalled'), near='transfer-reset')
def _(w):
    c = fetched(w)
    c.reset(PROXY, after=300)


@scenario('tunnel-fin-lost-and-sent-again', Expect('ok'), near='lossy')
def _(w):
    c = fetched(w)
    times = []
    c.path.lose(DOWN, lambda seg: bool(seg.flags & 1) and not times and not times.append(1))
    c.end_tls()


# ---- handshakes of all kinds -------------------------------------------------------------------------

@scenario('tls-hello-retry', Expect('ok', tls='1.3', sni='repo.example.org'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org'))
    c.down(speech.retry_request())
    c.tls13('repo.example.org')
    c.fetch(9000)
    c.end_tls()


@scenario('tls-hello-in-small-records', Expect('ok', tls='1.3', sni='repo.example.org'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.in_records(speech.client_hello('repo.example.org'), 100))
    c.down(speech.flight13())
    c.up(speech.finished13())
    c.fetch(9000)
    c.end_tls()


@scenario('tls-hello-byte-by-byte', Expect('ok|slow', sni='repo.example.org'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', rtt=0.002)
    c.tunnel('repo.example.org:443')
    hello = speech.client_hello('repo.example.org', pad=0)
    for at in range(0, len(hello), 40):
        c.up(hello[at:at + 40])
    c.down(speech.flight13())
    c.up(speech.finished13())
    c.fetch(9000)
    c.end_tls()


@scenario('tls12-resumed', Expect('ok', tls='1.2'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org', best=speech.TLS12))
    c.down(speech.record(22, speech.server_hello(speech.TLS12)) + speech.finished12(False))
    c.up(speech.finished12(False))
    c.fetch(9000)
    c.end_tls(version=speech.TLS12)


@scenario('post-quantum-second-segment-lost-once', Expect(FINE), near='mtu-black-hole')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.path.lose_data(UP, 3)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org', quantum=True)
    c.fetch(9000)
    c.end_tls()


@scenario('established-with-length-and-chunks', Expect('ok', status=200, sni='repo.example.org'))
def _(w):
    """A 2xx to CONNECT has no body, whatever its head says (RFC 9110 section 9.3.6)."""
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443', reply=answer(200, 'OK', content_length=1000, transfer_encoding='chunked'))
    c.tls13('repo.example.org')
    c.fetch(9000)
    c.end_tls()


# ---- what tunnels carry besides TLS ---------------------------------------------------------------

@scenario('tunnel-ssh', Expect('ok', target='git.example.org:22'), near='not-tls')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('git.example.org:22')
    c.down(b'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n')
    c.up(b'SSH-2.0-OpenSSH_9.6\r\n')
    c.up(speech.ssh_key_exchange())
    c.down(speech.ssh_key_exchange())
    c.up(speech.noise(48, 3))
    c.down(speech.noise(9000, 4))
    c.finish()


@scenario('tunnel-smtp', Expect('ok', target='mail.example.org:25'), near='not-a-proxy')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('mail.example.org:25')
    c.down(b'220 mail.example.org ESMTP Postfix\r\n')
    c.up(b'EHLO build7.example.net\r\n')
    c.down(b'250-mail.example.org\r\n250 SIZE 20480000\r\n')
    c.up(b'QUIT\r\n')
    c.down(b'221 2.0.0 Bye\r\n')
    c.finish(PROXY)


@scenario('tunnel-banner-with-the-200', Expect('ok', target='mail.example.org:25'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('mail.example.org:25', reply=speech.established() + b'220 mail.example.org ESMTP Postfix\r\n')
    c.up(b'QUIT\r\n')
    c.down(b'221 2.0.0 Bye\r\n')
    c.finish(PROXY)


@scenario('tunnel-never-used', Expect('ok|client-aborted', target='repo.example.org:443'), near='transfer-stalled')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('repo.example.org:443')
    c.finish(CLIENT, after=1)


@scenario('tunnel-plain-http', Expect('ok', target='mirror.example.org:80'))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('mirror.example.org:80')
    c.up(request('GET', '/dists/stable/Release', host='mirror.example.org'))
    c.down(answer(200, 'OK', text(20000)))
    c.finish()


@scenario('tunnel-client-half-close', Expect('ok'), near='client-aborted')
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.tunnel('finger.example.org:79')
    c.up(b'someone\r\n')
    c.shut(CLIENT)
    c.down(text(12000), after=0.2)
    c.close(PROXY)


@scenario('websocket', Expect('ok', status=101))
def _(w):
    c = w.talk(proxy='10.10.20.5:8080')
    c.up(get('http://ws.example.org/chat', connection='Upgrade', upgrade='websocket',
             sec_websocket_version='13', sec_websocket_key='dGhlIHNhbXBsZSBub25jZQ=='))
    c.down(answer(101, 'Switching Protocols', content_length=None, connection='Upgrade', upgrade='websocket',
                  sec_websocket_accept='s3pPLMBiTxaQ9kYGzzhZRbK+xOo='))
    c.up(b'\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58')
    c.down(b'\x81\x05Hello', after=2)
    c.up(b'\x88\x80\0\0\0\0')
    c.down(b'\x88\x00')
    c.finish(PROXY)


# ---- plain requests -------------------------------------------------------------------------------

@scenario('get', Expect('ok', status=200, method='GET', target='http://deb.example.org/pool/a.deb'))
def _(w):
    c = w.talk(proxy='10.1.1.9:8118', rtt=0.004, proxy_host={'mss': 1300})
    c.up(get('http://deb.example.org/pool/a.deb'))
    c.down(answer(200, 'OK', text(48000), via='1.1 cache7 (squid/6.6)'), after=0.05)
    c.finish()


@scenario('get-chunked', Expect('ok', status=200))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/list'))
    c.down(answer(200, 'OK', content_length=None, transfer_encoding='chunked', via='1.1 px'))
    c.down(chunked(text(20000)), after=0.02)
    c.finish()


@scenario('get-until-close', Expect('ok', status=200), near='transfer-truncated')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://old.example.org/cgi'))
    c.down(answer(200, 'OK', text(15000), version='1.0', content_length=None, connection='close'))
    c.finish(PROXY)


@scenario('head-and-no-body', Expect('ok', method='HEAD', status=200), near='transfer-truncated')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(request('HEAD', 'http://dl.example.org/big.iso'))
    c.down(answer(200, 'OK', content_length=734003200, via='1.1 px'))
    c.finish()


@scenario('early-hints', Expect('ok', status=200))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(103, 'Early Hints', content_length=None, link='</a.css>; rel=preload'))
    c.down(answer(200, 'OK', text(5000)), after=0.3)
    c.finish()


@scenario('keep-alive-reset-when-idle', Expect('ok'), near='transfer-reset')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(5000)))
    c.reset(PROXY, after=90)


@scenario('trickle', Expect('ok|slow'), near='transfer-stalled')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', content_length=30000))
    for _ in range(30):
        c.down(text(1000), after=2)
    c.finish()


@scenario('upload-only', Expect('ok', method='PUT', status=204))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128', rtt=0.06)
    c.up(request('PUT', 'http://up.example.org/a', text(150000)))
    c.down(answer(204, 'No Content', content_length=None), after=0.2)
    c.finish()


@scenario('keep-alive-four', Expect('ok', status=200), Expect('ok', status=304),
          Expect('ok', status=302), Expect('ok', status=204))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    for n, (status, reason, size) in enumerate([(200, 'OK', 5000), (304, 'Not Modified', None),
                                                (302, 'Found', 0), (204, 'No Content', None)]):
        c.up(get(f'http://deb.example.org/{n}'), after=0.3)
        c.down(answer(status, reason, text(size or 0), **({'content_length': None} if size is None else {})))
    c.finish(PROXY, after=4)


@scenario('pipelined-three', Expect('ok'), Expect('ok'), Expect('ok'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(b''.join(get(f'http://deb.example.org/{n}') for n in range(3)))
    for n in range(3):
        c.down(answer(200, 'OK', text(3000 + n)))
    c.finish()


@scenario('post-100-continue', Expect('ok', method='POST', status=201))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(request('POST', 'http://up.example.org/a', content_length=24000, expect='100-continue'))
    c.down(b'HTTP/1.1 100 Continue\r\n\r\n')
    c.up(text(24000))
    c.down(answer(201, 'Created'))
    c.finish()


@scenario('established-byte-by-byte', Expect('ok', status=200))
def _(w):
    c = w.talk(proxy='10.1.1.9:9010')
    c.up(connect('repo.example.org:443'))
    for byte in speech.established('OK', version='1.0'):
        c.down(bytes([byte]), after=0.02)
    c.tls13('repo.example.org')
    c.fetch(4000)
    c.end_tls()


@scenario('long-head-to-ipv6-literal', Expect('ok', target='[2001:db8:5::80]:443'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('[2001:db8:5::80]:443', minor=0, cookie='a' * 3800)
    c.tls13(None)
    c.fetch(4000)
    c.end_tls()


@scenario('password-in-url', Expect('ok', target=lambda t: 'secret' not in t))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://alice:secret@dl.example.org/a'))
    c.down(answer(200, 'OK', text(2000)))
    c.finish()


@scenario('two-at-once', Expect('ok', target='a.example.org:443'), Expect('ok', target='b.example.org:443'))
def _(w):
    for name, at in (('a', 0.0), ('b', 0.01)):
        c = w.talk(proxy='10.1.1.9:3128', at=at)
        c.tunnel(f'{name}.example.org:443')
        c.tls13(f'{name}.example.org')
        c.fetch(20000)
        c.end_tls()


@scenario('port-reused', Expect('ok'), Expect('ok'))
def _(w):
    for at in (0.0, 70.0):
        c = w.talk(proxy='10.1.1.9:3128', at=at, client_port=40222)
        c.up(get('http://deb.example.org/a'))
        c.down(answer(200, 'OK', text(2000)))
        c.finish()


@scenario('clock-set-back', Expect(FINE))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(40000)), after=0.4)
    c.finish()
    w.jump_clock = (0.2, -3600)


@scenario('request-retried-on-new-connection', Expect('challenged', status=407, link=2),
          Expect('ok', status=200, link=1))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(connect('repo.example.org:443'))
    c.down(answer(407, 'Proxy Authentication Required', proxy_authenticate='Basic realm="px"', connection='close'))
    c.finish(PROXY)
    d = w.talk(proxy='10.1.1.9:3128', at=0.2)
    d.tunnel('repo.example.org:443', proxy_authorization='Basic dXNlcjpzZWNyZXQ=')
    d.tls13('repo.example.org')
    d.fetch(3000)
    d.end_tls()


@scenario('connection-opened-and-never-used', Expect('ok'), near='proxy-closed')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(2000)))
    c.finish()
    d = w.talk(proxy='10.1.1.9:3128', at=1)
    d.do(lambda: None)
    d.finish(CLIENT, after=5)


# ---- paths that are far from perfect --------------------------------------------------------------

@scenario('offload', Expect('ok'), near='mtu-black-hole')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org', quantum=True)
    c.up(app(40000, seed=5))
    c.down(app(150000, seed=6))
    c.end_tls()
    w.offload = True


@scenario('slow-line-40-kilobytes', Expect('ok|slow'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.path.far.rate = 40e3
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(150000)
    c.end_tls()


@scenario('satellite', Expect('ok|slow'), near='slow')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128', rtt=0.3)
    c.tunnel('repo.example.org:443', after=0.3)
    c.tls13('repo.example.org', think=0.3)
    c.fetch(80000, think=0.3)
    c.end_tls()


@scenario('reordered-and-duplicated', Expect('ok|lossy'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128', rtt=0.03)
    c.path.reorder(0.08, 0.002)
    c.path.duplicate(0.05)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(120000)
    c.end_tls()


def rough(seed: int):
    def script(w):
        r = w.random
        c = w.talk(proxy=f'10.1.{seed}.9:{r.choice([3128, 8080, 80, 8888, 9400])}',
                   rtt=r.choice([0.002, 0.03, 0.12, 0.3]),
                   client_host={'stamps': r.random() < 0.7, 'sack': r.random() < 0.8},
                   proxy_host={'mss': r.choice([0, 1300, 1380, 536])})
        c.path.lose_some(0.02)
        c.path.reorder(r.choice([0, 0.03]), 0.004)
        c.path.duplicate(r.choice([0, 0.02]))
        c.path.far.rate = r.choice([40e3, 400e3, 12e6])
        if r.random() < 0.3:
            c.up(get('http://deb.example.org/a'))
            c.down(answer(200, 'OK', text(r.randrange(1000, 150000))))
            c.finish()
            return
        c.tunnel('repo.example.org:443')
        r.choice([c.tls13, c.tls12])('repo.example.org')
        for _ in range(r.randrange(1, 4)):
            c.up(app(r.randrange(100, 40000)))
            c.down(app(r.randrange(100, 60000)))
        c.finish() if r.random() < 0.5 else c.end_tls()
    return script


for number in range(1, 61):
    scenario(f'rough-{number}', Expect(FINE), variants=number <= 4)(rough(number))


@scenario('path-mtu-found-by-probing', Expect(FINE), near='mtu-black-hole')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.path.lose_larger(DOWN, 1400)
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org'))
    c.down(speech.flight13())
    c.wait(1.2)
    c.do(lambda: c.proxy.icmp_too_big(1276))        # as RFC 4821 does of its own accord
    c.wait(0.5)
    c.up(speech.finished13())
    c.fetch(40000)
    c.end_tls()


@scenario('icmp-of-other-connections', Expect('ok'), near='mtu-signalled')
def _(w):
    old = w.talk(proxy='203.0.113.9:443', at=0.1)
    old.path.unreachable('port', '203.0.113.1' if w.family == 4 else '2001:db8::1')
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(9000)), after=0.5)
    c.finish()


# ---- no proxy -------------------------------------------------------------------------------------

@scenario('web-server-407', near='challenged')
def _(w):
    c = w.talk(proxy='203.0.113.80:80')
    c.up(request('GET', '/private', host='www.example.org'))
    c.down(answer(407, 'Proxy Authentication Required', proxy_authenticate='Basic realm="odd"'))
    c.finish()


@scenario('direct-https')
def _(w):
    c = w.talk(proxy='203.0.113.80:443')
    c.tls13('www.example.org')
    c.fetch(20000)
    c.end_tls()


@scenario('direct-http')
def _(w):
    c = w.talk(proxy='203.0.113.80:8080')
    c.up(request('GET', '/index.html', host='www.example.org:8080'))
    c.down(answer(200, 'OK', text(5000)))
    c.finish()


@scenario('direct-ssh-and-smtp')
def _(w):
    c = w.talk(proxy='203.0.113.22:22')
    c.down(b'SSH-2.0-OpenSSH_9.2\r\n')
    c.up(b'SSH-2.0-OpenSSH_9.6\r\n')
    c.up(speech.noise(1300, 1))
    c.reset(PROXY)
    d = w.talk(proxy='203.0.113.25:25', at=0.3)
    d.down(b'220 mail ESMTP\r\n')
    d.up(b'QUIT\r\n')
    d.finish(PROXY)


@scenario('other-hosts-refuse', Expect('ok'), near='proxy-refused')
def _(w):
    w.talk(proxy='203.0.113.25:25', proxy_host={'listens': 'closed'}, at=0.5)
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(2000)))
    c.finish()


# ---- on the proxy's own host: both its legs -------------------------------------------------------

@scenario('at-proxy-both-legs', Expect('ok', target='repo.example.org:443'))
def _(w):
    c = w.talk(point=PROXY)
    c.tunnel('repo.example.org:443', after=0.05)
    c.tls13('repo.example.org', think=0.03)
    c.fetch(30000)
    c.end_tls()
    o = w.talk(client='10.10.20.5', proxy='203.0.113.80:443', at=0.02)
    o.tls13('repo.example.org', think=0.01)
    o.fetch(30000)
    o.end_tls()


@scenario('at-proxy-with-parent', Expect('ok'), Expect('ok'))
def _(w):
    c = w.talk(point=PROXY)
    c.tunnel('repo.example.org:443', after=0.08)
    c.tls13('repo.example.org', think=0.05)
    c.fetch(9000)
    c.end_tls()
    o = w.talk(client='10.10.20.5', proxy='10.99.0.2:8080', at=0.02)
    o.tunnel('repo.example.org:443')
    o.tls13('repo.example.org')
    o.fetch(9000)
    o.end_tls()


# ---- what the capture lacks -----------------------------------------------------------------------

@scenario('capture-loses-packets', Expect('ok|lossy|unclear', severity=lambda s: s != 'failure'), near='lossy')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(90000)
    c.end_tls()
    w.lose_frames = lambda number, packet: number in (31, 32, 40, 47, 48, 49)


@scenario('capture-loses-large-packets', Expect('ok|unclear'), near='mtu-black-hole')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.end_tls()
    w.lose_frames = lambda number, packet: packet.size() > 1400


@scenario('capture-begins-in-tunnel', Expect('unclear'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.fetch(30000)
    c.end_tls()
    w.starts_at = 0.2
    w.name_proxy('10.1.1.9:3128')


@scenario('capture-has-answers-only', Expect('unclear'))
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.end_tls()
    w.one_way = DOWN
    w.name_proxy('10.1.1.9:3128')


@scenario('capture-has-requests-only', Expect('unclear', target='repo.example.org:443'), near='proxy-silent')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(30000)
    c.end_tls()
    w.one_way = UP


@scenario('capture-begins-with-request', Expect('ok'), near='unclear')
def _(w):
    c = w.talk(proxy='10.1.1.9:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(20000)))
    c.finish()
    w.lose_frames = lambda number, packet: number <= 3


# ---- packets that the capture lost, and no path ----------------------------------------------------------

def lacks(w, picks):
    """The capture lacks the segments that it picks, by who sent them and what they are."""
    w.lose_frames = lambda n, what: isinstance(what, Segment) and picks(what.dport == 3128, what)


@scenario('gap-hides-who-closed-first', Expect('tls-silent', closed_by='client'), near='tls-closed', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org'))
    c.wait(9)
    c.close(CLIENT)
    c.close(PROXY)
    lacks(w, lambda up, seg: up and seg.flags & FIN)


@scenario('gap-hides-the-answer-and-its-acknowledgement', Expect('unclear'), near='proxy-closed', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(speech.connect('repo.example.org:443'))
    c.down(answer(503, 'Service Unavailable', page('no way'), connection='close'))
    c.close(PROXY)
    c.reset(CLIENT)
    lacks(w, lambda up, seg: not up and seg.payload or up and seg.flags == ACK)


@scenario('gap-hides-the-clients-finished', Expect('unclear'), near='client-aborted', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(500)
    c.end_tls()
    lacks(w, lambda up, seg: up and 50 < len(seg.payload) < 300 and not seg.payload.startswith(b'CONNECT'))


@scenario('gap-hides-the-hello', Expect('unclear'), near='transfer-truncated', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel('repo.example.org:443')
    c.up(speech.client_hello('repo.example.org'))
    c.finish(PROXY)
    lacks(w, lambda up, seg: up and len(seg.payload) > 300)


@scenario('gap-in-a-head-that-dribbles', Expect('ok|unclear'), near='not-tls', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(speech.connect('repo.example.org:443'))
    for byte in speech.established():
        c.down(bytes((byte,)), after=0.01)
    c.tls13('repo.example.org')
    c.fetch(500)
    c.end_tls()
    lost = iter([False] * 20 + [True] + [False] * 400)
    lacks(w, lambda up, seg: not up and len(seg.payload) == 1 and next(lost))


@scenario('gap-in-an-upload-that-its-client-leaves', Expect('unclear|client-aborted'), near='proxy-silent', variants=False)
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(request('POST', 'http://up.example.org/a', content_length=90000) + text(30000))
    c.wait(2)
    c.close(CLIENT)
    lacks(w, lambda up, seg: up and 0 < len(seg.payload) < 1400)


# Every repetition came, and the receiver says so of each.
@scenario('sent-thrice-for-a-delay', Expect('slow', retrans_up=3), near='lossy')
def _(w):
    c = w.talk()
    c.path.rule(lambda seg, up: [(1.8, seg)] if up and seg.payload else None)
    c.up(request('POST', 'http://up.example.org/x', bytes(900)))
    c.down(answer(201, 'Created'))
    c.finish()
    c.linger = 4
