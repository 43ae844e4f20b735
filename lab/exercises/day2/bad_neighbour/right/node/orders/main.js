// Orders in Node alone: fetch for users, a journal of its own for orders. Whoever finds no place is sent away at once.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Journal } from "./journal.js";
import { Unavailable, Users } from "./users.js";

const env = process.env;
const users = new Users(env.USERS_URL, Number(env.HTTP_TIMEOUT_MS ?? 500), Number(env.OUTBOUND_MAX ?? 10), Number(env.RETRY_ATTEMPTS ?? 1));
const journal = new Journal(env.DATABASE_URL.replace("sqlite:///", "") + ".journal");

const problem = (status, code, headers = {}) => ({
  status,
  body: { title: code, status, code },
  headers: { "Content-Type": "application/problem+json", ...headers },
});

const routes = {
  "GET /healthz": () => ({ body: { status: "alive" } }),
  "GET /readyz": () => ({ body: { status: users.well ? "ready" : "degraded", checks: {} } }),
  "GET /orders": (_, url) => ({ body: { items: journal.of(url.searchParams.get("user_id")) } }),
  "GET /orders/": (_, url) => {
    const order = journal.get(decodeURIComponent(url.pathname.slice("/orders/".length)));
    return order ? { body: order } : problem(404, "unknown_order");
  },
  "POST /orders": async (request, _, requestId) => {
    const sent = await read(request);
    if (!sent) return problem(422, "bad_order");
    if (!(await users.has(sent.user_id, requestId))) return problem(422, "unknown_user");
    const total = sent.items.reduce((sum, { qty, price }) => sum + qty * price, 0);
    const order = { id: randomUUID(), ...sent, total, status: "created", created_at: new Date().toISOString() };
    journal.add(order);
    return { status: 201, body: order };
  },
};

async function read(request) {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) {
    text += piece;
    if (text.length > 100_000) return null;
  }
  try {
    const { user_id, items } = JSON.parse(text);
    const good = ({ sku, qty, price }) =>
      typeof sku === "string" && Number.isSafeInteger(qty) && qty > 0 && Number.isSafeInteger(price) && price >= 0;
    if (typeof user_id !== "string" || !user_id || !items.length || !items.every(good)) return null;
    return { user_id, items: items.map(({ sku, qty, price }) => ({ sku, qty, price })) };
  } catch {
    return null;
  }
}

const server = createServer(async (request, response) => {
  const requestId = request.headers["x-request-id"] ?? randomUUID();
  const url = new URL(request.url, "http://here");
  const path = url.pathname.startsWith("/orders/") ? "/orders/" : url.pathname;
  let answer;
  try {
    answer = (await routes[`${request.method} ${path}`]?.(request, url, requestId)) ?? problem(404, "not_found");
  } catch (error) {
    answer = error instanceof Unavailable ? problem(503, "users_unavailable", { "Retry-After": "1" }) : problem(500, "internal");
  }
  const { status = 200, headers = { "Content-Type": "application/json" }, body } = answer;
  response.writeHead(status, { ...headers, "X-Request-ID": requestId });
  response.end(JSON.stringify(body));
  console.log(JSON.stringify({ ts: new Date().toISOString(), level: "info", service: "orders", msg: `${request.method} ${url.pathname}`, status, request_id: requestId }));
});

server.listen(Number(env.PORT), env.HOST);
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
