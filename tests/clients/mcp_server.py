"""Usage: mcp_server.py PORT

A server by the official Python SDK over Streamable HTTP. Says "ready" when it listens on 127.0.0.1:PORT.
"""

import sys
import threading
import time
import socket

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("peer-py", version="1.0.0")


@server.tool()
def echo(words: str) -> str:
    """Says what it is told."""
    return words


@server.tool()
def test_simple_text() -> str:
    """Answers with a text."""
    return "This is a simple text response for testing."


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Tells how far it is."""
    for step in (0, 50, 100):
        await ctx.report_progress(step, 100, f"step {step}")
    return "done"


@server.tool()
def test_error_handling() -> str:
    """Always fails."""
    raise ValueError("This tool intentionally fails")


@server.resource("test://static-text")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    return bytes(range(64))


@server.prompt()
def test_simple_prompt() -> str:
    return "This is a simple prompt for testing."


def say_when_open(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            print("ready", flush=True)
            return
        except OSError:
            time.sleep(0.05)


if __name__ == "__main__":
    port = int(sys.argv[1])
    threading.Thread(target=say_when_open, args=(port,), daemon=True).start()
    anyio.run(lambda: server.run_streamable_http_async(host="127.0.0.1", port=port))
