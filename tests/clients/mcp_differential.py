"""Usage: mcp_differential.py SERVER_PORT GATEWAY_PORT AUDIT COUNT

Generated messages, ordinary and hostile ones, through the MCP port to a server that reads them with the parsers of the
official SDK (both ways it has). What the port let pass must be read by the SDK as the port read it: the same method and tool
as in its audit record, the same id (an answer with another one would not come back), or not at all.

Says "ready" when the server listens, begins at a line on standard input, and ends with "N sent, M forwarded, K differ".
"""

import http.client
import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pydantic_core
from mcp.types import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

SERVER, GATEWAY, AUDIT, COUNT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
random.seed(20261128)

METHODS = ["tools/call", "tools/list", "ping", "initialize", "notifications/x", "tools\\/call", "tools\\u002fcall", "tööls"]
IDS = ["1", "0", "-7", '"a"', '"\\u0061"', "null", "1.5", "1.0", "1e3", "true", "[1]", "18446744073709551615", "9223372036854775808",
       "-9223372036854775809", '"\\ud83d\\ude00"', "01", "-0"]
VALUES = ["1", '"x"', "null", "true", "1e400", "-0.0", "[1,[2,[3]]]", '{"a":{"b":1}}', '"\\u0000"', '"\\ud800"', '"é"', "NaN", "Infinity",
          "1" * 40, "0.1", '"a\\/b"', "[]", "{}", "[" * 70 + "]" * 70]


def member(key, value):
    if random.random() < 0.05:
        key = "".join(f"\\u{ord(c):04x}" if random.random() < 0.4 else c for c in key)
    if random.random() < 0.04:
        key = key.swapcase()
    space = random.choice(["", "", "", " ", "\n", "\t"])
    return f'"{key}"{space}:{space}{value}'


def message():
    method = random.choice(METHODS)
    params = [member("name", random.choice(['"get_accounts"', '"get_\\u0061ccounts"', '"x"', "7"]))]
    params += [member("arguments", "{" + ",".join(member(random.choice("abc"), random.choice(VALUES)) for _ in range(random.randrange(3))) + "}")]
    members = [member("jsonrpc", random.choice(['"2.0"'] * 12 + ['"1.0"', '"2.0 "', "2.0"]))]
    if random.random() < 0.85:
        members.append(member("id", random.choice(IDS[:5] if random.random() < 0.7 else IDS)))
    if random.random() < 0.95:
        members.append(member("method", f'"{method}"'))
    if random.random() < 0.9:
        members.append(member("params", "{" + ",".join(params) + "}"))
    for extra in ("result", "error", "method", "id", "params", "x"):
        if random.random() < 0.03:
            members.append(member(extra, random.choice(VALUES)))
    random.shuffle(members)
    text = "{" + ",".join(members) + "}"
    how = random.random()
    if how < 0.04:
        text = "[" + ",".join([text] * random.randrange(3)) + "]"
    data = bytearray(random.choice(["", "", "", " ", "\ufeff"]).encode() + text.encode("utf-8", "surrogatepass"))
    if random.random() < 0.15:
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(data))
            what = random.random()
            if what < 0.4:
                data[at] = random.randrange(256)
            elif what < 0.7:
                del data[at]
            else:
                data.insert(at, random.choice(b'{}[]",:\\\x00\xff\xc0 0e'))
    return bytes(data)


def read(data):
    """What the SDK reads, in each of its ways: kind, id, method, tool; None where it refuses."""
    seen = []
    for way in (
        lambda: jsonrpc_message_adapter.validate_python(pydantic_core.from_json(data), by_name=False),
        lambda: jsonrpc_message_adapter.validate_json(data, by_name=False),
    ):
        try:
            one = way()
        except Exception:
            continue
        if isinstance(one, (JSONRPCRequest, JSONRPCNotification)):
            tool = (one.params or {}).get("name") if one.method == "tools/call" else None
            seen.append((getattr(one, "id", None), one.method, tool if isinstance(tool, str) else None))
        else:
            seen.append((getattr(one, "id", None), None, None))
    return seen


forwarded = {}


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        number = self.headers["x-number"]
        forwarded[number] = data
        seen = read(data)
        # Nobody answers an answer.
        identity = seen[0][0] if seen and seen[0][1] else None
        body = json.dumps({"jsonrpc": "2.0", "id": identity, "result": {}} if seen else {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no"}}).encode()
        self.send_response(200 if identity is not None or not seen else 202)
        if seen and identity is None:
            body = b""
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", SERVER), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()

client = http.client.HTTPConnection("127.0.0.1", GATEWAY, timeout=60)
sent, answers = {}, {}
for number in range(COUNT):
    data = message()
    sent[str(number)] = data
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "x-number": str(number),
               "mcp-protocol-version": "2025-06-18", "authorization": f"Bearer n{number}"}
    client.request("POST", "/mcp", data, headers)
    answer = client.getresponse()
    answers[str(number)] = answer.read()

deadline = time.monotonic() + 60
records = []
while len(records) < COUNT and time.monotonic() < deadline:
    time.sleep(0.2)
    with open(AUDIT, encoding="utf-8") as file:
        records = [record for record in (json.loads(line) for line in file if line.endswith("\n")) if record.get("front_door") == "mcp"]

differ = []
for number, record in enumerate(records):
    data = forwarded.get(str(number))
    if data is None:
        continue
    if data != sent[str(number)]:
        differ.append(("other bytes", number, sent[str(number)], data))
    ours = (record["mcp"].get("rpc_method"), record["mcp"].get("tool"))
    for identity, method, tool in read(data):
        # A record shows no control characters.
        shown = tuple(name and "".join(c for c in name if c.isprintable()) for name in (method, tool))
        if shown != ours:
            differ.append(("read otherwise", ours, (method, tool), data))
        if identity is not None and method and json.loads(answers[str(number)]).get("id") != identity:
            differ.append(("another id", identity, answers[str(number)], data))
        elif identity is not None and method and "error" in json.loads(answers[str(number)]):
            differ.append(("its answer was refused", identity, answers[str(number)], data))
for what in differ[:10]:
    print(what)
print(f"{len(sent)} sent, {len(forwarded)} forwarded, {len(differ) + (len(records) != COUNT)} differ", flush=True)
