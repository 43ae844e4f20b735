// Users registers people, and tells everybody who wants to know.
import { Announcer } from "./announcer.js";
import { happened } from "./event.js";
import { json, mustEnv, object, problem, serve } from "./service.js";
import { Store } from "./store.js";
import { objection, Users } from "./users.js";

const users = new Users(new Store(mustEnv("DATABASE_URL")));
const announcer = new Announcer();
announcer.start(mustEnv("AMQP_URL"), "users");

serve(
  [
    [/^\/users$/, register, "POST"],
    [/^\/users\/([\w-]+)$/, show],
  ],
  () => announcer.stop(),
);

function register(_, requestId, { text }) {
  const asked = object(text);
  const wrong = objection(asked);
  if (wrong) return problem(422, "invalid_request", wrong);
  const user = users.register(asked);
  if (!user) return problem(409, "email_taken", `${asked.email} is registered already.`);
  // Only now has it happened, so only now may it be told.
  const data = { user_id: user.id, email: user.email, name: user.name };
  announcer.announce(happened("/users", "user.registered", requestId, data));
  return json(201, user);
}

function show([id]) {
  const user = users.find(id);
  return user ? json(200, user) : problem(404, "unknown_user", `There is no user ${id}.`);
}
