// Orders takes orders and the money for them. A POST may be sent again under its key.
import { Keys } from "./keys.js";
import { asOrder, isNote, Orders } from "./orders.js";
import { Provider, Unanswered } from "./provider.js";
import { json, log, mustEnv, number, object, problem, serve } from "./service.js";
import { Store } from "./store.js";

const store = new Store(mustEnv("DATABASE_URL"));
const orders = new Orders(store);
const keys = new Keys(store, number("IDEMPOTENCY_TTL_S", 86400), number("IDEMPOTENCY_LEASE_S", 5));
const provider = new Provider(mustEnv("PAYMENT_URL"), number("HTTP_TIMEOUT_MS", 1000));

serve([
  [/^\/orders$/, forUser(place), "POST"],
  [/^\/orders$/, forUser((user) => json(200, { items: orders.of(user) }))],
  [/^\/orders\/([\w-]+)\/note$/, forUser(note), "PUT"],
]);

async function place(user, _, requestId, { headers, text }) {
  const key = headers["idempotency-key"];
  if (!key) return problem(400, "idempotency_key_missing", "An order needs an Idempotency-Key.");
  const asked = asOrder(object(text));
  if (!asked) return problem(422, "invalid_request", "An order has a sku of 1 to 64 characters, and an amount of 1 to 1000000000.");
  const { answer, reused, busy, turn } = keys.begin(user, key, JSON.stringify(asked));
  if (reused) return problem(422, "idempotency_key_reused", "This Idempotency-Key belongs to another request.");
  if (busy) return problem(409, "request_in_progress", "Somebody works on it.");
  return answer ?? work(user, turn, asked, requestId);
}

/** Killed in here, we leave a lease that runs out. */
async function work(user, turn, asked, requestId) {
  let charge;
  try {
    charge = await provider.charge(turn.order, asked.amount, requestId);
  } catch (error) {
    keys.giveUp(turn);
    if (!(error instanceof Unanswered)) throw error;
    log("warn", "payment is unavailable", { reason: error.message, request_id: requestId });
    return problem(503, "payment_unavailable", "The payment provider does not answer.");
  }
  if (charge === undefined) return keys.finish(turn, problem(402, "payment_declined", "The payment was declined."));
  const order = { id: turn.order, user_id: user, ...asked, status: "paid", charge_id: charge, note: "" };
  orders.add(order); // before the answer: killed in between, whoever goes on finds it there
  return keys.finish(turn, json(201, order));
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
