// What was asked under each key, and what was answered. A key is its user's own: two users may well choose the same one.
//
// Of a key there are: what was asked, with the order's id, which is drawn before anything is done, so that every attempt is
// about the same order; the answer, once there is one; and leases, each of which says until when somebody works on it. It
// would be right without leases, too: the order's id is the provider's key, so two who work on one request make one charge,
// and the answer that is written first is the answer. Leases only save them the double work.
import { randomUUID } from "node:crypto";
import { nameOf } from "./store.js";

const SWEEP = 60_000;

export class Keys {
  #store;
  #ttl;
  #lease;

  constructor(store, ttlSeconds, leaseSeconds) {
    this.#store = store;
    this.#ttl = ttlSeconds * 1000;
    this.#lease = leaseSeconds * 1000;
    setInterval(() => this.#sweep(), SWEEP).unref();
  }

  /** `{answer}`; or `{reused}`, the key belongs to other content; or `{busy}`; or `{turn}`: the work is ours. */
  begin(user, key, content) {
    const name = nameOf(user, key);
    const fingerprint = nameOf(content);
    this.#store.add("asked", name, { fingerprint, order: randomUUID(), at: Date.now() });
    const asked = this.#store.get("asked", name);
    if (asked?.fingerprint !== fingerprint) return { reused: true };
    const known = this.#store.get("answers", name);
    if (known) return { answer: known.answer };
    const lease = this.#take(name);
    if (!lease) return { busy: true };
    const faster = this.#store.get("answers", name); // whoever had the last lease may have ended just now
    return faster ? { answer: faster.answer } : { turn: { name, lease, order: asked.order } };
  }

  /** Write the answer down. The first one that is written has the last word. */
  finish({ name }, answer) {
    this.#store.add("answers", name, { answer, at: Date.now() });
    return this.#store.get("answers", name).answer;
  }

  /** Nobody knows what came of it. Whoever asks next goes on at once, with the same order. */
  giveUp({ name, lease }) {
    this.#store.put(`leases-${name}`, lease, { until: 0 });
  }

  /** Leases of a key are numbered. When the last one is over, whoever adds the next number has it; one can. */
  #take(name) {
    const kind = `leases-${name}`;
    const last = this.#store.latest(kind);
    if (last?.value.until > Date.now()) return undefined;
    const next = String((last?.number ?? 0) + 1);
    return this.#store.add(kind, next, { until: Date.now() + this.#lease }) ? next : undefined;
  }

  /** Forget keys that were answered long ago, the answer last: as long as it is there, nobody works on them. */
  #sweep() {
    for (const name of this.#store.names("answers")) {
      if (this.#store.get("answers", name)?.at > Date.now() - this.#ttl) continue;
      for (const lease of this.#store.names(`leases-${name}`)) this.#store.remove(`leases-${name}`, lease);
      this.#store.remove("asked", name);
      this.#store.remove("answers", name);
    }
  }
}
