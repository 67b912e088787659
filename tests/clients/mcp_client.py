"""Usage: mcp_client.py URL [sessions]

Everything a client of the official Python SDK does with a server, told as lines that are the same each time; once as the
revisions with sessions, once as the one without (unless told that there are only sessions). Then the same messages as bytes, without an SDK.
"""

import json
import re
import sys
import urllib.error
import urllib.request

import anyio
from mcp import Client

URL = sys.argv[1]


def tell(name, value):
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    print(f"{name}: {json.dumps(value, sort_keys=True)}", flush=True)


async def attempt(client, name, arguments):
    progress = []

    async def step(done, total, message):
        progress.append([done, total, message])

    try:
        tell(name, await client.call_tool(name, arguments, progress_callback=step))
    except Exception as error:  # what a client is told is what is compared
        tell(name, {"error": type(error).__name__, "message": str(error)})
    if progress:
        tell("progress", progress)


async def use(mode):
    print(f"== {mode}")
    async with Client(URL, mode=mode) as client:
        tell("version", client.protocol_version)
        tell("server", client.server_info)
        listed = await client.list_tools()
        tell("tools", listed)
        await attempt(client, "echo", {"words": "grüße, 世界 \u0000 \"quoted\" \\ back"})
        await attempt(client, "echo", {"words": "x" * 200_000})
        await attempt(client, "echo", {})
        for tool in sorted(tool.name for tool in listed.tools if tool.name.startswith("test_")):
            if tool not in ("test_sampling",) and "elicitation" not in tool:
                await attempt(client, tool, {})
        await attempt(client, "no_such_tool", {})
        tell("resources", await client.list_resources())
        tell("resource", await client.read_resource("test://static-binary"))
        tell("prompts", await client.list_prompts())
        tell("prompt", await client.get_prompt("test_simple_prompt"))


def raw():
    """Statuses, types and bodies as they are."""
    print("== bytes")
    session = {}
    initialize = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}

    def ask(body, method="POST", **more):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **session, **more}
        request = urllib.request.Request(URL, None if body is None else body.encode(), headers, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        data = answer.read()
        if "mcp-session-id" in answer.headers:
            session["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
        # Names of events are random.
        data = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"UUID", data.replace(b"\r", b"\\r"))
        print(method, answer.status, answer.headers.get("content-type"), data, flush=True)

    message = lambda id, method, params: json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    ask(message(1, "initialize", initialize))
    session["MCP-Protocol-Version"] = "2025-06-18"
    ask(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    ask(message("two", "tools/list", {}))
    ask(message(3, "tools/call", {"name": "echo", "arguments": {"words": "é \ud83d\ude00"}}))
    ask(message(4, "tools/call", {"name": "test_error_handling", "arguments": {}}))
    ask(message(5, "no/such/method", {}))
    ask(None, "DELETE")


if "sessions" not in sys.argv:
    anyio.run(use, "auto")
anyio.run(use, "legacy")
raw()
