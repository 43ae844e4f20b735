// A bulkhead: so many places, a short wait for one, and a clear no for everybody else.

/** No place became free in time. */
export class Full extends Error {}

/**
 * So many places, and nobody waits longer than `patience` milliseconds for one.
 *
 * The wait is short on purpose. It evens out a burst; a longer one only means that more requests are held, each with a
 * client who may have left, and that the answer is the same no, but late.
 */
export class Bulkhead {
  #free;
  #patience;
  #line = []; // how to let in each of those who wait, the first one first

  constructor(places, patience = 0) {
    this.#free = places;
    this.#patience = patience;
  }

  /** The result of `work`, done in a place, or Full without having begun it. */
  async within(work) {
    await this.#enter(); // not inside the try: whoever got no place must not give one back
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter() {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    if (!this.#patience) throw new Full();
    await new Promise((letIn, refuse) => {
      const waiting = () => {
        clearTimeout(timer);
        letIn();
      };
      const timer = setTimeout(() => {
        this.#line = this.#line.filter((one) => one !== waiting);
        refuse(new Full());
      }, this.#patience);
      this.#line.push(waiting);
    });
  }

  // The place goes to who waits longest. It is never free in between, so nobody can overtake.
  #leave() {
    const next = this.#line.shift();
    if (next) next();
    else this.#free += 1;
  }
}
