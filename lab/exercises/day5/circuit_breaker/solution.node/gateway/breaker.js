// A circuit breaker: stop calling the dead, probe carefully, close again.
export const CLOSED = 0;
export const OPEN = 1;
export const HALF_OPEN = 2;

/** The call was not made. */
export class CircuitOpen extends Error {}

/**
 * Guards the calls of one upstream: opens after so many `failures` in a row, for `reset` milliseconds, and then lets
 * `probes` calls try at a time. Between two `await`s nothing else runs, so the bookkeeping needs no lock.
 */
export class Breaker {
  #options;
  #state = CLOSED;
  #term = 0; // a number for the time since the last change of state
  #inFlight = 0; // calls of this term that are under way
  #inARow = 0; // the last ones of them that failed
  #openUntil = 0;

  constructor({ failures, reset, probes, onChange }) {
    this.#options = { failures, reset, probes, onChange };
  }

  /** The result of `work`, or CircuitOpen without having called it. Whatever `work` throws is a failure. */
  async call(work) {
    const term = this.#admit();
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      this.#settle(term, failed);
    }
  }

  #admit() {
    if (this.#state === OPEN && performance.now() >= this.#openUntil) this.#become(HALF_OPEN);
    const full = this.#state === HALF_OPEN && this.#inFlight >= this.#options.probes;
    if (this.#state === OPEN || full) throw new CircuitOpen("the breaker is open");
    this.#inFlight += 1;
    return this.#term;
  }

  #settle(term, failed) {
    if (term !== this.#term) return; // it began before the last change: news from another time
    this.#inFlight -= 1;
    this.#inARow = failed ? this.#inARow + 1 : 0;
    if (failed && (this.#state === HALF_OPEN || this.#inARow >= this.#options.failures)) {
      this.#openUntil = performance.now() + this.#options.reset;
      this.#become(OPEN);
    } else if (!failed && this.#state === HALF_OPEN) {
      this.#become(CLOSED);
    }
  }

  #become(state) {
    this.#state = state;
    this.#term += 1;
    this.#inFlight = this.#inARow = 0;
    this.#options.onChange(state);
  }
}
