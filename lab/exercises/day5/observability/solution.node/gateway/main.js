// The gateway: users and orders to the outside, and the door where one logs in.
import { exposition, readiness } from "./telemetry.js";
import { Unavailable, Upstream } from "./upstream.js";
import { Problem, serve, texts } from "./web.js";

const users = new Upstream("users", "USERS_URL");
const orders = new Upstream("orders", "ORDERS_URL", 2); // orders asks users in turn, and has to hear from it

serve([
  ["GET", "/healthz", () => [200, { status: "alive" }]],
  ["GET", "/readyz", () => readiness(users.seen, orders.seen)],
  ["GET", "/metrics", () => [200, exposition()]],
  ["GET", "/users/{id}", user],
  ["POST", "/orders", place],
  ["POST", "/login", login],
]);

async function user(id) {
  const { status, found } = await ask(users, "GET", `/users/${id}`);
  if (status !== 200) throw new Problem(404, "unknown_user", "There is no such user.");
  return [200, found];
}

async function place(_, body) {
  const { status, found } = await ask(orders, "POST", "/orders", texts(body, "user_id", "item"));
  if (status !== 201) throw new Problem(422, "unknown_user", "There is no such user.");
  return [201, found];
}

async function login(_, body) {
  const { status, found } = await ask(users, "POST", "/sessions", texts(body, "email", "password"));
  if (status !== 201) throw new Problem(401, "wrong_password", "E-mail and password do not fit.");
  return [201, found];
}

async function ask(upstream, method, path, body) {
  try {
    return await upstream.ask(method, path, body);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    throw new Problem(503, `${upstream.name}_unavailable`, `${upstream.name} does not answer.`);
  }
}
