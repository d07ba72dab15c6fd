"""The connection to the proxy does not come about."""

from builder import CLIENT, PROXY
from scenarios import Expect, scenario


@scenario('refused', Expect('proxy-refused', stage='connect'))
def _(w):
    w.talk(proxy='10.10.20.5:3128', proxy_host={'listens': 'closed'})


@scenario('syn-unanswered', Expect('proxy-unreachable', stage='connect'))
def _(w):
    c = w.talk(proxy='10.10.20.5:8080', proxy_host={'listens': 'silent'})
    c.linger = 9
