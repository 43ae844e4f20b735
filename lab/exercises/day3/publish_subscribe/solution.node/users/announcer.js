// Announces in the background, so that nobody who registers has to wait for the broker.
import { setTimeout as sleep } from "node:timers/promises";
import { forEver } from "./broker.js";
import { Publisher } from "./publisher.js";
import { log } from "./service.js";

/** Room for events that wait for a broker. */
const ROOM = 10_000;
/** How long a stop waits for what is still to be announced. */
const LAST_WORDS = 2000;

/** What waits here waits in memory: it survives the broker's death, but not our own. */
export class Announcer {
  #waiting = [];
  #wake = () => {};
  #giveUp = new AbortController();
  #stopping = false;
  #stopped = Promise.resolve();

  start(url, name) {
    this.#stopped = forEver(url, name, this.#giveUp.signal, (connection) => this.#announceAll(connection));
  }

  /** Take the event over; it goes out as soon as there is a broker. After too long an outage it is lost, and the log says so. */
  announce(event) {
    if (this.#waiting.length >= ROOM) {
      log("error", "no room for another event", { event: "lost", id: event.id, type: event.type });
      return;
    }
    this.#waiting.push(event);
    this.#wake();
  }

  /** Give what waits a last chance. */
  async stop() {
    this.#stopping = true;
    this.#wake();
    await Promise.race([this.#stopped, sleep(LAST_WORDS)]);
    this.#giveUp.abort();
  }

  /** True when we are told to stop and nothing is left. An event without a confirm stays the first, and is published again on
   * the next connection: better twice than never. */
  async #announceAll(connection) {
    const publisher = await Publisher.on(connection);
    log("info", "announcing", { event: "broker", state: "connected" });
    let lost;
    publisher.ended.catch((error) => {
      lost = error;
      this.#wake();
    });
    while (!lost) {
      if (this.#waiting.length > 0) {
        await publisher.publish(this.#waiting[0]);
        this.#waiting.shift();
      } else if (this.#stopping) {
        return true;
      } else {
        await new Promise((wake) => {
          this.#wake = wake;
        });
      }
    }
    throw lost;
  }
}
