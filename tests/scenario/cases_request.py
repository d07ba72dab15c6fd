"""The proxy's answer to the request, or none."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, connect, get, page, request, text


def refusal(w, ask: bytes, reply: bytes, proxy: str = '10.3.0.1:3128', after: float = 0.02, first: str = PROXY):
    """A request, an answer, and FINs."""
    c = w.talk(proxy=proxy)
    c.up(ask)
    c.down(reply, after=after)
    c.finish(first)
    return c


def squid(status: int, reason: str, error: str, **more) -> bytes:
    more.setdefault('connection', 'close')
    return answer(status, reason, page('ERROR: The requested URL could not be retrieved', error, 3000),
                  server='squid/6.10', mime_version='1.0', content_type='text/html;charset=utf-8',
                  x_squid_error=f'{error} 0', via='1.1 gw3 (squid/6.10)', **more)


# ---- TLS or SOCKS to the port of a plain proxy ----------------------------------------------------------

PLAIN = '10.3.0.1:3128'
HELLO = speech.client_hello('gw3.example.net')
SOCKS5 = bytes((5, 2, 0, 2))
SOCKS4A = b'\x04\x01' + (443).to_bytes(2, 'big') + b'\0\0\0\x01me\0repo.example.org\0'


def known(w, start: bytes, reply: bytes = b'', end: str = PROXY):
    """Behind a request that shows what the port is."""
    c = w.talk(proxy=PLAIN)
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(900)))
    c.finish()
    c = w.talk(proxy=PLAIN, at=3)
    c.up(start)
    if reply:
        c.down(reply)
    c.finish(end, after=0.01)


MALFORMED = squid(400, 'Bad Request', 'ERR_INVALID_REQ')


@scenario('tls-to-a-plain-proxy', Expect('ok'), Expect('not-tls', stage='tls', status=400, confidence='high',
                                                        says=('clienthello was answered in http', 'set the proxy as http://')))
def _(w):
    known(w, HELLO, MALFORMED)


@scenario('tls-to-a-plain-proxy-that-closes', Expect('ok'), Expect('tls-closed', stage='tls', confidence='medium'))
def _(w):
    known(w, HELLO)


@scenario('tls-to-a-plain-proxy-that-was-named', Expect('not-tls', stage='tls'), near='bad-request')
def _(w):
    w.name_proxy(PLAIN)
    c = w.talk(proxy=PLAIN)
    c.up(HELLO)
    c.down(MALFORMED)
    c.finish(PROXY)


@scenario('tls-to-a-port-that-nothing-is-known-of', near='not-tls', variants=False)
def _(w):
    c = w.talk(proxy=PLAIN)
    c.up(HELLO)
    c.down(MALFORMED)
    c.finish(PROXY)


@scenario('tls-to-a-proxy-that-speaks-both', Expect('ok'), near='not-tls')
def _(w):
    known(w, HELLO, speech.flight13())


@scenario('tls-to-a-plain-proxy-client-leaves', Expect('ok'), near='tls-closed')
def _(w):
    known(w, HELLO, end=CLIENT)


@scenario('socks5-to-a-plain-proxy', Expect('ok'), Expect('bad-request', stage='request', status=400, says=('spoke socks',)))
def _(w):
    known(w, SOCKS5, MALFORMED)


@scenario('socks4a-to-a-plain-proxy', Expect('ok'), Expect('bad-request', says=('http://',)), near='proxy-closed')
def _(w):
    known(w, SOCKS4A, MALFORMED)


@scenario('socks5-to-a-plain-proxy-that-closes', Expect('ok'), Expect('proxy-closed', says=('spoke socks',)))
def _(w):
    known(w, SOCKS5)


@scenario('socks5-to-a-proxy-that-speaks-both', Expect('ok'), near='bad-request')
def _(w):
    known(w, SOCKS5, bytes((5, 0)))


# ---- no answer ------------------------------------------------------------------------------------

@scenario('connect-reset', Expect('proxy-reset', stage='request', close='rst', closed_by='proxy'))
def _(w):
    c = w.talk(proxy='10.3.0.1:8888')
    c.up(connect('repo.example.org:443'))
    c.reset(PROXY, after=0.3)


@scenario('get-reset-by-box', Expect('proxy-reset'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', rtt=0.11)
    c.path.reset_when(UP, lambda seg: bool(seg.payload))
    c.up(get('http://games.example.net/'))
    c.wait(1)
    c.do(lambda: None)


@scenario('reset-after-complete-answer', Expect('ok'), near='proxy-reset')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(9000), connection='close'))
    c.reset(PROXY)


@scenario('denied-then-reset', Expect('denied', status=403), near='proxy-reset')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('ads.example.net:443'))
    c.down(squid(403, 'Forbidden', 'ERR_ACCESS_DENIED'))
    c.reset(CLIENT)


@scenario('connect-closed', Expect('proxy-closed', stage='request', close='fin'))
def _(w):
    c = w.talk(proxy='10.3.0.1:8118')
    c.up(connect('repo.example.org:443'))
    c.finish(PROXY, after=0.05)


@scenario('get-closed-after-half-a-minute', Expect('proxy-closed'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://deb.example.org/a'))
    c.finish(PROXY, after=30)


@scenario('keep-alive-closed-when-idle', Expect('ok'), near='proxy-closed')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(900)))
    c.finish(PROXY, after=60)


@scenario('connect-never-answered', Expect('proxy-silent', stage='request'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('repo.example.org:443'))
    c.wait(15)
    c.finish()


@scenario('get-never-answered-capture-ends', Expect('proxy-silent'), near='open')
def _(w):
    c = w.talk(proxy='10.3.0.1:8080', client_host={'keepalive': 20.0})
    c.up(get('http://deb.example.org/a'))
    c.linger = 45


@scenario('answer-filtered-on-the-way', Expect('proxy-silent', confidence='medium', says=('39 bytes', 'firewall')))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.lose(DOWN, lambda seg: bool(seg.payload))
    c.up(connect('repo.example.org:443'))
    c.down(speech.established())
    c.wait(9)
    c.close(CLIENT)


@scenario('connect-answered-after-12-s', Expect('slow', status=200), near='proxy-silent')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel('repo.example.org:443', after=12)
    c.tls13('repo.example.org')
    c.fetch(4000)
    c.end_tls()


@scenario('request-lost-to-the-end', Expect('request-lost'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.lose(UP, lambda seg: bool(seg.payload))
    c.up(connect('repo.example.org:443'))
    c.wait(10)
    c.close(CLIENT)
    c.linger = 4


@scenario('get-lost-with-the-path', Expect('request-lost'))
def _(w):
    c = w.talk(proxy='10.3.0.1:9090', rtt=0.06)
    c.path.cut(c.start + 1.0)
    c.up(get('http://deb.example.org/a'), after=2)
    c.wait(20)
    c.do(lambda: None)


@scenario('request-lost-twice', Expect('ok|lossy|slow'), near='request-lost')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.lose_data(UP, 1, 2)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(4000)
    c.end_tls()


# ---- on the proxy's own host: what its leg to the origin has to say ----------------------------------

@scenario('at-proxy-origin-refuses', Expect('unavailable', status=503), near='proxy-refused')
def _(w):
    c = w.talk(point=PROXY)
    c.up(connect('repo.example.org:443'))
    c.down(squid(503, 'Service Unavailable', 'ERR_CONNECT_FAIL 111'), after=0.06)
    c.finish(PROXY)
    w.talk(client='10.10.20.5', proxy='203.0.113.80:443', at=0.05, rtt=0.03, proxy_host={'listens': 'closed'})


@scenario('at-proxy-origin-unanswered', Expect('gateway-timeout', status=504), near='proxy-unreachable')
def _(w):
    c = w.talk(point=PROXY)
    c.up(get('http://repo.example.org/'))
    c.down(squid(504, 'Gateway Timeout', 'ERR_CONNECT_FAIL 110'), after=8)
    c.finish(PROXY)
    o = w.talk(client='10.10.20.5', proxy='203.0.113.80:80', at=0.05, proxy_host={'listens': 'silent'})
    o.linger = 9


# ---- not a proxy ----------------------------------------------------------------------------------

@scenario('ssh-instead-of-a-proxy', Expect('not-a-proxy', says=('SSH',)))
def _(w):
    c = w.talk(proxy='10.3.0.1:2222')
    c.down(b'SSH-2.0-dropbear_2022.83\r\n')
    c.up(connect('repo.example.org:443'))
    c.finish(PROXY)


@scenario('tls-instead-of-a-proxy', Expect('not-a-proxy', says=('TLS',)))
def _(w):
    refusal(w, connect('repo.example.org:443'), speech.alert(10), proxy='10.3.0.1:443')


@scenario('smtp-instead-of-a-proxy', Expect('not-a-proxy', says=('SMTP',)))
def _(w):
    c = w.talk(proxy='10.3.0.1:8025')
    c.up(connect('repo.example.org:443'))
    c.down(b'220 relay.example.net ESMTP Exim 4.97\r\n', after=0.1)
    c.down(b'500 unrecognized command\r\n')
    c.finish()


@scenario('plain-words-to-a-tls-port-of-nginx', Expect('not-a-proxy', says=('https://10.3.0.1',)))
def _(w):
    title = '400 The plain HTTP request was sent to HTTPS port'
    refusal(w, connect('repo.example.org:443'),
            answer(400, 'Bad Request', page(title), server='nginx/1.22.1', content_type='text/html', connection='close'))


@scenario('plain-words-to-a-tls-port-of-go', Expect('bad-request', says=('https://10.3.0.1',)))
def _(w):
    refusal(w, get('http://deb.example.org/a'),
            answer(400, 'Bad Request', b'Client sent an HTTP request to an HTTPS server.\n', version='1.0',
                   content_length=None))


@scenario('web-server-refuses-connect', Expect('not-a-proxy'))
def _(w):
    reply = answer(405, 'Not Allowed', b'<html><head><title>405 Not Allowed</title></head><body><center>'
                   b'<h1>405 Not Allowed</h1></center><hr><center>nginx/1.24.0</center></body></html>',
                   server='nginx/1.24.0', content_type='text/html')
    refusal(w, connect('repo.example.org:443'), reply, proxy='10.3.0.1:80')


@scenario('origin-nginx-behind-a-proxy', Expect('ok', status=200), near='not-a-proxy')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://www.example.org/'))
    c.down(answer(200, 'OK', text(700), server='nginx/1.24.0', via='1.1 tinyproxy (tinyproxy/1.11.1)'))
    c.finish()


# ---- access -------------------------------------------------------------------------------------

@scenario('denied-squid', Expect('denied', status=403, product=lambda p: 'squid' in (p or '').lower()))
def _(w):
    refusal(w, connect('ads.example.net:443'), squid(403, 'Forbidden', 'ERR_ACCESS_DENIED'))


@scenario('denied-tinyproxy', Expect('denied', status=403, reason='Filtered'))
def _(w):
    reply = answer(403, 'Filtered', page('403 Filtered'), version='1.0', server='tinyproxy/1.11.1',
                   content_type='text/html', connection='close', content_length=None)
    refusal(w, connect('ads.example.net:443'), reply, proxy='10.3.0.1:8888')


@scenario('denied-451-get', Expect('denied', status=451))
def _(w):
    reply = answer(451, 'Unavailable For Legal Reasons', page('Blocked', 'By order of the court.'), via='1.1 wsa')
    refusal(w, get('http://banned.example.net/'), reply, proxy='10.3.0.1:80')


@scenario('denied-on-a-kept-connection', Expect('ok'), Expect('denied'), Expect('ok'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    for n, reply in enumerate([answer(200, 'OK', text(300)),
                               squid(403, 'Forbidden', 'ERR_ACCESS_DENIED', connection='keep-alive'),
                               answer(200, 'OK', text(500))]):
        c.up(get(f'http://host{n}.example.net/'))
        c.down(reply)
    c.finish()


@scenario('origin-denies-get', Expect('denied|other-status', status=403, answered_by=lambda by: by in (None, 'origin')))
def _(w):
    reply = answer(403, 'Forbidden', page('403 Forbidden'), server='Apache/2.4.58 (Unix)', via='1.1 gw3 (squid/6.10)')
    refusal(w, get('http://www.example.org/private'), reply)


# ---- authentication -------------------------------------------------------------------------------

BASIC, DIGEST = 'Basic realm="corp"', 'Digest realm="corp", nonce="b7c1", qop="auth", algorithm=SHA-256'
CREDENTIALS = 'Basic YWxpY2U6c2VjcmV0'


def digest(nonce: str) -> str:
    return (f'Digest username="alice", realm="corp", nonce="{nonce}", uri="repo.example.org:443", '
            'cnonce="Zm9v", nc=00000001, qop=auth, response="6629fae49393a05397450978507c4ef1", algorithm=MD5')


def challenge(offer: str, **more) -> bytes:
    return answer(407, 'Proxy Authentication Required', page('Cache Access Denied'), proxy_authenticate=offer, **more)


@scenario('no-credentials', Expect('auth-required', status=407))
def _(w):
    refusal(w, connect('repo.example.org:443'), challenge(BASIC, server='squid/5.7', connection='close'))


@scenario('no-credentials-get-digest', Expect('auth-required', status=407))
def _(w):
    refusal(w, get('http://deb.example.org/'), challenge(DIGEST), proxy='10.3.0.1:8080', first=CLIENT)


@scenario('no-credentials-other-target-later', Expect('auth-required'), Expect('auth-required'), near='challenged')
def _(w):
    for at, target in ((0.0, 'repo.example.org:443'), (3.0, 'api.example.com:443')):
        c = w.talk(proxy='10.3.0.1:3128', at=at)
        c.up(connect(target))
        c.down(challenge(BASIC, connection='close'))
        c.finish(PROXY)


@scenario('digest-on-one-connection', Expect('challenged', status=407, link=2),
          Expect('ok', status=200, link=1, auth=lambda a: a['scheme'] == 'Digest' and a['user'] == 'alice'),
          near='auth-required')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('repo.example.org:443'))
    c.down(challenge(DIGEST))
    c.tunnel('repo.example.org:443', proxy_authorization=digest('b7c1'))
    c.tls13('repo.example.org')
    c.fetch(3000)
    c.end_tls()


@scenario('basic-rejected', Expect('auth-rejected', status=407, auth=lambda a: a['user'] == 'alice'))
def _(w):
    refusal(w, connect('repo.example.org:443', proxy_authorization=CREDENTIALS), challenge(BASIC),
            proxy='10.3.0.1:8080')


@scenario('digest-rejected-after-challenge', Expect('challenged', link=2), Expect('auth-rejected', link=1))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('repo.example.org:443'))
    c.down(challenge(DIGEST))
    c.up(connect('repo.example.org:443', proxy_authorization=digest('b7c1')))
    c.down(challenge(DIGEST, connection='close'))
    c.finish(PROXY)


@scenario('digest-stale-then-accepted', Expect('challenged'), Expect('ok'), near='auth-rejected')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(get('http://deb.example.org/', proxy_authorization=digest('old')))
    c.down(challenge(DIGEST + ', stale=true'))
    c.up(get('http://deb.example.org/', proxy_authorization=digest('b7c1')))
    c.down(answer(200, 'OK', text(3000)))
    c.finish()


@scenario('ntlm-and-negotiate-only', Expect('auth-unsupported', says=('NTLM',)))
def _(w):
    refusal(w, connect('repo.example.org:443'),
            challenge('Negotiate\r\nProxy-Authenticate: NTLM', proxy_connection='close'), proxy='10.3.0.1:8080')


@scenario('negotiate-only-get', Expect('auth-unsupported', says=('Negotiate',)))
def _(w):
    refusal(w, get('http://deb.example.org/'), challenge('Negotiate', via='1.1 wsa (Cisco-WSA/15.0)'),
            proxy='10.3.0.1:80')


@scenario('ntlm-or-basic', Expect('auth-required'), near='auth-unsupported')
def _(w):
    refusal(w, connect('repo.example.org:443'),
            challenge('Negotiate\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm="corp"'))


@scenario('upload-left-half-way-then-refused', Expect('client-aborted', closed_by='client'), near='bad-request')
def _(w):
    c = w.talk(proxy='10.60.0.9:8080')
    c.up(request('POST', 'http://up.example.org/in', content_length=90000, body=text(30000)))
    c.shut(CLIENT, after=0.3)
    c.down(answer(400, 'Bad Request', page('400'), connection='close'), after=0.01)
    c.finish(PROXY)


@scenario('upload-refused-half-way', Expect('too-large', status=413), near='client-aborted')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.far.rate = 200e3
    c.up(request('POST', 'http://up.example.org/a', content_length=900000))
    c.up(text(60000))
    c.down(squid(413, 'Content Too Large', 'ERR_TOO_BIG'))
    c.close(PROXY)
    c.reset(CLIENT)


@scenario('ntlm-in-three-steps', Expect('challenged', link=2), Expect('challenged'), Expect('ok', status=200),
          near='auth-rejected')
def _(w):
    c = w.talk(proxy='10.3.0.1:8080')
    c.up(connect('repo.example.org:443'))
    c.down(challenge('NTLM'))
    c.up(connect('repo.example.org:443', proxy_authorization=speech.ntlm(1)))
    c.down(challenge(speech.ntlm(2)))
    c.tunnel('repo.example.org:443', proxy_authorization=speech.ntlm(3))
    c.tls13('repo.example.org')
    c.fetch(3000)
    c.end_tls()


@scenario('kept-connection-closed-under-a-request', Expect('ok'), Expect('proxy-reset|proxy-closed'), Expect('ok'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', rtt=0.1)
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(900)))
    c.close(PROXY, after=5)
    c.wait(0.001)
    c.up(get('http://deb.example.org/b'))
    d = w.talk(proxy='10.3.0.1:3128', rtt=0.1, at=6)
    d.up(get('http://deb.example.org/b'))
    d.down(answer(200, 'OK', text(900)))
    d.finish()


# ---- other codes: verdict, then (request, answer, port) twice ---------------------------------------

REPO = connect('repo.example.org:443')
UPLOAD = request('POST', 'http://up.example.org/a', text(4000))
VIA = {'via': '1.1 gw3 (squid/6.10)'}

CODES = {
    'bad-request': [(REPO, squid(400, 'Bad Request', 'ERR_INVALID_REQ'), 3128),
                    (get('http://www.example.org/?q'), answer(400, 'Bad Request', page('400'), **VIA), 8080)],
    'unauthorized': [(REPO, answer(401, 'Unauthorized', page('401 Unauthorized'), version='1.0',
                                   server='tinyproxy/1.11.1', www_authenticate='Basic realm="px"'), 8888),
                     (get('http://www.example.org/admin'),
                      answer(401, 'Unauthorized', page('401'), www_authenticate='Basic realm="admin"', **VIA), 3128)],
    'not-found': [(REPO, answer(404, 'Not Found', server='envoy'), 10000),
                  (get('http://www.example.org/nil'),
                   answer(404, 'Not Found', page('404'), server='Apache', **VIA), 3128)],
    'method-refused': [(REPO, squid(405, 'Method Not Allowed', 'ERR_UNSUP_REQ'), 3128),
                       (request('DELETE', 'http://www.example.org/x'),
                        answer(405, 'Method Not Allowed', allow='GET, HEAD', server='gunicorn', **VIA), 3128)],
    'too-large': [(UPLOAD, squid(413, 'Content Too Large', 'ERR_TOO_BIG'), 3128),
                  (UPLOAD, answer(413, 'Request Entity Too Large', page('413'), server='nginx', **VIA), 8080)],
    'rate-limited': [(REPO, answer(429, 'Too Many Requests', retry_after='30', proxy_agent='gate/1'), 9090),
                     (get('http://api.example.com/v1'), answer(429, 'Too Many Requests', b'{}', **VIA), 3128)],
    'server-error': [(REPO, answer(500, 'Unable to connect', page('500 Unable to connect'), version='1.0',
                                   server='tinyproxy/1.11.1'), 8888),
                     (get('gopher://old.example.org/'), squid(501, 'Not Implemented', 'ERR_UNSUP_REQ'), 3128)],
    'bad-gateway': [(REPO, answer(502, 'Bad Gateway', text(123), content_type='text/html', connection='close'), 80),
                    (get('http://nx.example.org/'), answer(502, 'Proxy Error', page('502 Proxy Error', 'DNS lookup '
                     'failure for: nx.example.org'), server='Apache/2.4.58 (Debian)'), 8080)],
    'unavailable': [(REPO, squid(503, 'Service Unavailable', 'ERR_CONNECT_FAIL 111'), 3128),
                    (get('http://www.example.org/'), answer(503, 'Service Unavailable', page('Maintenance'),
                     retry_after='120', **VIA), 3128)],
    'gateway-timeout': [(REPO, squid(504, 'Gateway Timeout', 'ERR_CONNECT_FAIL 110'), 3128),
                        (get('http://www.example.org/'), answer(504, 'Gateway Time-out', page('504'),
                         server='envoy', via='1.1 varnish'), 8080)],
    'other-status': [(REPO, answer(590, 'Non Successful', page('590')), 8000),
                     (get('http://www.example.org/pot'), answer(418, "I'm a teapot", **VIA), 3128)],
}


def code_scenario(verdict: str, number: int, ask: bytes, reply: bytes, port: int):
    status = int(reply.split()[1])

    @scenario(f'{verdict}-{number}', Expect(verdict, status=status))
    def _(w):
        refusal(w, ask, reply, proxy=f'10.3.0.{number}:{port}', after=21 if status == 504 else 0.03)


def first_cause(words: str):
    return lambda causes: words in causes[0] and not any('2.0 s suggests' in c for c in causes)


BAD_GATEWAY = answer(502, 'Bad Gateway', text(123), content_type='text/html', connection='close')


@scenario('bad-gateway-in-a-round-trip', Expect('bad-gateway', cause=first_cause("refused the proxy's connection, as")))
def _(w):
    refusal(w, REPO, BAD_GATEWAY, proxy='10.3.0.1:3128', after=0.03)


@scenario('bad-gateway-after-whole-seconds', Expect('bad-gateway', cause=first_cause('did not answer the proxy in time')))
def _(w):
    refusal(w, REPO, BAD_GATEWAY, proxy='10.3.0.1:3128', after=2)


def code_in_tunnel(verdict: str, status: int, reason: str):
    """What the origin says inside a tunnel is no failure of the proxy."""
    @scenario(f'tunnel-plain-http-{status}', Expect('ok', status=200), near=verdict)
    def _(w):
        c = w.talk(proxy='10.3.0.7:3128')
        c.tunnel('mirror.example.org:80')
        c.up(request('GET', '/dists/stable/Release', host='mirror.example.org'))
        c.down(answer(status, reason, page(reason), server='nginx'))
        c.finish()


for name, both in CODES.items():
    for ordinal, one in enumerate(both, 1):
        code_scenario(name, ordinal, *one)
    first = both[0][1].split(b'\r\n')[0].decode().split(' ', 2)
    code_in_tunnel(name, int(first[1]), first[2])
code_in_tunnel('denied', 403, 'Forbidden')


# ---- a body that is held back until the client is told to go on ------------------------------------

HELD = request('PUT', 'http://up.example.org/x', expect='100-Continue', content_length='5000')
TOLD = 'expect: 100-continue'


@scenario('expect-unanswered', Expect('proxy-silent', confidence='high', says=('for a 100 continue', TOLD)))
def _(w):
    c = w.talk()
    c.up(HELD)
    c.wait(10)
    c.finish(CLIENT)


@scenario('expect-unanswered-and-closed', Expect('proxy-closed', says=('for a 100 continue', TOLD)))
def _(w):
    c = w.talk()
    c.up(HELD)
    c.wait(60)
    c.finish(PROXY)


@scenario('expect-unanswered-body-sent-anyway', Expect('ok'), near='proxy-silent')
def _(w):
    c = w.talk()
    c.up(HELD)
    c.wait(1)
    c.up(bytes(5000))
    c.down(answer(201, 'Created'))
    c.finish()


@scenario('expect-answered-and-no-body', Expect('client-aborted', says=('middle of its own request',)), near='proxy-silent')
def _(w):
    c = w.talk()
    c.up(HELD)
    c.down(b'HTTP/1.1 100 Continue\r\n\r\n')
    c.wait(20)
    c.finish(CLIENT)


@scenario('half-an-upload-waited-for', Expect('proxy-closed', says=('middle of its own request',)))
def _(w):
    c = w.talk()
    c.up(request('PUT', 'http://up.example.org/x', bytes(5000))[:2000])
    c.wait(30)
    c.finish(PROXY)
