"""Sockets by hand: what no HTTP library does on its own. One function a variant; each prints JSON lines.

Usage: raw.py VARIANT [ARGUMENT…]
"""

import errno
import json
import os
import select
import socket
import ssl
import sys

NAME = "api.example.test"


def say(**facts):
    print(json.dumps(facts), flush=True)


def connect(kind, address, port):
    """Connects in one of the ways a program can: blocking, v4-mapped, non-blocking, bound to a source address."""
    family = socket.AF_INET if "." in address and kind != "mapped" else socket.AF_INET6
    target = ("::ffff:" + address if kind == "mapped" else address, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(30)
    if kind == "bound":
        sock.bind(("198.51.100.2", 0))
    if kind == "non_blocking":
        sock.setblocking(False)
        code = sock.connect_ex(target)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        select.select([], [sock], [], 30)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        sock.setblocking(True)
        sock.settimeout(30)
    else:
        sock.connect(target)
    return sock


def tls(sock, alpn=("http/1.1",), name=NAME):
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(sock, server_hostname=name)


def head(body_headers, path="/raw"):
    return f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nX-CamelCase-Probe: kept\r\n{body_headers}\r\n".encode()


def answer(sock):
    """Reads one answer's head; enough to know the status and why it was blocked."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        if not piece:
            return {"status": 0, "blocked": None, "error": f"closed after {len(data)} bytes"}
        data += piece
    lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return {"status": int(lines[0].split(" ")[1]), "blocked": fields.get("x-pipelock-blocked")}


def post(kind, address, body):
    """connect() in the given way, then one POST over TLS. Tells what getpeername says about the peer."""
    sock = connect(kind, address, 443)
    peer = sock.getpeername()[0]
    secure = tls(sock)
    secure.sendall(head(f"Content-Length: {len(body)}\r\n") + body.encode())
    say(peer=peer, **answer(secure))


def two_segments(body, cut):
    """The body in two TLS records, each in a TCP segment of its own."""
    sock = connect("plain", "203.0.113.10", 443)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secure = tls(sock)
    cut = int(cut)
    secure.sendall(head(f"Content-Length: {len(body)}\r\n") + body[:cut].encode())
    wait_acknowledged(secure)
    secure.sendall(body[cut:].encode())
    say(**answer(secure))


def two_chunks(body, cut):
    """The body in two chunks of the chunked transfer coding, each in a TCP segment of its own."""
    sock = connect("plain", "203.0.113.10", 443)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secure = tls(sock)
    cut = int(cut)
    chunk = lambda text: f"{len(text):x}\r\n{text}\r\n".encode()
    secure.sendall(head("Transfer-Encoding: chunked\r\n") + chunk(body[:cut]))
    wait_acknowledged(secure)
    secure.sendall(chunk(body[cut:]) + b"0\r\n\r\n")
    say(**answer(secure))


def two_frames(body, cut):
    """The body in two HTTP/2 DATA frames."""
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

    secure = tls(connect("plain", "203.0.113.10", 443), alpn=("h2",))
    assert secure.selected_alpn_protocol() == "h2", secure.selected_alpn_protocol()
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    fields = [(":method", "POST"), (":scheme", "https"), (":authority", NAME), (":path", "/raw")]
    connection.send_headers(1, fields)
    cut = int(cut)
    connection.send_data(1, body[:cut].encode())
    secure.sendall(connection.data_to_send())
    wait_acknowledged(secure)
    connection.send_data(1, body[cut:].encode(), end_stream=True)
    secure.sendall(connection.data_to_send())
    facts = {"status": 0, "blocked": None}
    while True:
        data = secure.recv(65536)
        if not data:
            break
        ended = False
        for event in connection.receive_data(data):
            if isinstance(event, ResponseReceived):
                fields = dict(event.headers)
                facts = {"status": int(fields[":status"]), "blocked": fields.get("x-pipelock-blocked")}
            ended |= isinstance(event, (StreamEnded, StreamReset))
        secure.sendall(connection.data_to_send())
        if ended:
            break
    say(**facts)


def refused_head(secret):
    """HTTP/2: a head that is refused, and a body a moment later, as a client sends it that is slow to read it from disk.

    Tells the answer and whether the stream was reset before its body was through.
    """
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import ResponseReceived, StreamEnded, StreamReset

    secure = tls(connect("plain", "203.0.113.10", 443), alpn=("h2",))
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    fields = [(":method", "POST"), (":scheme", "https"), (":authority", NAME), (":path", "/raw"), ("x-api-key", secret)]
    connection.send_headers(1, fields)
    secure.sendall(connection.data_to_send())
    facts = {"status": 0, "blocked": None, "reset": False}

    def listen():
        """Takes in what arrives; true while the stream is open."""
        ended = False
        for event in connection.receive_data(secure.recv(65536)):
            if isinstance(event, ResponseReceived):
                fields = dict(event.headers)
                facts.update(status=int(fields[":status"]), blocked=fields.get("x-pipelock-blocked"))
            facts["reset"] |= isinstance(event, StreamReset)
            ended |= isinstance(event, (StreamEnded, StreamReset))
        secure.sendall(connection.data_to_send())
        return not ended

    open_yet = True
    # A fifth of a second in which an answer that does not wait for the body would come, reset and all.
    while open_yet and (secure.pending() or select.select([secure], [], [], 0.2)[0]):
        open_yet = listen()
    if not facts["reset"]:
        connection.send_data(1, b"a body nobody will judge", end_stream=True)
        secure.sendall(connection.data_to_send())
    while open_yet:
        open_yet = listen()
    say(**facts)


def wait_acknowledged(sock):
    """Until the peer's kernel has everything written so far (SIOCOUTQ is 0): what comes next is another segment."""
    import array
    import fcntl

    waiting = array.array("i", [1])
    poller = select.poll()
    while waiting[0]:
        fcntl.ioctl(sock.fileno(), 0x5411, waiting)  # SIOCOUTQ
        poller.poll(1)


def udp(how, address, port):
    """One datagram to (address, port), connected or not; tells the errno, 0 when it was accepted."""
    family = socket.AF_INET if "." in address and ":" not in address else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_DGRAM)
    code = 0
    try:
        if how == "connected":
            sock.connect((address, int(port)))
            sock.send(b"x")
        else:
            sock.sendto(b"x", (address, int(port)))
    except OSError as error:
        code = error.errno
    say(errno=errno.errorcode.get(code, code))


