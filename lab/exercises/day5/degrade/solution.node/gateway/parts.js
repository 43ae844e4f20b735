// The optional parts of the page: fresh, else the last known good, else a default. Never an error, never in silence.
import { LastGood } from "./memory.js";
import { log } from "./service.js";
import { Unavailable, Upstream } from "./upstream.js";

/** A list that upstream knows of each user. `standard` is what anybody may be shown: it depends on nothing. */
export class OptionalPart {
  #upstream;
  #memory;
  #standard;

  constructor(name, variable, maxAge, standard = []) {
    this.name = name;
    this.#upstream = new Upstream(variable, 1000);
    this.#memory = new LastGood(maxAge);
    this.#standard = standard;
  }

  /** `{items, source}`. Asks once, and nothing that upstream does gets out of here as an exception. */
  async of(userId, path, requestId) {
    try {
      const answer = await this.#upstream.get(path, requestId);
      const items = answer === null ? [] : answer.items;
      if (!Array.isArray(items)) throw new Unavailable("there is no list of items in the answer");
      this.#memory.keep(userId, items);
      return { items, source: "fresh" };
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return this.#instead(userId, error.message, requestId);
    }
  }

  // What stands in is not kept: only what upstream has said itself is ever the last known good.
  #instead(userId, reason, requestId) {
    const known = this.#memory.recall(userId);
    const part = known ? { items: known, source: "stale" } : { items: this.#standard, source: "default" };
    const more = { event: "fallback", dependency: this.name, source: part.source, request_id: requestId };
    log("warning", `${this.name} left us, ${part.source} instead: ${reason}`, more);
    return part;
  }
}
