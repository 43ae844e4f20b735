// A circuit breaker. This one lets every call through: it is yours to write.
export const CLOSED = 0;
export const OPEN = 1;
export const HALF_OPEN = 2;

/** The call was not made. */
export class CircuitOpen extends Error {}

/**
 * Guards the calls of one upstream: opens after so many `failures` in a row, for `reset` milliseconds, and then lets
 * `probes` calls try at a time. `onChange(state)` is told of every change: metrics and log lines come from there.
 */
export class Breaker {
  #options;

  constructor({ failures, reset, probes, onChange }) {
    this.#options = { failures, reset, probes, onChange };
  }

  /** The result of `work`, or CircuitOpen without having called it. Whatever `work` throws is a failure. */
  async call(work) {
    // TODO: count failures, open, refuse, probe, close. Everything else in this service is done.
    return work();
  }
}
