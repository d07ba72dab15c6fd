"""The proxy's answer to the request, or none."""

from builder import CLIENT, PROXY
from scenarios import Expect, scenario
from speech import answer, connect, get, page, text


@scenario('denied-403', Expect('denied', status=403))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('ads.example.net:443'))
    c.down(answer(403, 'Forbidden', page('ERROR: The requested URL could not be retrieved'),
                  server='squid/6.10', x_squid_error='ERR_ACCESS_DENIED 0', connection='close'))
    c.finish(PROXY)


@scenario('connect-never-answered', Expect('proxy-silent'))
def _(w):
    c = w.talk(proxy='10.3.0.1:3128')
    c.up(connect('repo.example.org:443'))
    c.wait(15)
    c.close(CLIENT)
    c.close(PROXY)
