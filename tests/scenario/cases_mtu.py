"""Large segments do not pass."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, client_hello, flight13, get, text


@scenario('black-hole-handshake', Expect('mtu-black-hole'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.lose_larger(DOWN, 1380)
    c.tunnel('repo.example.org:443')
    c.up(client_hello('repo.example.org'))
    c.down(flight13())
    c.wait(12)
    c.close(CLIENT)


@scenario('black-hole-upload', Expect('mtu-black-hole'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.path.lose_larger(UP, 1400)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.up(speech.app(200))
    c.up(speech.app(30000))
    c.wait(12)
    c.close(CLIENT)
