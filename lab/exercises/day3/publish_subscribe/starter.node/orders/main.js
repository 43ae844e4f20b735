// Orders takes orders from registered users. Who is one, the users service knows.
import { objection, Orders } from "./orders.js";
import { json, log, mustEnv, object, problem, serve } from "./service.js";
import { Store } from "./store.js";
import { exists } from "./users.js";

// Knobs that wait for you: AMQP_URL, PREFETCH.
const orders = new Orders(new Store(mustEnv("DATABASE_URL")));
const users = mustEnv("USERS_URL");

serve([[/^\/orders$/, place, "POST"]]);

async function place(_, requestId, { text }) {
  const asked = object(text);
  const wrong = objection(asked);
  if (wrong) return problem(422, "invalid_request", wrong);
  // TODO: know it ourselves. While users is down, nobody can order, not even those we have known for years.
  let known;
  try {
    known = await exists(users, asked.user_id, requestId);
  } catch (error) {
    log("warn", `users does not answer: ${error.message}`, { request_id: requestId });
    return problem(503, "users_unavailable", "The users service does not answer.");
  }
  if (!known) return problem(422, "unknown_user", `There is no user ${asked.user_id}.`);
  return json(201, orders.place(asked));
}
