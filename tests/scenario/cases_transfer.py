"""The transfer does not end as it should."""

import speech
from builder import CLIENT, PROXY
from path import DOWN, UP
from scenarios import Expect, scenario
from speech import answer, app, get, text


@scenario('lossy-download', Expect('lossy'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128', rtt=0.05)
    c.path.lose_some(0.05, DOWN)
    c.tunnel('repo.example.org:443')
    c.tls13('repo.example.org')
    c.fetch(200000)
    c.end_tls()


@scenario('zero-window', Expect('receiver-stalled'))
def _(w):
    c = w.talk(proxy='10.3.0.1:8888', client_host={'buffer': 16384})
    c.up(get('http://dl.example.org/file'))
    c.do(c.client.stop_reading)
    c.down(answer(200, 'OK', text(90000)), after=0.05)
    c.wait(5)
    c.do(c.client.read_again)
    c.finish()
