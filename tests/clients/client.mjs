// Usage: client.mjs fetch URL BODY
//
// Posts BODY to URL with the fetch built into Node and prints one JSON line: status, why it was blocked, or the error.
const [, , , url, body] = process.argv;
const headers = { "Content-Type": "application/json", "X-CamelCase-Probe": "kept" };
try {
  const response = await fetch(url, { method: "POST", headers, body });
  await response.arrayBuffer();
  console.log(JSON.stringify({ status: response.status, blocked: response.headers.get("x-pipelock-blocked") }));
} catch (error) {
  console.log(JSON.stringify({ error: `${error}: ${error.cause ?? ""}` }));
}
