"""Usage: interop.py SCENARIO HOST

Talks to the servers of peers.py, or to nginx, the way real programs do, and prints what it saw: one JSON value a line, the
same in every run, so that a run through the gateway can be compared with a direct one, line by line. Nothing here knows
the gateway; trust comes from the variables that the libraries read.
"""

import hashlib
import json
import os
import sys
import time

NGINX = 9100
WEBSOCKET, GRPC, S3, EVENTS = 9101, 9102, 9103, 9104


def say(*values):
    print(json.dumps(values, default=str))


def digest(data):
    return [len(data), hashlib.sha256(data).hexdigest()[:16]]


def text(size):
    """Prose of that many bytes, the same every time."""
    words = "the rent of march was paid and the budget is on track for savings ".encode()
    return (words * (size // len(words) + 1))[:size]


def nginx(host, http2):
    import httpx

    base = f"https://{host}:{NGINX}"
    with httpx.Client(http2=http2, timeout=30) as client:
        for method, path, headers in [
            ("GET", "/small.json", {}),
            ("GET", "/large.txt", {}),
            ("GET", "/large.txt", {"Accept-Encoding": "gzip"}),
            ("GET", "/large.txt", {"Range": "bytes=10-99"}),
            ("GET", "/picture.png", {}),
            ("HEAD", "/large.txt", {}),
            ("GET", "/missing", {}),
            ("GET", "/moved", {}),
            ("GET", "/nothing", {}),
            ("OPTIONS", "/small.json", {}),
            ("PUT", "/small.json", {"X-Odd": "a, b"}),
        ]:
            response = client.request(method, base + path, headers=headers)
            shown = {k: v for k, v in response.headers.items() if k not in ("date", "last-modified", "etag")}
            say(method, path, response.http_version, response.status_code, response.reason_phrase, shown)
            say(digest(response.content))
        etag = client.get(base + "/small.json").headers["etag"]
        again = client.get(base + "/small.json", headers={"If-None-Match": etag})
        say("revalidated", again.status_code, len(again.content))


def websocket(host):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with connect(f"wss://{host}:{WEBSOCKET}/chat?room=1", max_size=None, additional_headers={"X-Odd": "1"}) as socket:
        for message in ["hello", "", "ümlaut ✓", b"\x00\x01\xfe", text(70_000).decode(), text(300_000)]:
            socket.send(message)
            back = socket.recv(timeout=30)
            raw = back.encode() if isinstance(back, str) else back
            say(type(back).__name__, digest(raw), back == message)
        # In pieces, with a ping between them.
        socket.send(iter(["frag", "men", "ted"]))
        say(socket.recv(timeout=30))
        say("pong", socket.ping().wait(30))
        socket.send("close")
        try:
            socket.recv(timeout=30)
        except ConnectionClosed as closed:
            say("closed", closed.rcvd.code, closed.rcvd.reason)


def grpcio(host):
    import grpc

    with grpc.secure_channel(f"{host}:{GRPC}", grpc.ssl_channel_credentials()) as channel:
        call = lambda kind, name: getattr(channel, kind)(f"/test.Peer/{name}")
        for payload in [b"", b"budget", text(200_000)]:
            answer, state = call("unary_unary", "Unary").with_call(payload, timeout=30)
            say(digest(answer), state.code(), sorted(state.initial_metadata()), sorted(state.trailing_metadata()))
        try:
            call("unary_unary", "Fails")(b"x", timeout=30)
        except grpc.RpcError as error:
            say(error.code(), error.details(), sorted(error.trailing_metadata()))
        say([item.decode() for item in call("unary_stream", "Down")(b"5", timeout=30)])
        # One message is sent only after the answer to the one before has come: nobody may wait for the end.
        stream, seen = Turns(), []
        for answer in call("stream_stream", "Both")(iter(stream), timeout=30):
            seen.append(answer.decode())
            stream.next()
        say(seen)


def grpc_leak(host):
    """A message whose last bytes are a secret, and a client that waits for its answer before it says anything more."""
    import grpc

    with grpc.secure_channel(f"{host}:{GRPC}", grpc.ssl_channel_credentials()) as channel:
        stream = Turns(b"please keep " + os.environ["LEAK"].encode())
        try:
            for answer in channel.stream_stream("/test.Peer/Both")(iter(stream), timeout=30):
                say("arrived", len(answer))
                return
        except grpc.RpcError as error:
            say("stopped", error.code())


class Turns:
    """Three messages, each released by `next`."""

    def __init__(self, first=b"one"):
        import queue

        self.queue, self.sent = queue.Queue(), 1
        self.queue.put(first)

    def next(self):
        self.sent += 1
        self.queue.put(b"message %d" % self.sent if self.sent <= 3 else None)

    def __iter__(self):
        return iter(self.queue.get, None)


def s3(host):
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=f"https://{host}:{S3}",
        region_name="us-east-1",
        # What the double takes; it is no one's key.
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    client.create_bucket(Bucket="papers")
    for name, body, more in [
        ("small.txt", b"rent", {}),
        ("summed.txt", text(100_000), {"ChecksumAlgorithm": "SHA256"}),
        ("large.pdf", b"%PDF-1.7\n" + text(3_000_000), {"ContentType": "application/pdf"}),
    ]:
        answer = client.put_object(Bucket="papers", Key=name, Body=body, **more)
        say(name, answer["ResponseMetadata"]["HTTPStatusCode"], answer["ETag"], answer.get("ChecksumSHA256"))
        back = client.get_object(Bucket="papers", Key=name)
        say(digest(back["Body"].read()), back["ContentType"], back["ContentLength"])
    say([item["Key"] for item in client.list_objects_v2(Bucket="papers")["Contents"]])
    client.delete_object(Bucket="papers", Key="small.txt")
    try:
        client.get_object(Bucket="papers", Key="small.txt")
    except client.exceptions.NoSuchKey as error:
        say("gone", error.response["ResponseMetadata"]["HTTPStatusCode"])


def openai(host):
    import openai

    client = openai.OpenAI(base_url=f"https://{host}:{EVENTS}/v1", api_key="unset", max_retries=0, timeout=30)
    ask = [{"role": "user", "content": "how is my budget?"}]
    stream = client.chat.completions.create(model="m", messages=ask, stream=True)
    timed([chunk.choices[0].delta.content for chunk in arrivals(stream)])


def anthropic(host):
    import anthropic

    client = anthropic.Anthropic(base_url=f"https://{host}:{EVENTS}", api_key="unset", max_retries=0, timeout=30)
    ask = [{"role": "user", "content": "what changed?"}]
    with client.messages.stream(model="m", max_tokens=64, messages=ask) as stream:
        timed(list(arrivals(stream.text_stream)))
        final = stream.get_final_message()
    say(final.stop_reason, final.content[0].text)


ARRIVED = []


def arrivals(stream):
    """What a stream brings, with the time of each."""
    for item in stream:
        ARRIVED.append(time.monotonic())
        yield item


def timed(items):
    """The items, and whether they came one after another and not all at the end: the server pauses 20 ms between them."""
    spread = ARRIVED[-1] - ARRIVED[0]
    say(items, "one after another" if spread > 0.03 else f"together, within {spread:.3f} s")


SCENARIOS = {
    "nginx_h1": lambda host: nginx(host, False),
    "nginx_h2": lambda host: nginx(host, True),
    "websocket": websocket,
    "grpc": grpcio,
    "grpc_leak": grpc_leak,
    "s3": s3,
    "openai": openai,
    "anthropic": anthropic,
}

if __name__ == "__main__":
    name, peer = sys.argv[1:]
    os.environ.setdefault("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", os.environ.get("SSL_CERT_FILE", ""))
    os.environ.setdefault("AWS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE", ""))
    SCENARIOS[name](peer)
