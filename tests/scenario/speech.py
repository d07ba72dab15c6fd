"""What is said: HTTP heads and bodies, TLS records, and a few other tongues, as real bytes."""

import base64
import pathlib
import random
import struct

PKI = pathlib.Path(__file__).parent / 'pki'

# ---- HTTP ---------------------------------------------------------------------------------------


def fields(**named) -> str:
    """proxy_connection='keep-alive' -> 'Proxy-Connection: keep-alive' and so on."""
    return ''.join(f'{k.replace("_", "-").title()}: {v}\r\n' for k, v in named.items())


def connect(target: str, agent: str = 'curl/8.5.0', minor: int = 1, **more) -> bytes:
    return (f'CONNECT {target} HTTP/1.{minor}\r\n'
            + fields(host=target, user_agent=agent, proxy_connection='Keep-Alive', **more) + '\r\n').encode()


def request(method: str, target: str, body: bytes = b'', **more) -> bytes:
    """Absolute-form, as to a proxy, or origin-form inside a tunnel."""
    host = target.split('/')[2] if '://' in target else 'origin.example.org'
    if body:
        more.setdefault('content_length', len(body))
    more.setdefault('host', host.split('@')[-1])
    return f'{method} {target} HTTP/1.1\r\n{fields(user_agent="fetch/2.1", accept="*/*", **more)}\r\n'.encode() + body


def get(url: str, **more) -> bytes:
    return request('GET', url, **more)


def answer(status: int, reason: str, body: bytes = b'', version: str = '1.1', **more) -> bytes:
    """With Content-Length unless told otherwise (content_length=None: none; a number: a promise)."""
    more.setdefault('content_length', len(body))
    more = {k: v for k, v in more.items() if v is not None}
    return f'HTTP/{version} {status} {reason}\r\n{fields(**more)}\r\n'.encode() + body


def established(reason: str = 'Connection established', version: str = '1.1', **more) -> bytes:
    return answer(200, reason, version=version, content_length=None, **more)


def page(title: str, text: str = '', size: int = 0) -> bytes:
    body = f'<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p>'
    return body.encode().ljust(size, b' ') + b'</body></html>\n'


