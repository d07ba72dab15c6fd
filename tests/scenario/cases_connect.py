"""The connection to the proxy does not come about."""

from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, get, text


@scenario('refused', Expect('proxy-refused', stage='connect', proxy=lambda p: p.endswith(':3128')))
def _(w):
    w.talk(proxy='10.10.20.5:3128', proxy_host={'listens': 'closed'})


@scenario('refused-three-times-at-8080', *3 * [Expect('proxy-refused')])
def _(w):
    for at in (0.0, 1.0, 2.5):
        w.talk(proxy='10.99.0.1:8080', rtt=0.07, at=at, proxy_host={'listens': 'closed'})


@scenario('worked-then-refused', Expect('ok'), Expect('proxy-refused'))
def _(w):
    c = w.talk(proxy='10.99.0.1:9400')
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(3000)))
    c.finish()
    w.talk(proxy='10.99.0.1:9400', at=4, proxy_host={'listens': 'closed'})


@scenario('syn-unanswered', Expect('proxy-unreachable', stage='connect'))
def _(w):
    c = w.talk(proxy='10.10.20.5:8080', proxy_host={'listens': 'silent'})
    c.linger = 9


@scenario('syn-unanswered-for-long', Expect('proxy-unreachable'))
def _(w):
    c = w.talk(proxy='[2001:db8:7::5]:3128', client='2001:db8:9::14', proxy_host={'listens': 'silent'},
               client_host={'mtu': 1480})
    c.linger = 70


@scenario('icmp-prohibited', Expect('proxy-unreachable', says=('prohibited',)))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128')
    c.path.unreachable('prohibited', '10.10.0.254' if w.family == 4 else '2001:db8::fe')
    c.linger = 4


@scenario('icmp-host-unreachable', Expect('proxy-unreachable', says=('10.10.0.254',)))
def _(w):
    c = w.talk(proxy='10.10.20.5:3128', rtt=3)
    c.path.unreachable('host', '10.10.0.254' if w.family == 4 else '2001:db8::fe')
    c.linger = 8


@scenario('syn-lost-once', Expect('ok|lossy|slow'), near='proxy-unreachable')
def _(w):
    c = w.talk(proxy='10.10.20.5:8080')
    c.path.lose(UP, lambda seg: bool(seg.flags & 2) and c.loop.now < c.start + 0.5)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(20000)
    c.end_tls()


@scenario('syn-ack-lost-once', Expect('ok|lossy|slow'), near='proxy-unreachable')
def _(w):
    c = w.talk(proxy='10.10.20.5:8080')
    c.path.lose(DOWN, lambda seg: bool(seg.flags & 2) and c.loop.now < c.start + 0.5)
    c.up(get('http://deb.example.org/a'))
    c.down(answer(200, 'OK', text(30000)))
    c.finish()
