// Who has registered.
import { randomUUID } from "node:crypto";
import { nameOf } from "./store.js";

export class Users {
  #store;

  constructor(store) {
    this.#store = store;
  }

  /**
   * The new user when they are saved, or undefined if the e-mail is taken.
   *
   * Of all who claim an e-mail one succeeds, and with the claim the user is registered. If we are killed before it, there is a
   * user under an id that nobody was ever told.
   */
  register({ email, name }) {
    const user = { id: randomUUID(), email, name };
    this.#store.add("users", user.id, user);
    if (this.#store.add("emails", nameOf(email), user.id)) return user;
    this.#store.remove("users", user.id);
    return undefined;
  }

  find(id) {
    return this.#store.get("users", id);
  }
}

/** What is wrong with a registration, or nothing. */
export function objection(asked) {
  const { email, name } = asked ?? {};
  if (typeof email !== "string" || email.length > 254 || !/^[^@\s]+@[^@\s]+$/.test(email)) return "email is an e-mail address.";
  if (typeof name !== "string" || !name || name.length > 200) return "name has between 1 and 200 letters.";
  return "";
}
