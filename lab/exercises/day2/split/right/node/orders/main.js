// Orders in Node alone: fetch for users.
import { randomUUID } from "node:crypto";
import { Refused, serve } from "./http.js";
import { Kept } from "./kept.js";

const { DATABASE_URL, USERS_URL, HTTP_TIMEOUT_MS = "2000" } = process.env;
const orders = new Kept(DATABASE_URL.replace("sqlite:///", ""));

async function exists(id, requestId) {
  try {
    const answer = await fetch(`${USERS_URL}/users/${encodeURIComponent(id)}`, {
      headers: { "X-Request-ID": requestId },
      signal: AbortSignal.timeout(Number(HTTP_TIMEOUT_MS)),
    });
    await answer.arrayBuffer();
    if (answer.status === 404) return false;
    if (answer.status === 200) return true;
  } catch {
    // refused, reset or late: all the same to us
  }
  throw new Refused(503, "users_unavailable");
}

function found(id) {
  const order = orders.get(id);
  if (!order) throw new Refused(404, "unknown_order");
  return order;
}

const good = ({ sku, qty, price }) =>
  typeof sku === "string" && sku && Number.isSafeInteger(qty) && qty > 0 && Number.isSafeInteger(price) && price >= 0;

serve([
  ["POST", /^\/orders$/, async (_, { body: { user_id, items }, id }) => {
    if (typeof user_id !== "string" || !user_id) throw new Refused(422, "bad_user_id");
    if (!Array.isArray(items) || !items.length || !items.every((item) => item && good(item))) throw new Refused(422, "bad_items");
    if (!(await exists(user_id, id))) throw new Refused(422, "unknown_user");
    return [201, orders.put({
      id: randomUUID(),
      created_at: new Date().toISOString(),
      user_id,
      items: items.map(({ sku, qty, price }) => ({ price, qty, sku })),
      status: "created",
      total: items.reduce((sum, { qty, price }) => sum + qty * price, 0),
    })];
  }],
  ["GET", /^\/orders$/, (_, { url: { searchParams: query } }) => {
    if (!query.get("user_id")) throw new Refused(400, "whose_orders");
    const page = orders.page(query, (order) => order.user_id === query.get("user_id"));
    if (!page) throw new Refused(400, "bad_page");
    return [200, page];
  }],
  ["GET", /^\/orders\/([^/]+)$/, ([id]) => [200, found(id)]],
  ["PATCH", /^\/orders\/([^/]+)$/, ([id], { body }) => {
    if (body.status !== "cancelled") throw new Refused(422, "bad_status");
    return [200, orders.put({ ...found(id), status: "cancelled" })];
  }],
  ["DELETE", /^\/orders\/([^/]+)$/, ([id]) => {
    orders.remove(found(id).id);
    return [204];
  }],
]);
