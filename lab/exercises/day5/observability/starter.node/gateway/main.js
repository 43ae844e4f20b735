// The gateway: users and orders to the outside, and the door where one logs in.
import { Unavailable, Upstream } from "./upstream.js";
import { Problem, serve, texts } from "./web.js";

const users = new Upstream("users", "USERS_URL");
const orders = new Upstream("orders", "ORDERS_URL", 2); // orders asks users in turn, and has to hear from it

serve([
  ["GET", "/healthz", () => [200, { status: "alive" }]],
  ["GET", "/readyz", () => [200, { status: "ready", checks: {} }]],
  ["GET", "/users/{id}", user],
  ["POST", "/orders", place],
  ["POST", "/login", login],
]);

// TODO: whoever is woken at night sees these lines, and nothing else. And what they see here is a password.

async function user(id) {
  console.log("looking up", id);
  const { status, found } = await ask(users, "GET", `/users/${id}`);
  if (status !== 200) throw new Problem(404, "unknown_user", "There is no such user.");
  return [200, found];
}

async function place(_, body) {
  console.log("ordering", body);
  const { status, found } = await ask(orders, "POST", "/orders", texts(body, "user_id", "item"));
  if (status !== 201) throw new Problem(422, "unknown_user", "There is no such user.");
  return [201, found];
}

async function login(_, body) {
  console.log("login", body);
  const { status, found } = await ask(users, "POST", "/sessions", texts(body, "email", "password"));
  if (status !== 201) throw new Problem(401, "wrong_password", "E-mail and password do not fit.");
  return [201, found];
}

async function ask(upstream, method, path, body) {
  try {
    return await upstream.ask(method, path, body);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log("error:", error.message);
    throw new Problem(503, `${upstream.name}_unavailable`, `${upstream.name} does not answer.`);
  }
}
