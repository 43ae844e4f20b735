// The monolith in Node alone: three modules, each with a file of its own, and those are on that MODULES names.
import { randomUUID } from "node:crypto";
import { Refused, serve } from "./http.js";
import { Kept } from "./kept.js";
import { people } from "./people.js";

const path = process.env.DATABASE_URL.replace("sqlite:///", "");
const on = new Set((process.env.MODULES ?? "users,orders,notifications").split(",").map((name) => name.trim()));
const [users, orders, notifications] = ["users", "orders", "notifications"].map(
  (name) => on.has(name) && new Kept(`${path}.${name}`),
);

async function known(id, request) {
  if (users) return users.get(id) !== undefined;
  let answer;
  try {
    answer = await fetch(`${process.env.USERS_URL}/users/${encodeURIComponent(id)}`, {
      headers: { "X-Request-ID": request },
      signal: AbortSignal.timeout(4000),
    });
  } catch {
    throw new Refused(503, "users_unavailable");
  }
  if (![200, 404].includes(answer.status)) throw new Refused(503, "users_unavailable");
  return answer.status === 200;
}

function found(id) {
  const order = orders.get(id);
  if (!order) throw new Refused(404, "unknown_order");
  return order;
}

function basket(items) {
  const whole = (value, least) => Number.isInteger(value) && value >= least && value <= 1e9;
  const good = ({ sku, qty, price }) => typeof sku === "string" && sku && whole(qty, 1) && whole(price, 0);
  if (!Array.isArray(items) || !items.length || !items.every((item) => item && good(item))) {
    throw new Refused(422, "bad_items");
  }
  return items.map(({ sku, qty, price }) => ({ sku, qty, price }));
}

serve([
  ...(users ? people(users) : []),
  ...(orders
    ? [
        ["POST", /^\/orders$/, async (_, { body, id: request }) => {
          const items = basket(body.items);
          if (typeof body.user_id !== "string") throw new Refused(422, "bad_user_id");
          if (!(await known(body.user_id, request))) throw new Refused(422, "unknown_user");
          const total = items.reduce((sum, { qty, price }) => sum + qty * price, 0);
          const created_at = new Date().toISOString();
          const order = orders.put({ id: randomUUID(), user_id: body.user_id, items, total, status: "created", created_at });
          const told = { id: randomUUID(), user_id: order.user_id, order_id: order.id, template: "order_created", created_at };
          if (notifications) notifications.put(told);
          return [201, order];
        }],
        ["GET", /^\/orders$/, (_, { url }) => {
          const whose = url.searchParams.get("user_id");
          const page = orders.page(url.searchParams, ({ user_id }) => whose === null || user_id === whose);
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
      ]
    : []),
  ...(notifications
    ? [
        ["GET", /^\/notifications$/, (_, { url }) => {
          const whose = url.searchParams.get("user_id");
          return [200, { items: notifications.page(new URLSearchParams(), ({ user_id }) => user_id === whose).items }];
        }],
      ]
    : []),
]);
