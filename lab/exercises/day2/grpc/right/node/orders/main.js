// Orders in Node alone: users is asked over gRPC, on one connection.
import { randomUUID } from "node:crypto";
import { Refused, serve } from "./http.js";
import { Kept } from "./kept.js";
import * as rpc from "./rpc.js";

const { DATABASE_URL, USERS_GRPC, GRPC_TIMEOUT_MS = "1000" } = process.env;
const orders = new Kept(DATABASE_URL.replace("sqlite:///", ""));
const users = new rpc.Client(USERS_GRPC);

async function confirm(id, patience) {
  try {
    await users.call("/users.v1.UserService/GetUser", rpc.encode([[1, id]]), patience());
  } catch (error) {
    if (error.code === rpc.status.NOT_FOUND) throw new Refused(422, "unknown_user");
    if (error.code === rpc.status.INVALID_ARGUMENT) throw new Refused(400, "invalid_user");
    throw new Refused(503, "users_unavailable");
  }
}

async function named(ids, patience) {
  if (!ids.length) return new Map();
  const answer = await users.call("/users.v1.UserService/BatchGetUsers", rpc.encode(ids.map((id) => [1, id])), patience());
  const found = (rpc.decode(answer).get(1) ?? []).map(rpc.decode);
  const text = (user, field) => `${user.get(field)?.at(-1) ?? ""}`;
  return new Map(found.map((user) => [text(user, 1), { id: text(user, 1), name: text(user, 3) }]));
}

/** How many milliseconds are left when it is called: ours from then on, the client's since it asked. */
function patienceOf(headers) {
  const until = Date.now() + Number(headers["x-deadline-ms"] ?? Infinity);
  return () => Math.min(Number(GRPC_TIMEOUT_MS), until - Date.now());
}

const good = ({ sku, qty, price }) =>
  typeof sku === "string" && sku && Number.isSafeInteger(qty) && qty > 0 && Number.isSafeInteger(price) && price >= 0;

serve([
  ["POST", /^\/orders$/, async (_, { body: { user_id, items }, headers }) => {
    const patience = patienceOf(headers);
    if (typeof user_id !== "string" || !user_id) throw new Refused(422, "bad_user_id");
    if (!Array.isArray(items) || !items.length || !items.every((item) => item && good(item))) throw new Refused(422, "bad_items");
    await confirm(user_id, patience);
    return [201, orders.put({
      id: randomUUID(),
      created_at: new Date().toISOString(),
      user_id,
      items,
      status: "created",
      total: items.reduce((sum, { qty, price }) => sum + qty * price, 0),
    })];
  }],
  ["GET", /^\/orders$/, async (_, { url: { searchParams: query }, headers }) => {
    const patience = patienceOf(headers);
    const page = orders.page(query, (order) => !query.get("user_id") || order.user_id === query.get("user_id"));
    if (!page) throw new Refused(400, "bad_page");
    if (query.get("expand") !== "user") return [200, page];
    let known = new Map();
    try {
      known = await named([...new Set(page.items.map((order) => order.user_id))], patience);
    } catch {
      page.degraded = ["users"];
    }
    return [200, { ...page, items: page.items.map((order) => ({ ...order, user: known.get(order.user_id) ?? null })) }];
  }],
]);
