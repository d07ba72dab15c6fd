"""TLS inside the tunnel does not come about, or is not what it should be."""

import speech
from builder import CLIENT, PROXY
from path import UP
from scenarios import Expect, scenario
from speech import TLS12, alert, answer, client_hello, flight12, flight13, page, record

NAME = 'repo.example.org'


def greeted(w, proxy: str = '10.3.0.1:3128', **hello):
    """A tunnel with a ClientHello in it."""
    c = w.talk(proxy=proxy, rtt=hello.pop('rtt', 0.02))
    c.tunnel(f'{NAME}:443')
    c.up(client_hello(NAME, **hello))
    return c


# ---- no answer to the hello -----------------------------------------------------------------------

@scenario('hello-unanswered', Expect('tls-silent', stage='tls', sni=NAME))
def _(w):
    c = greeted(w)
    c.wait(10)
    c.finish()


@scenario('post-quantum-hello-unanswered', Expect('tls-silent', says=('post-quantum',)))
def _(w):
    c = greeted(w, proxy='10.8.0.1:8080', quantum=True, rtt=0.09)
    c.wait(30)
    c.finish()


@scenario('hello-unanswered-capture-ends', Expect('tls-silent'), near='open')
def _(w):
    c = w.talk(proxy='10.8.0.1:9090', client_host={'keepalive': 8.0})
    c.tunnel(f'{NAME}:443')
    c.up(client_hello(NAME))
    c.linger = 20


@scenario('hello-answered-after-4-s', Expect('ok|slow'), near='tls-silent')
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel(f'{NAME}:443')
    c.tls13(NAME, think=4)
    c.fetch(3000)
    c.end_tls()


@scenario('hello-reset', Expect('tls-reset', stage='tls', close='rst'))
def _(w):
    greeted(w).reset(PROXY, after=0.05)


@scenario('hello-reset-by-box', Expect('tls-reset', sni=NAME))
def _(w):
    c = w.talk(proxy='10.8.0.1:80', rtt=0.12)
    c.path.reset_when(UP, lambda seg: seg.payload[:1] == b'\x16')
    c.tunnel(f'{NAME}:443')
    c.up(client_hello(NAME, best=TLS12, pad=0))
    c.wait(1)
    c.do(lambda: None)


@scenario('alert-then-reset', Expect('tls-alert'), near='tls-reset')
def _(w):
    c = greeted(w)
    c.down(alert(speech.HANDSHAKE_FAILURE))
    c.reset(PROXY)


@scenario('hello-closed', Expect('tls-closed', stage='tls', close='fin'))
def _(w):
    greeted(w).finish(PROXY, after=0.05)


@scenario('hello-closed-by-tinyproxy-late', Expect('tls-closed'))
def _(w):
    c = w.talk(proxy='10.8.0.1:8888', client_host={'stamps': False})
    c.tunnel(f'{NAME}:8443', reply=speech.established('Connection established', version='1.0',
                                                      proxy_agent='tinyproxy/1.11.1'))
    c.up(client_hello(NAME, best=TLS12))
    c.finish(PROXY, after=3)


@scenario('alert-then-close', Expect('tls-alert', says=('unrecognized',)), near='tls-closed')
def _(w):
    c = greeted(w)
    c.down(alert(speech.UNRECOGNIZED_NAME))
    c.finish(PROXY)


# ---- another answer ---------------------------------------------------------------------------------

@scenario('hello-answered-by-ssh', Expect('not-tls', says=('SSH',)))
def _(w):
    c = greeted(w)
    c.down(b'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n')
    c.finish()


@scenario('hello-answered-by-http', Expect('not-tls', says=('HTTP',)))
def _(w):
    c = greeted(w, proxy='10.8.0.1:8080')
    c.down(answer(400, 'Bad Request', page('400 The plain HTTP request was sent to HTTPS port'), server='nginx'))
    c.finish(PROXY)


@scenario('hello-answered-by-smtp-at-once', Expect('not-tls', says=('SMTP',)))
def _(w):
    c = w.talk(proxy='10.8.0.1:8080')
    c.tunnel('mail.example.org:465')
    c.down(b'220 mail.example.org ESMTP\r\n')
    c.up(client_hello('mail.example.org'))
    c.down(b'500 5.5.2 Error: bad syntax\r\n')
    c.finish(CLIENT)


# ---- alerts -----------------------------------------------------------------------------------------

@scenario('alert-handshake-failure', Expect('tls-alert', says=('handshake',)))
def _(w):
    c = greeted(w, best=TLS12)
    c.down(alert(speech.HANDSHAKE_FAILURE))
    c.finish(CLIENT)


@scenario('alert-protocol-version', Expect('tls-alert', says=('version',)))
def _(w):
    c = greeted(w, proxy='10.8.0.1:8080', best=TLS12)
    c.down(alert(speech.PROTOCOL_VERSION))
    c.finish(PROXY)


@scenario('client-distrusts', Expect('tls-alert|tls-untrusted', tls='1.2'))
def _(w):
    c = greeted(w, best=TLS12)
    c.down(flight12('good', 'middle'))
    c.up(alert(speech.UNKNOWN_CA))
    c.reset(CLIENT)