def text(size: int) -> bytes:
    """A body that is easy to look at."""
    line = b'The quick brown fox jumps over the lazy dog, and goes on running.\n'
    return (line * (size // len(line) + 1))[:size]


def chunked(body: bytes, size: int = 4096, last: bool = True) -> bytes:
    out = b''.join(b'%x\r\n%s\r\n' % (len(body[i:i + size]), body[i:i + size])
                   for i in range(0, len(body), size))
    return out + (b'0\r\n\r\n' if last else b'')


def ssh_key_exchange() -> bytes:
    """KEXINIT (RFC 4253 section 7.1)."""
    lists = [b'curve25519-sha256,ecdh-sha2-nistp256', b'ssh-ed25519,rsa-sha2-512'] + 2 * [b'aes128-ctr,aes256-ctr']
    lists += 2 * [b'hmac-sha2-256,hmac-sha2-512'] + 2 * [b'none'] + 2 * [b'']
    body = b'\x14' + noise(16) + b''.join(vector(4, names) for names in lists) + bytes(5)
    padding = 8 - (len(body) + 5) % 8 + 8
    return vector(4, bytes([padding]) + body + bytes(padding))


def ntlm(step: int) -> str:
    """The three messages of NTLM, as the fields of HTTP carry them."""
    start, version = b'NTLMSSP\0' + struct.pack('<I', step), bytes.fromhex('0a00614a0000000f')
    nothing = struct.pack('<HHI', 0, 0, 88)
    body = {1: struct.pack('<I', 0xa2088207) + 2 * nothing + version,
            2: nothing + struct.pack('<I', 0xa2898205) + noise(8) + bytes(8) + nothing + version,
            3: 6 * nothing + struct.pack('<I', 0xa2888205) + version + noise(16)}[step]
    return 'NTLM ' + base64.b64encode(start + body).decode()


# ---- TLS ----------------------------------------------------------------------------------------

CHANGE = bytes.fromhex('140303000101')
TLS12, TLS13 = 0x0303, 0x0304
X25519, P256, X25519MLKEM768 = 0x001d, 0x0017, 0x11ec


def noise(size: int, seed: int = 0) -> bytes:
    """What encrypted bytes look like; the same every time."""
    return random.Random(seed * 1000003 + size).randbytes(size)


def record(kind: int, body: bytes, version: int = TLS12) -> bytes:
    return struct.pack('!BHH', kind, version, len(body)) + body


def handshake(kind: int, body: bytes) -> bytes:
    return struct.pack('!B', kind) + len(body).to_bytes(3, 'big') + body


def vector(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size, 'big') + body


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack('!H', kind) + vector(2, body)


def shorts(*numbers: int) -> bytes:
    return struct.pack(f'!{len(numbers)}H', *numbers)


def client_hello(sni: str | None, best: int = TLS13, quantum: bool = False, seed: int = 1,
                 alpn: tuple[str, ...] = ('h2', 'http/1.1'), pad: int = 517) -> bytes:
    """One record; with a post-quantum key share it needs two segments of 1460 bytes."""
    group, share = (X25519MLKEM768, noise(1216, seed)) if quantum else (X25519, noise(32, seed))
    ext = b''
    if sni:
        ext += extension(0, vector(2, b'\0' + vector(2, sni.encode())))
    ext += extension(11, vector(1, b'\0')) + extension(10, vector(2, shorts(group, X25519, P256)))
    ext += extension(35, b'') + extension(23, b'') + extension(5, b'\1\0\0\0\0')
    if alpn:
        ext += extension(16, vector(2, b''.join(vector(1, a.encode()) for a in alpn)))
    ext += extension(13, vector(2, shorts(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501)))
    if best == TLS13:
        shares = shorts(group) + vector(2, share)
        if quantum:
            shares += shorts(X25519) + vector(2, noise(32, seed + 1))
        ext += extension(43, vector(1, shorts(TLS13, TLS12))) + extension(45, b'\1\1')
        ext += extension(51, vector(2, shares))
    suites = shorts(0x1301, 0x1302, 0x1303) if best == TLS13 else b''
    suites += shorts(0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009c, 0x009d, 0x002f)
    body = struct.pack('!H', TLS12) + noise(32, seed + 7) + vector(1, noise(32, seed + 8))
    body += vector(2, suites) + b'\1\0'
    missing = pad - 9 - len(body) - 2 - len(ext) - 4
    if missing >= 0:
        ext += extension(21, bytes(missing))
    return record(22, handshake(1, body + vector(2, ext)), 0x0301)


RETRY = bytes.fromhex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')


def retry_request() -> bytes:
    """HelloRetryRequest: a ServerHello with that random, which asks for another key share."""
    ext = extension(43, shorts(TLS13)) + extension(51, shorts(P256))
    body = struct.pack('!H', TLS12) + RETRY + vector(1, noise(32, 9)) + struct.pack('!HB', 0x1302, 0) + vector(2, ext)
    return record(22, handshake(2, body)) + CHANGE


def in_records(stream: bytes, size: int) -> bytes:
    """One TLS handshake record as several, of that size each."""
    body = stream[5:]
    return b''.join(record(22, body[i:i + size], int.from_bytes(stream[1:3], 'big')) for i in range(0, len(body), size))


def server_hello(version: int = TLS13, quantum: bool = False, alpn: str = '', seed: int = 2) -> bytes:
    """The handshake message."""
    suite = 0x1302 if version == TLS13 else 0xc02f
    ext = extension(11, vector(1, b'\0')) if version != TLS13 else b''
    if version == TLS13:
        group, share = (X25519MLKEM768, noise(1120, seed)) if quantum else (X25519, noise(32, seed))
        ext += extension(43, shorts(TLS13)) + extension(51, shorts(group) + vector(2, share))
    elif alpn:
        ext += extension(16, vector(2, vector(1, alpn.encode())))
    body = struct.pack('!H', TLS12) + noise(32, seed + 7) + vector(1, noise(32, seed + 8))
    return handshake(2, body + struct.pack('!HB', suite, 0) + vector(2, ext))


def flight13(certificates: int = 2800, quantum: bool = False) -> bytes:
    """ServerHello; then, encrypted: extensions, certificates of that size, proof, Finished."""
    out = record(22, server_hello(TLS13, quantum)) + CHANGE
    for size in (40, certificates, 281, 69):
        out += record(23, noise(size, size))
    return out


def finished13() -> bytes:
    return CHANGE + record(23, noise(69, 3))


def der(*names: str) -> list[bytes]:
    return [(PKI / f'{name}.der').read_bytes() for name in names]


def flight12(*chain: str, alpn: str = 'http/1.1') -> bytes:
    """ServerHello, Certificate with those of pki/, ServerKeyExchange, ServerHelloDone."""
    certificates = b''.join(vector(3, c) for c in der(*chain))
    key = b'\3' + shorts(P256) + vector(1, b'\4' + noise(64, 5)) + shorts(0x0804) + vector(2, noise(256, 6))
    return b''.join(record(22, m) for m in (
        server_hello(TLS12, alpn=alpn), handshake(11, vector(3, certificates)),
        handshake(12, key), handshake(14, b'')))


def finished12(of_client: bool) -> bytes:
    key = record(22, handshake(16, vector(1, b'\4' + noise(64, 9)))) if of_client else b''
    return key + CHANGE + record(22, noise(40, 4))


def app(size: int, most: int = 16401, seed: int = 0) -> bytes:
    """Application data of `size` bytes on the wire, in records of at most `most` and a header."""
    out = b''
    while size > 0:
        body = max(20, min(most, size - 5))
        out += record(23, noise(body, seed))
        size -= body + 5
    return out


def alert(what: int, level: int = 2) -> bytes:
    return record(21, bytes([level, what]))


def close_notify(version: int = TLS13) -> bytes:
    """Encrypted: TLS 1.3 hides it among application data, 1.2 shows the type."""
    return record(23, noise(19, 11)) if version == TLS13 else record(21, noise(26, 12))


HANDSHAKE_FAILURE, CERTIFICATE_EXPIRED, UNKNOWN_CA, PROTOCOL_VERSION = 40, 45, 48, 70
BAD_CERTIFICATE, INTERNAL_ERROR, UNRECOGNIZED_NAME, CLOSE_NOTIFY = 42, 80, 112, 0
