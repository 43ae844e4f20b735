// A server of [method, pattern, handler(parts, {url, body, id, headers}) -> [status, body]] with problems and a clean stop.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

export class Refused extends Error {
  constructor(status, code) {
    super(code);
    Object.assign(this, { status, code });
  }
}

export function serve(routes) {
  const all = [
    ["GET", /^\/(?:healthz|readyz)$/, () => [200, { status: "ready", checks: {} }]],
    ...routes,
  ];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://here");
    const id = request.headers["x-request-id"] ?? randomUUID();
    let status, body;
    let type = "application/json";
    try {
      const [, pattern, handler] =
        all.find(([method, pattern]) => method === request.method && pattern.test(url.pathname)) ?? [];
      if (!handler) throw new Refused(404, "not_found");
      const parts = pattern.exec(url.pathname).slice(1).map(decodeURIComponent);
      [status, body] = await handler(parts, { url, id, headers: request.headers, body: await read(request) });
    } catch (error) {
      const { status: refused = 500, code = "internal" } = error instanceof Refused ? error : {};
      if (refused === 500) console.error(error);
      [status, type, body] = [refused, "application/problem+json", { title: code, status: refused, code }];
    }
    response.writeHead(status, { "Content-Type": type, "X-Request-ID": id, ...(status === 503 && { "Retry-After": "1" }) });
    response.end(body === undefined ? undefined : JSON.stringify(body));
    console.log(JSON.stringify({ ts: new Date(), level: "info", service: process.env.SERVICE_NAME, msg: request.url, status, request_id: id }));
  });
  server.listen(Number(process.env.PORT), process.env.HOST);
  process.on("SIGTERM", () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

async function read(request) {
  if (!["POST", "PATCH"].includes(request.method)) return undefined;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (body && typeof body === "object" && !Array.isArray(body)) return body;
  } catch {
    // falls through
  }
  throw new Refused(400, "no_object");
}
