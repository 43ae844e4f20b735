// Orders in Node alone, with a folder of files for a database. Of a key three files tell: what was asked under it, who is
// at it, and what was answered.
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Shelf } from "./shelf.js";

const env = process.env;
const timeout = Number(env.HTTP_TIMEOUT_MS ?? 1000);
const lease = Number(env.IDEMPOTENCY_LEASE_S ?? 5) * 1000;
const shelf = new Shelf(env.DATABASE_URL.replace("sqlite:///", "") + ".files");

const problem = (status, code) => ({ status, text: JSON.stringify({ title: code, status, code }) });
const said = (status, value) => ({ status, text: JSON.stringify(value) });

async function place(user, key, text) {
  if (!key) return problem(400, "idempotency_key_missing");
  const wanted = parse(text);
  if (typeof wanted?.sku !== "string" || !wanted.sku || !Number.isSafeInteger(wanted.amount) || wanted.amount <= 0) {
    return problem(400, "bad_order");
  }
  const name = createHash("sha256").update(JSON.stringify([user, key])).digest("hex");
  shelf.put(`asked-${name}`, { text, order: randomUUID() });
  const asked = shelf.get(`asked-${name}`);
  if (asked.text !== text) return problem(422, "idempotency_key_reused");

  const known = shelf.get(`answered-${name}`);
  if (known) return known;
  if (shelf.age(`busy-${name}`) > lease) shelf.drop(`busy-${name}`); // whoever that was, it is no more
  if (!shelf.put(`busy-${name}`, {})) return shelf.get(`answered-${name}`) ?? problem(409, "request_in_progress");
  try {
    const answer = await pay(user, wanted, asked.order);
    if (answer.status !== 503) shelf.put(`answered-${name}`, answer);
    return shelf.get(`answered-${name}`) ?? answer;
  } finally {
    shelf.drop(`busy-${name}`);
  }
}

async function pay(user, { sku, amount }, id) {
  let status, charge;
  try {
    const answer = await fetch(`${env.PAYMENT_URL}/charges`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": id },
      body: JSON.stringify({ order_id: id, amount }),
      signal: AbortSignal.timeout(timeout),
    });
    status = answer.status;
    charge = await answer.json();
  } catch {
    return problem(503, "payment_unavailable");
  }
  if (status === 402) return problem(402, "payment_declined");
  if (status !== 201) return problem(503, "payment_unavailable");
  const order = { id, user_id: user, sku, amount, status: "paid", charge_id: charge.id, note: "" };
  shelf.put(`order-${id}`, order);
  return said(201, order);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function answer(request, url, text) {
  const user = request.headers["x-user-id"];
  const line = `${request.method} ${url.pathname}`;
  if (line === "GET /healthz") return said(200, { status: "alive" });
  if (line === "GET /readyz") return said(200, { status: "ready", checks: {} });
  if (line === "POST /orders") return place(user, request.headers["idempotency-key"], text);
  if (line === "GET /orders") return said(200, { items: shelf.all("order-").filter((order) => order.user_id === user) });
  const [, id] = /^PUT \/orders\/([\w-]+)\/note$/.exec(line) ?? [];
  const order = id && shelf.get(`order-${id}`);
  if (!order || order.user_id !== user) return problem(404, "not_found");
  order.note = parse(text).note;
  shelf.replace(`order-${id}`, order);
  return said(200, order);
}

const server = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  let found;
  try {
    found = await answer(request, new URL(request.url, "http://here"), text);
  } catch (error) {
    console.log(JSON.stringify({ ts: new Date().toISOString(), level: "error", service: "orders", msg: String(error) }));
    found = problem(500, "internal");
  }
  const type = found.status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(found.status, { "Content-Type": type }).end(found.text);
});

server.listen(Number(env.PORT), env.HOST);
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
