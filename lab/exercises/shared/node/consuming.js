// Consuming from a queue of our own: acknowledge last, connect again for ever, put aside what cannot be read.
import { setTimeout as sleep } from "node:timers/promises";
import { declareExchange, ended, EXCHANGE, forEver } from "./broker.js";
import { parse, Unreadable } from "./event.js";
import { log } from "./service.js";

/** Keeps a lasting problem from becoming a loop at full speed. */
const TRY_AGAIN_AFTER = 1000;

/**
 * Calls `handle` with one event after the other. It may meet an event more than once. If it throws, the event comes again;
 * with Unreadable it goes to `<queue>.dlq`.
 */
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

  /** Our own queue, which keeps events for us while we are away; again on every connection, because the broker may have
   * lost it in the meantime. */
  async #declare(channel) {
    const deadLetters = `${this.#queue}.dlq`;
    const aside = { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": deadLetters };
    await declareExchange(channel);
    await channel.assertQueue(deadLetters, { durable: true });
    await channel.assertQueue(this.#queue, { durable: true, arguments: aside });
    for (const type of this.#types) await channel.bindQueue(this.#queue, EXCHANGE, type);
  }

  async #received(channel, message) {
    try {
      await this.#handle(parse(message.content));
    } catch (error) {
      if (error instanceof Unreadable) {
        log("error", `put aside: ${error.message}`, { event: "parked" });
        channel.reject(message, false);
      } else {
        log("error", "not handled, will come again", { traceback: error.stack });
        await sleep(TRY_AGAIN_AFTER);
        channel.nack(message, false, true);
      }
      return;
    }
    channel.ack(message);
  }
}
