// The orders' book, and what this service needs to know of users: a copy of its own, fed by events.
import { randomUUID } from "node:crypto";
import { Unreadable } from "./event.js";
import { log } from "./service.js";
import { nameOf } from "./store.js";

export const USER_REGISTERED = "user.registered";

export class Orders {
  #store;

  constructor(store) {
    this.#store = store;
  }

  /**
   * Keep whom we hear of; hearing it twice changes nothing. Other types are none of our business, and a type that we do not
   * know is no error: whoever publishes may tell more than we listen to.
   */
  remember({ id, type, correlationid, data }) {
    if (type !== USER_REGISTERED) return log("info", `ignored ${type}`, { correlation_id: correlationid });
    const user = data?.user_id;
    if (typeof user !== "string" || !user) throw new Unreadable(`the event ${id} names no user`);
    this.#store.add("known_users", nameOf(user), user);
  }

  knows(user) {
    return this.#store.get("known_users", nameOf(user)) !== undefined;
  }

  /** The new order when it is saved. */
  place({ user_id, amount }) {
    const order = { id: randomUUID(), user_id, amount };
    this.#store.add("orders", order.id, order);
    return order;
  }
}

/** What is wrong with what was asked for, or nothing. */
export function objection(asked) {
  const { user_id, amount } = asked ?? {};
  if (typeof user_id !== "string" || !user_id || user_id.length > 64) return "user_id has between 1 and 64 letters.";
  if (!Number.isSafeInteger(amount) || amount <= 0) return "amount is a whole number more than 0.";
  return "";
}
