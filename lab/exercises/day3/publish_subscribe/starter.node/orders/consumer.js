// Consuming from a queue of our own, with a connection that is made again for ever.
import { declareExchange, ended, forEver } from "./broker.js";
import { log } from "./service.js";

/** Calls `handle` with the body of one message after the other. */
export class Consumer {
  #end = new AbortController();
  #stopping = false;
  #queue;
  #types;
  #prefetch;
  #handle;
  #inHand = Promise.resolve();

  constructor({ queue, types, prefetch, handle }) {
    this.#queue = queue;
    this.#types = types;
    this.#prefetch = prefetch;
    this.#handle = handle;
  }

  start(url, name) {
    forEver(url, name, this.#end.signal, (connection) => this.#consume(connection));
  }

  /** Finish the event in hand; the broker gives the others to somebody else. */
  async stop() {
    this.#stopping = true;
    await this.#inHand;
    this.#end.abort();
  }

  async #consume(connection) {
    const channel = await connection.createChannel();
    const over = ended(channel);
    await this.#declare(channel);
    await channel.prefetch(this.#prefetch);
    const cancelled = new Promise((_, reject) => {
      const take = (message) => {
        // The broker says null when somebody has deleted the queue: then we declare it anew.
        if (!message) return reject(new Error("the queue is gone"));
        const next = () => this.#stopping || this.#received(channel, message);
        this.#inHand = this.#inHand.then(next).catch(reject);
      };
      channel.consume(this.#queue, take).catch(reject);
    });
    log("info", "consuming", { event: "broker", state: "connected" });
    await Promise.race([over, cancelled]);
  }

  /** The exchange, our queue and its bindings; again on every connection, because the broker may have lost them in the
   * meantime. */
  async #declare(channel) {
    await declareExchange(channel);
    // TODO: a queue that outlives us, bound to what we want to hear
    throw new Error("not written yet");
  }

  async #received(channel, message) {
    // TODO: call `#handle`, then acknowledge. And if it fails? If the body cannot be read?
    throw new Error("not written yet");
  }
}