@scenario('warning-goes-on', Expect('ok'), near='tls-alert')
def _(w):
    c = greeted(w, best=TLS12)
    c.down(alert(speech.UNRECOGNIZED_NAME, level=1) + flight12('good', 'middle'))
    c.up(speech.finished12(True))
    c.down(speech.finished12(False))
    c.fetch(9000)
    c.end_tls(version=TLS12)


@scenario('client-distrusts-tls13', Expect('tls-alert', tls='1.3'))
def _(w):
    c = greeted(w)
    c.down(flight13())
    c.up(speech.CHANGE + record(23, speech.noise(19, 4)))
    c.finish(CLIENT)


def asked13(w, **more):
    """A handshake in which the client had its say, and a request right behind its Finished."""
    c = w.talk(**more)
    c.tunnel(f'{NAME}:443')
    c.up(client_hello(NAME))
    c.down(flight13(), after=0.03)
    c.up(speech.finished13() + speech.app(190, seed=31))
    return c


# What a server says that wants a certificate of the client: it knows only once the client is done.
@scenario('server-refuses-tls13-client-leaves', Expect('tls-alert', tls='1.3', says=('certificate from the client',)))
def _(w):
    c = asked13(w, proxy='10.3.0.1:3128')
    c.down(speech.close_notify())
    c.finish(CLIENT)


@scenario('server-refuses-tls13-and-closes', Expect('tls-alert', tls='1.3'))
def _(w):
    c = asked13(w, proxy='10.8.0.1:8080', rtt=0.12)
    c.down(speech.close_notify())
    c.finish(PROXY)


@scenario('client-leaves-tls13-first', Expect('ok'), near='tls-alert')
def _(w):
    c = asked13(w, proxy='10.3.0.1:3128')
    c.up(speech.close_notify(), after=0.3)
    c.down(speech.close_notify())
    c.finish(CLIENT)


# ---- certificates -------------------------------------------------------------------------------------

def shows(name: str, expect: Expect, *chain: str, end: int | None, target: str = NAME, near: str = '', at: int = 0,
          port: int = 3128):
    """A TLS 1.2 handshake with these certificates, ended by the client's alert or carried on."""
    @scenario(name, expect, near=near)
    def _(w):
        c = w.talk(proxy=f'10.3.0.1:{port}', at=at)
        c.tunnel(f'{target}:443')
        c.up(client_hello(target, best=TLS12))
        c.down(flight12(*chain))
        if end is not None:
            c.up(alert(end))
            c.finish(CLIENT)
            return
        c.up(speech.finished12(True))
        c.down(speech.finished12(False))
        c.fetch(9000)
        c.end_tls(version=TLS12)


EXPIRED, UNKNOWN, BAD = speech.CERTIFICATE_EXPIRED, speech.UNKNOWN_CA, speech.BAD_CERTIFICATE
MARCH = -90 * 86400  # before `expired` ran out

shows('certificate-expired', Expect('tls-untrusted', says=('expired',), tls='1.2'), 'expired', 'middle', end=EXPIRED)
shows('certificate-not-yet-valid', Expect('tls-untrusted', says=('valid',)), 'future', 'middle', end=BAD, port=8080)
shows('certificate-of-another-name', Expect('tls-untrusted', says=('otherplace.test',)), 'other', 'middle', end=BAD)


def turns_away(name: str, expect: Expect, *chain: str, first: str, near: str = ''):
    """The client compares names behind the handshake, as libcurl does: its closing alert is all that it says."""
    @scenario(name, expect, near=near)
    def _(w):
        c = w.talk(proxy='10.3.0.1:3128')
        c.tunnel(f'{NAME}:443')
        c.tls12(NAME, *chain)
        c.up(speech.close_notify(TLS12))
        c.finish(first)


turns_away('another-name-behind-the-handshake', Expect('tls-untrusted', says=('otherplace.test',)), 'other', 'middle',
           first=CLIENT)
turns_away('another-name-closed-by-the-origin', Expect('tls-untrusted', says=('otherplace.test',)), 'other', 'middle',
           first=PROXY, near='tls-closed')
turns_away('left-behind-the-handshake', Expect('client-aborted'), 'good', 'middle', first=PROXY, near='tls-closed')

shows('certificate-without-chain', Expect('tls-untrusted|tls-alert'), 'good', end=UNKNOWN, port=8118)
shows('certificate-was-valid-then', Expect('ok'), 'expired', 'middle', end=None, at=MARCH, near='tls-untrusted')
shows('certificate-wildcard', Expect('ok'), 'good', 'middle', end=None, target='dl.example.com', near='tls-untrusted')
shows('certificate-with-root', Expect('ok'), 'good', 'middle', 'root', end=None, near='tls-intercepted')
shows('inspected-by-known-product', Expect('tls-intercepted', says=('Fortinet',)), 'inspected', 'inspector',
      end=UNKNOWN)
shows('inspected-leaf-only', Expect('tls-intercepted', says=('Forti',)), 'inspected', end=UNKNOWN)
shows('inspected-and-trusted', Expect('tls-intercepted'), 'resigned', 'gateway', end=None, target='api.example.com',
      port=9090)
