"""Usage: peers.py PEM HOST

Servers that others wrote, on the ports that interop.py asks, all with the certificate and key in PEM: WebSocket
(websockets) on 9101, gRPC (grpcio) on 9102, S3 (moto) on 9103, and server-sent events in the shapes of OpenAI and
Anthropic (aiohttp would hide the writes, so by asyncio alone) on 9104. Says "ready" when all of them listen.
"""

import asyncio
import json
import ssl
import sys
import threading

import grpc
import websockets
from moto.server import DomainDispatcherApplication, create_backend_app
from websockets.asyncio.server import serve
from werkzeug.serving import make_server

WEBSOCKET, GRPC, S3, EVENTS = 9101, 9102, 9103, 9104


async def echo(socket):
    """Sends back what comes, in the kind it came in; "close" asks for a close of its own."""
    async for message in socket:
        if message == "close":
            await socket.close(4001, "as you wish")
            return
        await socket.send(message)


def grpc_server(pem):
    def unary(request, context):
        context.send_initial_metadata((("x-peer", "grpc"),))
        context.set_trailing_metadata((("x-length", str(len(request))),))
        return request[::-1]

    def fails(request, context):
        context.set_trailing_metadata((("x-why", "asked"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100 % sure")

    def down(request, context):
        for number in range(int(request)):
            yield b"item %d" % number

    def both(requests, context):
        for request in requests:
            yield b"seen " + request

    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fails": grpc.unary_unary_rpc_method_handler(fails),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Both": grpc.stream_stream_rpc_method_handler(both),
    }
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Peer", methods),))
    key = pem[pem.index("-----BEGIN PRIVATE KEY") :].encode()
    chain = pem[: pem.index("-----BEGIN PRIVATE KEY")].encode()
    server.add_secure_port(f"[::]:{GRPC}", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    return server


def s3_server(tls):
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("::", S3, app, threaded=True, ssl_context=tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def chat_events():
    for word in ["Your ", "budget ", "is ", "fine", "."]:
        yield "data: " + json.dumps(
            {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
            }
        )
        yield ": keep-alive"
    yield "data: [DONE]"


def message_events():
    def event(kind, **fields):
        return f"event: {kind}\ndata: " + json.dumps({"type": kind, **fields})

    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    yield event("message_start", message={**message, "stop_reason": None, "stop_sequence": None})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for word in ["Rent ", "went ", "up", "."]:
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield event("content_block_stop", index=0)
    yield event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage)
    yield event("message_stop")


async def events(reader, writer):
    """One answer a connection: chunks of one event each, with a pause between them as a model makes it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    made = message_events() if b"/messages" in head.split(b"\r\n")[0] else chat_events()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    for event in made:
        data = (event + "\n\n").encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    writer.close()


async def main(file):
    with open(file) as text:
        pem = text.read()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    keep = grpc_server(pem)
    s3_server(tls)
    async with serve(echo, "0.0.0.0", WEBSOCKET, ssl=tls, max_size=None):
        await asyncio.start_server(events, "0.0.0.0", EVENTS, ssl=tls)
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()
    del keep


if __name__ == "__main__":
    assert websockets.__version__
    asyncio.run(main(sys.argv[1]))
