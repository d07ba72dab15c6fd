"""What works, and must be said to work."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, app, connect, get, request, text

FINE = Expect('ok|lossy|slow')


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


@scenario('get', Expect('ok', status=200, method='GET', target='http://deb.example.org/pool/a.deb'))
def _(w):
    c = w.talk(proxy='10.1.1.9:8118', rtt=0.004, proxy_host={'mss': 1300})
    c.up(get('http://deb.example.org/pool/a.deb'))
    c.down(answer(200, 'OK', text(48000), via='1.1 cache7 (squid/6.6)'), after=0.05)
    c.finish()
