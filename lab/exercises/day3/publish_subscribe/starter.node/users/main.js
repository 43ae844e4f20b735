// Users registers people.
import { json, mustEnv, object, problem, serve } from "./service.js";
import { Store } from "./store.js";
import { objection, Users } from "./users.js";

// A knob that waits for you: AMQP_URL.
const users = new Users(new Store(mustEnv("DATABASE_URL")));

serve([
  [/^\/users$/, register, "POST"],
  [/^\/users\/([\w-]+)$/, show],
]);

function register(_, requestId, { text }) {
  const asked = object(text);
  const wrong = objection(asked);
  if (wrong) return problem(422, "invalid_request", wrong);
  const user = users.register(asked);
  if (!user) return problem(409, "email_taken", `${asked.email} is registered already.`);
  // TODO: tell everybody that the user has registered
  return json(201, user);
}

function show([id]) {
  const user = users.find(id);
  return user ? json(200, user) : problem(404, "unknown_user", `There is no user ${id}.`);
}
