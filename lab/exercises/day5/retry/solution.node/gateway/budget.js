// How many retries the whole process may still make: every request earns a tenth of one, every retry costs one. In an
// outage every request would retry, and four times the traffic is what keeps a service down that tries to get up.
export class Budget {
  #left;
  #reserve;

  constructor(reserve) {
    this.#left = this.#reserve = reserve;
  }

  earn() {
    this.#left = Math.min(this.#reserve, this.#left + 0.1);
  }

  /** Pay for one retry; false if there is nothing left to pay with. */
  spend() {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
