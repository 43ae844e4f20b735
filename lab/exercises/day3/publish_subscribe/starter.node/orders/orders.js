// The orders' book.
import { randomUUID } from "node:crypto";

export class Orders {
  #store;

  constructor(store) {
    this.#store = store;
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
