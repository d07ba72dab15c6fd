"""Large segments do not pass, or seem not to."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import TLS12, answer, app, client_hello, flight12, flight13, get, request, text

NAME = 'repo.example.org'


def tunnel(w, **how):
    c = w.talk(**({'proxy': '10.3.0.1:3128'} | how))
    c.tunnel(f'{NAME}:443')
    return c


def secured(w, **how):
    c = tunnel(w, **how)
    c.tls13(NAME)
    return c


# ---- black holes ----------------------------------------------------------------------------------

@scenario('black-hole-handshake-tls13', Expect('mtu-black-hole', stage='tls'))
def _(w):
    c = tunnel(w)
    c.path.lose_larger(DOWN, 1380)
    c.up(client_hello(NAME))
    c.down(flight13())
    c.wait(12)
    c.close(CLIENT)


@scenario('black-hole-handshake-tls12', Expect('mtu-black-hole', stage='tls'))
def _(w):
    c = tunnel(w, proxy='10.60.0.9:8080', rtt=0.09, client_host={'stamps': False})
    c.path.lose_larger(DOWN, 1300)
    c.up(client_hello(NAME, best=TLS12))
    c.down(flight12('good', 'middle'))
    c.wait(25)
    c.reset(CLIENT)


@scenario('black-hole-download', Expect('mtu-black-hole'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8118', rtt=0.05)
    c.path.lose_larger(DOWN, 1280)
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', via='1.1 px', content_length=59300))
    c.down(text(59300))
    c.wait(14)
    c.close(CLIENT)
    c.linger = 3


@scenario('black-hole-upload-in-tunnel', Expect('mtu-black-hole', says=('1448',)))
def _(w):
    c = secured(w)
    c.path.lose_larger(UP, 1400)
    c.up(app(200))
    c.up(app(30000))
    c.wait(12)
    c.close(CLIENT)


@scenario('black-hole-upload-plain', Expect('mtu-black-hole'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8888', client_host={'mtu': 1420}, rtt=0.11)
    c.path.lose_larger(UP, 1400)
    c.up(request('POST', 'http://up.example.org/a', content_length=9000))
    c.up(text(9000))
    c.wait(20)
    c.close(CLIENT)
    c.linger = 3


@scenario('black-hole-post-quantum-hello', Expect('mtu-black-hole', stage='tls'))
def _(w):
    c = tunnel(w, proxy='10.60.0.9:8080')
    c.path.lose_larger(UP, 1400)
    c.up(client_hello(NAME, quantum=True))
    c.wait(15)
    c.close(CLIENT)


@scenario('black-hole-seen-at-proxy', Expect('mtu-black-hole'))
def _(w):
    c = tunnel(w, point=PROXY)
    c.path.lose_larger(DOWN, 1380, on='near')
    c.up(client_hello(NAME))
    c.down(flight13())
    c.wait(12)
    c.close(CLIENT)


@scenario('black-hole-seen-in-the-middle', Expect('mtu-black-hole'))
def _(w):
    c = tunnel(w, point='middle')
    c.path.lose_larger(DOWN, 1380, on='near')
    c.up(client_hello(NAME))
    c.down(flight13())
    c.wait(12)
    c.close(CLIENT)


@scenario('black-hole-begins-in-transfer', Expect('mtu-black-hole|transfer-stalled'))
def _(w):
    c = secured(w, rtt=0.04)
    c.fetch(70000)
    c.do(lambda: c.path.lose_larger(DOWN, 1400))
    c.fetch(70000)
    c.wait(20)
    c.up(app(60))
    c.wait(3)
    c.close(CLIENT)


@scenario('black-hole-with-offload', Expect('mtu-black-hole'))
def _(w):
    c = secured(w)
    c.path.lose_larger(UP, 1400)
    c.up(app(200))
    c.up(app(30000))
    c.wait(12)
    c.close(CLIENT)
    w.offload = True


def hole(way: bool):
    """A black hole of some size, met by something, given up after some time."""
    def script(w):
        r = w.random
        kinds = ['get', 'tls13', 'tls12'] if way == DOWN else ['post', 'tunnel', 'hello']
        kind = r.choice(kinds)
        c = w.talk(proxy=f'10.61.{r.randrange(250)}.9:{r.choice([80, 3128, 8080, 8123])}',
                   rtt=r.choice([0.003, 0.04, 0.2]),
                   client_host={'stamps': r.random() < 0.7}, point=r.choice([CLIENT, CLIENT, PROXY, 'middle']))
        side = 'near' if CLIENT not in c.path.taps and way == DOWN else 'far'
        small = {'get': 400, 'tls13': 600, 'tls12': 1000}.get(kind, 700)
        c.path.lose_larger(way, r.choice([m for m in (576, 1000, 1280, 1400, 1492) if m > small]), on=side)
        full = r.randrange(2, 9) * 1448 + 300   # a small segment follows the full ones, and tells of them
        if kind == 'get':
            c.up(get('http://dl.example.org/a'))
            c.down(answer(200, 'OK', content_length=20000))
            c.down(text(20000))
        elif kind == 'post':
            c.up(request('POST', 'http://up.example.org/a', content_length=full))
            c.up(text(full))
        else:
            c.tunnel(f'{NAME}:443')
        if kind in ('tls13', 'tls12'):
            c.up(client_hello(NAME, best=TLS12 if kind == 'tls12' else speech.TLS13))
            c.down(flight13() if kind == 'tls13' else flight12('good', 'middle'))
        elif kind == 'hello':
            c.up(client_hello(NAME, quantum=True))
        elif kind == 'tunnel':
            c.tls13(NAME)
            c.up(app(full))
        c.wait(r.uniform(8, 40))
        c.close(CLIENT)
        c.linger = 2
        later = w.talk(proxy='10.62.0.9:3128', at=60)   # the capture goes on
        later.up(get('http://dl.example.org/small'))
        later.down(answer(204, 'No Content', content_length=None))
        later.finish()
    return script


for number in range(1, 31):
    scenario(f'hole-down-{number}', Expect('mtu-black-hole'), Expect('ok'), variants=False)(hole(DOWN))
    scenario(f'hole-up-{number}', Expect('mtu-black-hole'), Expect('ok'), variants=False)(hole(UP))


# ---- what looks like one -----------------------------------------------------------------------------

@scenario('large-segments-lost-and-repaired', Expect('ok|lossy'), near='mtu-black-hole')
def _(w):
    c = tunnel(w, rtt=0.05)
    c.path.lose_data(DOWN, 2, 3)
    c.tls13(NAME)
    c.fetch(40000)
    c.end_tls()


@scenario('large-segment-lost-three-times', Expect('ok|lossy|slow'), near='mtu-black-hole')
def _(w):
    c = secured(w, rtt=0.05)
    times: dict[int, int] = {}

    def unlucky(seg):
        first = min(times, default=seg.seq)     # one segment, three times
        times[seg.seq] = times.get(seg.seq, 0) + 1
        return len(seg.payload) > 1400 and seg.seq == first and times[first] <= 3
    c.path.lose(DOWN, unlucky)
    c.fetch(30000)
    c.end_tls()


def burst(way: bool):
    """Several segments in a row are lost, some of them twice, and all are repaired."""
    def script(w):
        r = w.random
        c = tunnel(w, rtt=r.choice([0.003, 0.04, 0.2]),
                   client_host={'sack': r.random() < 0.8, 'stamps': r.random() < 0.7})
        first = r.randrange(2, 40)
        c.path.lose_data(way, *range(first, first + r.randrange(2, 9)))
        c.tls13(NAME)
        size = r.randrange(50000, 120000)
        c.up(app(size if way == UP else 200))
        c.down(app(size if way == DOWN else 200))
        c.end_tls()
    return script


for number in range(1, 16):
    scenario(f'burst-down-{number}', Expect('ok|lossy|slow'), variants=False, near='mtu-black-hole')(burst(DOWN))
    scenario(f'burst-up-{number}', Expect('ok|lossy|slow'), variants=False, near='mtu-black-hole')(burst(UP))


@scenario('last-segment-lost-capture-ends', Expect('open|unclear|ok|lossy'), near='mtu-black-hole')
def _(w):
    c = secured(w)
    c.path.lose_data(UP, 30, 31, 32)
    c.up(app(42000))
    c.linger = 0.15


@scenario('path-cut-in-handshake', Expect('tls-silent|request-lost|transfer-stalled'), near='mtu-black-hole')
def _(w):
    c = tunnel(w)
    c.path.cut(c.start + 0.08, way=DOWN)
    c.up(client_hello(NAME))
    c.down(flight13())
    c.wait(12)
    c.close(CLIENT)


@scenario('upload-cut-with-everything', Expect('transfer-stalled'), near='mtu-black-hole')
def _(w):
    c = secured(w)
    c.up(app(60000))
    c.do(lambda: c.path.cut(c.loop.now))
    c.up(app(60000))
    c.wait(15)
    c.close(CLIENT)


@scenario('client-vanishes-seen-at-proxy', Expect('transfer-stalled'), near='mtu-black-hole')
def _(w):
    c = secured(w, point=PROXY, rtt=0.04)
    c.fetch(60000)
    c.up(app(200))
    c.vanish(CLIENT)
    c.wait(0.1)
    c.down(app(60000))
    c.wait(30)
    c.do(lambda: None)


@scenario('client-vanishes-in-handshake-seen-at-proxy', Expect('transfer-stalled', stage='tls'), near='mtu-black-hole')
def _(w):
    c = tunnel(w, point=PROXY)
    c.do(lambda: c.path.cut(c.loop.now + 0.012))
    c.up(client_hello(NAME))
    c.do(lambda: c.proxy.write(flight13()), after=0.02)     # two full segments, and a small one
    c.wait(14)
    c.do(lambda: None)


@scenario('black-hole-small-answer-seen-at-proxy', Expect('mtu-black-hole', says=('1448 bytes',)))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', point=PROXY)
    c.path.lose_larger(DOWN, 1400)
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(2000)))
    c.wait(14)
    c.close(CLIENT)


@scenario('largest-possible-segments-pass', Expect('ok'), near='mtu-black-hole')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', client_host={'mtu': 9000}, proxy_host={'mtu': 9000})
    c.tunnel(f'{NAME}:443')
    c.tls13(NAME)
    c.fetch(100000)
    c.end_tls()


# ---- reset after a large one ----------------------------------------------------------------------------

@scenario('large-reset-upload', Expect('large-segment-reset'))
def _(w):
    c = secured(w)
    c.path.reset_when(UP, lambda seg: seg.size() > 1400)
    c.up(app(200))
    c.up(app(20000))
    c.wait(1)
    c.do(lambda: None)


@scenario('large-reset-post', Expect('large-segment-reset|proxy-reset'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080', rtt=0.15, client_host={'stamps': False})
    c.path.reset_when(UP, lambda seg: seg.size() > 1300)
    c.up(request('POST', 'http://up.example.org/a', content_length=9000))
    c.up(text(9000), after=0.5)
    c.wait(2)
    c.do(lambda: None)


@scenario('large-reset-tls12', Expect('large-segment-reset'))
def _(w):
    c = w.talk(proxy='10.60.0.9:8118', rtt=0.045, client_host={'mtu': 1400, 'stamps': False})
    c.path.reset_when(UP, lambda seg: seg.size() > 1200)
    c.tunnel(f'{NAME}:443')
    c.tls12(NAME)
    c.up(app(900))
    c.up(app(7000))
    c.wait(3)
    c.do(lambda: None)


@scenario('reset-after-small-segment', Expect('transfer-reset'), near='large-segment-reset')
def _(w):
    c = secured(w)
    c.up(app(30000))
    c.down(app(200))
    c.up(app(150))
    c.reset(PROXY, after=0.002)


# ---- ICMP ---------------------------------------------------------------------------------------------------

@scenario('signalled-and-ignored', Expect('mtu-signalled', says=('1400',)))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', client_host={'heeds_icmp': False})
    c.path.too_big(UP, 1400, '10.3.9.254' if w.family == 4 else '2001:db8::9')
    c.tunnel(f'{NAME}:443')
    c.tls13(NAME)
    c.up(app(20000))
    c.wait(9)
    c.close(CLIENT)


@scenario('signalled-and-ignored-by-proxy', Expect('mtu-signalled', says=('1320',)))
def _(w):
    c = w.talk(proxy='10.60.0.9:8080', point=PROXY, rtt=0.08, proxy_host={'heeds_icmp': False})
    c.path.too_big(DOWN, 1320, '10.3.9.254' if w.family == 4 else '2001:db8::9', on='near')
    c.up(get('http://dl.example.org/a'))
    c.down(answer(200, 'OK', text(40000)))
    c.wait(15)
    c.close(CLIENT)


@scenario('signalled-and-heeded', Expect('ok|lossy'), near='mtu-signalled')
def _(w):
    c = secured(w)
    c.path.too_big(UP, 1400, '10.3.9.254' if w.family == 4 else '2001:db8::9')
    c.up(app(60000))
    c.down(app(3000))
    c.end_tls()
