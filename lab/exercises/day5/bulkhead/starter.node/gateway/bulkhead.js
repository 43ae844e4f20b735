// A bulkhead: so many places, and a short wait for one. This one has a place for everybody: it is yours to write.

/** No place became free in time. */
export class Full extends Error {}

/** So many `places`, and nobody waits longer than `patience` milliseconds for one. */
export class Bulkhead {
  #places;
  #patience;

  constructor(places, patience = 0) {
    this.#places = places;
    this.#patience = patience;
  }

  /** The result of `work`, done in a place, or Full without having begun it. */
  async within(work) {
    // TODO: take a place, or give up in time. And give it back, whatever becomes of the work.
    return work();
  }
}
