// The orders, each user's own.
import { nameOf } from "./store.js";

const LONGEST_NOTE = 200;

/** What a body asks for: `{sku, amount}`, or undefined if it is no order. */
export function asOrder(body) {
  const { sku, amount } = body ?? {};
  const good = typeof sku === "string" && sku && sku.length <= 64 && Number.isSafeInteger(amount) && amount > 0 && amount <= 1e9;
  return good ? { sku, amount } : undefined;
}

export const isNote = (note) => typeof note === "string" && [...note].length <= LONGEST_NOTE;

export class Orders {
  #store;

  constructor(store) {
    this.#store = store;
  }

  /** Nothing happens if it is there: somebody may have written a note on it. */
  add(order) {
    this.#store.add(kindOf(order.user_id), order.id, order);
  }

  of(user) {
    return this.#store.all(kindOf(user));
  }

  /** The order with its note, or undefined if this user has no such order. */
  writeNote(user, id, note) {
    const order = this.#store.get(kindOf(user), id);
    if (!order) return undefined;
    this.#store.put(kindOf(user), id, { ...order, note });
    return { ...order, note };
  }
}

const kindOf = (user) => `orders-${nameOf(user)}`;
