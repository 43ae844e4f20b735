// The last good answers, for the time when there are none.

/**
 * One list a user, no older than `maxAge` milliseconds, for the `size` users seen last.
 *
 * A user's own: what one has ordered is nothing to show to another. In this process only: a fallback that needs Redis is
 * one more thing that can be down.
 */
export class LastGood {
  #maxAge;
  #size;
  #kept = new Map(); // in the order in which they were kept

  constructor(maxAge, size = 10_000) {
    this.#maxAge = maxAge;
    this.#size = size;
  }

  keep(userId, items) {
    this.#kept.delete(userId);
    this.#kept.set(userId, { at: performance.now(), items });
    if (this.#kept.size > this.#size) this.#kept.delete(this.#kept.keys().next().value);
  }

  /** What was good for this user not too long ago, or undefined. */
  recall(userId) {
    const known = this.#kept.get(userId);
    return known && performance.now() - known.at <= this.#maxAge ? known.items : undefined;
  }
}
