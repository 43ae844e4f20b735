// Orders takes orders from users it has heard of. Who is one, this service knows by itself.
import { Consumer } from "./consumer.js";
import { objection, Orders, USER_REGISTERED } from "./orders.js";
import { json, mustEnv, number, object, problem, serve } from "./service.js";
import { Store } from "./store.js";

const orders = new Orders(new Store(mustEnv("DATABASE_URL")));
const consumer = new Consumer({
  queue: "orders.user-registered",
  types: [USER_REGISTERED],
  prefetch: number("PREFETCH", 10),
  handle: (event) => orders.remember(event),
});
consumer.start(mustEnv("AMQP_URL"), "orders");

serve([[/^\/orders$/, place, "POST"]], () => consumer.stop());

function place(_, requestId, { text }) {
  const asked = object(text);
  const wrong = objection(asked);
  if (wrong) return problem(422, "invalid_request", wrong);
  if (!orders.knows(asked.user_id)) {
    return problem(422, "unknown_user", `No user ${asked.user_id} is known here (yet).`);
  }
  return json(201, orders.place(asked));
}
