// Usage: mcp_client.mjs URL MODULES
//
// Everything a client of the official TypeScript SDK does with a server, told as lines that are the same each time.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [url, modules] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const types = await load("@modelcontextprotocol/sdk/types.js");

const tell = (name, value) => console.log(`${name}: ${JSON.stringify(value)}`);
const client = new Client(
  { name: "peer-ts-client", version: "1" },
  { capabilities: { sampling: {}, elicitation: {}, roots: {} } },
);
client.setRequestHandler(types.CreateMessageRequestSchema, async ({ params }) => ({
  role: "assistant",
  model: "none",
  content: { type: "text", text: `heard ${params.messages.length}` },
}));
client.setRequestHandler(types.ElicitRequestSchema, async ({ params }) => ({
  action: "accept",
  content: { username: params.message, email: "a@b.test" },
}));
const heard = [];
client.setNotificationHandler(types.LoggingMessageNotificationSchema, ({ params }) => heard.push(params.data));
const transport = new StreamableHTTPClientTransport(new URL(url), {
  requestInit: { headers: { authorization: "Bearer of-the-sdk" } },
});
await client.connect(transport);
tell("server", client.getServerVersion());
tell("capabilities", client.getServerCapabilities());
const { tools } = await client.listTools();
tell("tools", tools);
const attempt = async (name, args, options) => {
  try {
    tell(name, await client.callTool({ name, arguments: args }, undefined, options));
  } catch (error) {
    tell(name, { code: error.code, message: error.message });
  }
};
const has = (name) => tools.some((tool) => tool.name === name);
await attempt("echo", { words: "grüße, 世界 \u0000 \"quoted\" \\ back" });
await attempt("echo", { words: "x".repeat(200_000) });
await attempt("echo", {});
for (const name of tools.map((tool) => tool.name).filter((name) => name.startsWith("test_"))) {
  const progress = [];
  const args = name === "test_sampling" ? { prompt: "say" } : name === "test_elicitation" ? { message: "who" } : {};
  await attempt(name, args, { onprogress: (step) => progress.push(step) });
  tell("progress", progress);
}
tell("heard", heard);
await attempt("no_such_tool", {});
if (has("test_simple_text")) {
  tell("resources", await client.listResources());
  tell("resource", await client.readResource({ uri: "test://static-binary" }));
  tell("prompts", await client.listPrompts());
}
tell("ping", await client.ping());
await transport.terminateSession().catch((error) => tell("end", error.message));
await client.close();
