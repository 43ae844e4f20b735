// Orders: whoever is a user may order.
import { randomUUID } from "node:crypto";
import { Unavailable, Upstream } from "./upstream.js";
import { Problem, serve, texts } from "./web.js";

const users = new Upstream("users", "USERS_URL");

serve([
  ["GET", "/healthz", () => [200, { status: "alive" }]],
  ["GET", "/readyz", () => [200, { status: "ready", checks: {} }]],
  ["POST", "/orders", place],
]);

async function place(_, body) {
  const order = texts(body, "user_id", "item");
  if (!(await known(order.user_id))) throw new Problem(422, "unknown_user", "There is no such user.");
  return [201, { id: randomUUID(), ...order }];
}

async function known(id) {
  try {
    return (await users.ask("GET", `/users/${encodeURIComponent(id)}`)).status === 200;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log("error:", error.message);
    throw new Problem(503, "users_unavailable", "Nobody can say whether this customer exists.");
  }
}
