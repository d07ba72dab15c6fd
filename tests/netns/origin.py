#!/usr/bin/env python3
"""The origin of the lab: on 80 in clear, on 443 in TLS; /N is a body of N bytes.

    origin.py CHAIN KEY
"""
import http.server
import ssl
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = self.path.strip("/").partition("?")[0]
        body = b"x" * (int(size) if size.isdigit() else 5000)
        # at once, so that the first segment is a full one
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.wfile.write(head + (body if self.command == "GET" else b""))

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    context = None

    def finish_request(self, request, client_address):
        """The handshake is made by the connection's own thread."""
        request.settimeout(60)
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, *_):
        pass


def main():
    plain, secure = Server(("", 80), Handler), Server(("", 443), Handler)
    secure.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.context.load_cert_chain(sys.argv[1], sys.argv[2])
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    print("ready", flush=True)
    plain.serve_forever()


if __name__ == "__main__":
    main()
