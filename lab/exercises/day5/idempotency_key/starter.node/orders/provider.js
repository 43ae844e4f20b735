// The payment provider. Its 201 and its 402 are decisions, and anything else is none: nobody knows whether it charged.

/** Nobody knows whether it was charged: ask again, with the same content under the same key. */
export class Unanswered extends Error {}

export class Provider {
  #url;
  #timeout;

  constructor(url, timeout) {
    this.#url = url.replace(/\/+$/, "");
    this.#timeout = timeout;
  }

  /** The id of the charge, or undefined if it is declined. The order's id is the provider's key, too. Throws Unanswered. */
  async charge(orderId, amount, requestId) {
    let status, charge;
    try {
      const answer = await fetch(`${this.#url}/charges`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": orderId, "X-Request-ID": requestId },
        body: JSON.stringify({ order_id: orderId, amount }),
        signal: AbortSignal.timeout(this.#timeout),
      });
      [status, charge] = [answer.status, await answer.json()];
    } catch (error) {
      throw new Unanswered(error.message);
    }
    if (status === 402) return undefined;
    if (status !== 201 || typeof charge?.id !== "string") throw new Unanswered(`status ${status}`);
    return charge.id;
  }
}
