// What every service needs, whatever it is for: environment, log lines, health, request ids, a clean stop.
import { randomUUID } from "node:crypto";
import { createServer, STATUS_CODES } from "node:http";
import { basename } from "node:path";

const service = basename(process.cwd());
const LONGEST = 1 << 20;

export function mustEnv(name) {
  return process.env[name] || cannotStart(`${name} is not set`);
}

export function number(name, fallback) {
  const text = process.env[name] || String(fallback);
  return /^\d+$/.test(text) ? Number(text) : cannotStart(`${name}="${text}" is not a whole number`);
}

function cannotStart(why) {
  console.error(`${service} cannot start: ${why}`);
  process.exit(2);
}

export function log(level, msg, more = {}) {
  console.log(JSON.stringify({ ts: new Date().toISOString(), level, service, msg, ...more }));
}

export function json(status, body, headers = {}) {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

export function problem(status, code, detail) {
  const body = { type: "about:blank", title: STATUS_CODES[status], status, code, detail };
  return json(status, body, { "Content-Type": "application/problem+json" });
}

/**
 * Answer on HOST:PORT until SIGTERM or SIGINT. `routes` are `[pattern, handler(groups, requestId, request) -> answer]`, with
 * the method as a third item if it is not GET; `request` has `headers`, and the `text` that was sent. In the end `stop` is
 * waited for, too.
 */
export function serve(routes, stop = async () => {}) {
  const all = [
    [/^\/healthz$/, () => json(200, { status: "alive" })],
    [/^\/readyz$/, () => json(200, { status: "ready", checks: {} })],
    ...routes,
  ];
  const server = createServer(async (request, response) => {
    const requestId = request.headers["x-request-id"] || `gen-${randomUUID()}`;
    const { status, headers, body } = await answer(all, request, requestId);
    response.writeHead(status, { ...headers, "X-Request-ID": requestId }).end(body);
  });
  server.listen(Number(process.env.PORT || 8000), process.env.HOST || "127.0.0.1");
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => {
      const closed = new Promise((done) => server.close(done)); // what is under way is finished, idle connections are closed
      Promise.all([closed, stop()]).finally(() => process.exit(0));
      setTimeout(() => process.exit(0), 3000).unref();
    });
  }
}

async function answer(routes, request, requestId) {
  const path = request.url.split("?", 1)[0];
  const suits = ([pattern, , method = "GET"]) => request.method === method && pattern.test(path);
  const [pattern, handler] = routes.find(suits) ?? [];
  if (!handler) return problem(404, "not_found", "There is nothing here.");
  try {
    const text = await sent(request);
    if (text === undefined) return problem(413, "too_large", "That is too much.");
    return await handler(pattern.exec(path).slice(1), requestId, { headers: request.headers, text });
  } catch (error) {
    log("error", "unforeseen error", { request_id: requestId, traceback: error.stack });
    return problem(500, "internal_error", "Something went wrong here; the log knows more.");
  }
}

/** The body, or undefined if it is too long. */
async function sent(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LONGEST) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The JSON object in a text, or undefined if there is none. */
export function object(text) {
  try {
    const found = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