def smtp(address):
    """Says nothing until greeted: whoever waits for the client to speak first waits for ever."""
    sock = connect("plain", address, 25)
    stream = sock.makefile("rw", newline="\r\n")
    banner = stream.readline().strip()
    stream.write("EHLO test\n")
    stream.flush()
    reply = stream.readline().strip()
    stream.write("QUIT\n")
    stream.flush()
    say(banner=banner, reply=reply)


def redis(address):
    """Speaks first, in a protocol that is neither HTTP nor TLS."""
    sock = connect("plain", address, 6379)
    stream = sock.makefile("rw", newline="\r\n")
    stream.write("PING\n")
    stream.flush()
    reply = stream.readline().strip()
    stream.write("QUIT\n")
    stream.flush()
    say(reply=reply)


def hold(address):
    """Begins a transfer that never ends, tells so, waits until it breaks, then tries to connect again, both families."""
    secure = tls(connect("plain", address, 443))
    secure.sendall(f"GET /hold HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    received = 0
    while received < 1024:
        received += len(secure.recv(4096))
    say(state="transferring")
    broken = "end of stream"
    try:
        while secure.recv(4096):
            pass
    except OSError as error:
        broken = type(error).__name__
    say(state="after", broken=broken, attempts=[refusal(target) for target in (address, "2001:db8:2::10")])


def refusal(target):
    """How connecting fails. A gateway that was killed closes its sockets one by one: what its listener still takes then ends
    without a byte, and is no answer. Whoever goes elsewhere waits here until the time is up, and is told as it is."""
    for _ in range(200):
        try:
            with connect("plain", target, 443) as sock:
                if sock.recv(1):
                    return "answered"
        except ConnectionResetError:
            pass
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error))
    return "connected"


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        say(error=f"{type(error).__name__}: {error}", errno=errno.errorcode.get(error.errno or 0, error.errno))
