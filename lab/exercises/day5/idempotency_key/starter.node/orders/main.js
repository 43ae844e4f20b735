// Orders takes orders and the money for them. Whoever sends a POST twice gets two orders so far.
import { randomUUID } from "node:crypto";
import { asOrder, isNote, Orders } from "./orders.js";
import { Provider, Unanswered } from "./provider.js";
import { json, log, mustEnv, number, object, problem, serve } from "./service.js";
import { Store } from "./store.js";

// Knobs that wait for you: IDEMPOTENCY_TTL_S, IDEMPOTENCY_LEASE_S.
const orders = new Orders(new Store(mustEnv("DATABASE_URL")));
const provider = new Provider(mustEnv("PAYMENT_URL"), number("HTTP_TIMEOUT_MS", 1000));

serve([
  [/^\/orders$/, forUser(place), "POST"],
  [/^\/orders$/, forUser((user) => json(200, { items: orders.of(user) }))],
  [/^\/orders\/([\w-]+)\/note$/, forUser(note), "PUT"],
]);

async function place(user, _, requestId, { text }) {
  const asked = asOrder(object(text));
  if (!asked) return problem(422, "invalid_request", "An order has a sku of 1 to 64 characters, and an amount of 1 to 1000000000.");
  // TODO: a client that got no answer sends this again, under the same Idempotency-Key (`headers["idempotency-key"]`).
  const id = randomUUID();
  let charge;
  try {
    charge = await provider.charge(id, asked.amount, requestId);
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    log("warn", "payment is unavailable", { reason: error.message, request_id: requestId });
    return problem(503, "payment_unavailable", "The payment provider does not answer.");
  }
  if (charge === undefined) return problem(402, "payment_declined", "The payment was declined.");
  const order = { id, user_id: user, ...asked, status: "paid", charge_id: charge, note: "" };
  orders.add(order);
  return json(201, order);
}

function note(user, [id], _, { text }) {
  const { note } = object(text) ?? {};
  if (!isNote(note)) return problem(422, "invalid_request", "A note has 200 characters at most.");
  const order = orders.writeNote(user, id, note);
  return order ? json(200, order) : problem(404, "unknown_order", `There is no order ${id}.`);
}

/** The gateway before us has checked whose request it is. */
function forUser(next) {
  return (groups, requestId, request) => {
    const user = request.headers["x-user-id"];
    return user ? next(user, groups, requestId, request) : problem(401, "unauthenticated", "X-User-ID says who asks.");
  };
}
