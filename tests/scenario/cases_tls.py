"""TLS inside the tunnel does not come about, or is not what it should be."""

import speech
from builder import CLIENT, PROXY
from scenarios import Expect, scenario
from speech import client_hello, flight12


@scenario('tls12-expired', Expect('tls-untrusted', tls='1.2'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.tunnel('repo.example.org:443')
    c.up(client_hello('repo.example.org', best=speech.TLS12))
    c.down(flight12('expired', 'middle'))
    c.up(speech.alert(speech.CERTIFICATE_EXPIRED))
    c.finish()
