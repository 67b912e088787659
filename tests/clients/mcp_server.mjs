// Usage: mcp_server.mjs PORT MODULES
//
// A server by the official TypeScript SDK, with sessions and streams, that has what the MCP conformance suite asks for.
// MODULES is the directory of node_modules. Says "ready" when it listens on 127.0.0.1:PORT.

import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, modules] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { McpServer, ResourceTemplate } = await load("@modelcontextprotocol/sdk/server/mcp.js");
const { StreamableHTTPServerTransport } = await load("@modelcontextprotocol/sdk/server/streamableHttp.js");
const types = await load("@modelcontextprotocol/sdk/types.js");
const { z } = await load("zod");

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SOUND = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
const text = (text) => ({ type: "text", text });

function build() {
  const server = new McpServer(
    { name: "peer-ts", version: "1.0.0" },
    { capabilities: { logging: {}, completions: {}, resources: { subscribe: true, listChanged: true }, tools: {}, prompts: {} } },
  );
  const tool = (name, description, inputSchema, handler) => server.registerTool(name, { description, inputSchema }, handler);
  tool("echo", "Says what it is told.", { words: z.string() }, async ({ words }) => ({ content: [text(words)] }));
  tool("test_simple_text", "Answers with a text.", {}, async () => ({
    content: [text("This is a simple text response for testing.")],
  }));
  tool("test_image_content", "Answers with a picture.", {}, async () => ({
    content: [{ type: "image", data: PIXEL, mimeType: "image/png" }],
  }));
  tool("test_audio_content", "Answers with a sound.", {}, async () => ({
    content: [{ type: "audio", data: SOUND, mimeType: "audio/wav" }],
  }));
  const embedded = {
    type: "resource",
    resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." },
  };
  tool("test_embedded_resource", "Answers with a resource.", {}, async () => ({ content: [embedded] }));
  tool("test_multiple_content_types", "Answers with several things.", {}, async () => ({
    content: [
      text("Multiple content types test:"),
      { type: "image", data: PIXEL, mimeType: "image/png" },
      {
        type: "resource",
        resource: { uri: "test://mixed-content-resource", mimeType: "application/json", text: '{"test":"data","value":123}' },
      },
    ],
  }));
  tool("test_tool_with_logging", "Logs while it works.", {}, async (_, { sendNotification }) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await sendNotification({ method: "notifications/message", params: { level: "info", data } });
    }
    return { content: [text("Tool with logging executed successfully")] };
  });
  tool("test_error_handling", "Always fails.", {}, async () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
  tool("test_tool_with_progress", "Tells how far it is.", {}, async (_, { sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken ?? 0;
    for (const progress of [0, 50, 100]) {
      await sendNotification({
        method: "notifications/progress",
        params: { progressToken, progress, total: 100, message: `Completed step ${progress} of ${100}` },
      });
    }
    return { content: [text(String(progressToken))] };
  });
  tool("test_sampling", "Asks the client's model.", { prompt: z.string() }, async ({ prompt }, { sendRequest }) => {
    const params = { messages: [{ role: "user", content: text(prompt) }], maxTokens: 100 };
    const said = await sendRequest({ method: "sampling/createMessage", params }, types.CreateMessageResultSchema);
    return { content: [text(`LLM response: ${said.content.text ?? "No response"}`)] };
  });
  const asks = (name, input, message, properties, required = []) =>
    tool(name, "Asks the client's user.", input, async (given, { sendRequest }) => {
      const params = { message: message(given), requestedSchema: { type: "object", properties, required } };
      const said = await sendRequest({ method: "elicitation/create", params }, types.ElicitResultSchema);
      return { content: [text(`User response: action=${said.action}, content=${JSON.stringify(said.content ?? {})}`)] };
    });
  const answers = { username: { type: "string", description: "User's response" }, email: { type: "string", description: "User's email address" } };
  asks("test_elicitation", { message: z.string() }, ({ message }) => message, answers, ["username", "email"]);
  asks("test_elicitation_sep1034_defaults", {}, () => "Please review and update the form fields with defaults", {
    name: { type: "string", description: "User name", default: "John Doe" },
    age: { type: "integer", description: "User age", default: 30 },
    score: { type: "number", description: "User score", default: 95.5 },
    status: { type: "string", description: "User status", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", description: "Verification status", default: true },
  });
  const options = ["option1", "option2", "option3"];
  const titled = ["value1", "value2", "value3"].map((value, at) => ({ const: value, title: `Option ${at + 1}` }));
  asks("test_elicitation_sep1330_enums", {}, () => "Please select options from the enum fields", {
    untitledSingle: { type: "string", enum: options },
    titledSingle: { type: "string", oneOf: titled },
    legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["Option One", "Option Two", "Option Three"] },
    untitledMulti: { type: "array", items: { type: "string", enum: options } },
    titledMulti: { type: "array", items: { anyOf: titled } },
  });
  server.registerResource("static-text", "test://static-text", { mimeType: "text/plain" }, async (uri) => ({
    contents: [{ uri: uri.href, mimeType: "text/plain", text: "This is the content of the static text resource." }],
  }));
  server.registerResource("static-binary", "test://static-binary", { mimeType: "image/png" }, async (uri) => ({
    contents: [{ uri: uri.href, mimeType: "image/png", blob: PIXEL }],
  }));
  server.registerResource("watched", "test://watched-resource", { mimeType: "text/plain" }, async (uri) => ({
    contents: [{ uri: uri.href, mimeType: "text/plain", text: "Watched resource content" }],
  }));
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined });
  server.registerResource("template", template, { mimeType: "application/json" }, async (uri, { id }) => ({
    contents: [{ uri: uri.href, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }],
  }));
  const says = (content) => ({ messages: [{ role: "user", content }] });
  server.registerPrompt("test_simple_prompt", { description: "A prompt." }, async () => says(text("This is a simple prompt for testing.")));
  server.registerPrompt(
    "test_prompt_with_arguments",
    { description: "A prompt with arguments.", argsSchema: { arg1: z.string(), arg2: z.string() } },
    async ({ arg1, arg2 }) => says(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description: "A prompt with a resource.", argsSchema: { resourceUri: z.string() } },
    async ({ resourceUri }) =>
      says({ type: "resource", resource: { uri: resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." } }),
  );
  server.registerPrompt("test_prompt_with_image", { description: "A prompt with a picture." }, async () =>
    says({ type: "image", data: PIXEL, mimeType: "image/png" }),
  );
  const inner = server.server;
  inner.setRequestHandler(types.SetLevelRequestSchema, async () => ({}));
  inner.setRequestHandler(types.SubscribeRequestSchema, async () => ({}));
  inner.setRequestHandler(types.UnsubscribeRequestSchema, async () => ({}));
  inner.setRequestHandler(types.CompleteRequestSchema, async () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}

/** Events by stream, so that a client can resume. */
class Kept {
  events = new Map();
  async storeEvent(stream, message) {
    const id = `${stream}_${this.events.size}`;
    this.events.set(id, { stream, message });
    return id;
  }
  async replayEventsAfter(last, { send }) {
    const stream = this.events.get(last)?.stream ?? "";
    let behind = false;
    for (const [id, event] of this.events) {
      if (behind && event.stream === stream) await send(id, event.message);
      behind ||= id === last;
    }
    return stream;
  }
}

const sessions = new Map();
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const message = body ? JSON.parse(body) : undefined;
  const name = request.headers["mcp-session-id"];
  let transport = sessions.get(name);
  const refuse = (status, words) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32000, message: words }, id: null }));
  };
  if (!transport && name) return refuse(404, "Session not found");
  if (!transport) {
    if (!message || (Array.isArray(message) ? message : [message]).every(({ method }) => method !== "initialize")) {
      return refuse(400, "Bad Request: no session");
    }
    const local = [`127.0.0.1:${port}`, `localhost:${port}`];
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new Kept(),
      retryInterval: 500,
      enableDnsRebindingProtection: true,
      allowedHosts: local,
      onsessioninitialized: (id) => sessions.set(id, transport),
      onsessionclosed: (id) => sessions.delete(id),
    });
    await build().connect(transport);
  }
  await transport.handleRequest(request, response, message);
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
