// The neighbour, a few calls at a time.
export class Unavailable extends Error {}

export class Users {
  well = true; // as the last call says
  #places;

  constructor(address, timeout, places, attempts) {
    Object.assign(this, { address, timeout, attempts });
    this.#places = places;
  }

  async has(id, requestId) {
    if (this.#places === 0) throw new Unavailable();
    this.#places--;
    try {
      for (let attempt = 0; attempt < this.attempts; attempt++) {
        const found = await this.#ask(id, requestId).catch(() => null);
        this.well = found !== null;
        if (this.well) return found;
      }
    } finally {
      this.#places++;
    }
    throw new Unavailable();
  }

  /** True or false, or null where users says neither. The signal ends the body, too. */
  async #ask(id, requestId) {
    const answer = await fetch(`${this.address}/users/${encodeURIComponent(id)}`, {
      headers: { "X-Request-ID": requestId },
      redirect: "manual",
      signal: AbortSignal.timeout(this.timeout),
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return answer.status === 404 ? false : null;
    }
    const user = await answer.json();
    return user?.id === id && typeof user.name === "string" && typeof user.email === "string" ? true : null;
  }
}
