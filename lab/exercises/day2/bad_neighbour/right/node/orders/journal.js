// Orders in memory, each on disk before it is answered.
import { existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

export class Journal {
  #orders = new Map();

  constructor(path) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const sound = text.slice(0, text.lastIndexOf("\n") + 1); // a line that was cut off was never answered
    for (const line of sound.split("\n").filter(Boolean)) this.#keep(JSON.parse(line));
    this.file = openSync(path, "a");
    ftruncateSync(this.file, Buffer.byteLength(sound));
  }

  add(order) {
    writeSync(this.file, `${JSON.stringify(order)}\n`);
    fsyncSync(this.file);
    this.#keep(order);
  }

  get(id) {
    return this.#orders.get(id);
  }

  of(user) {
    return [...this.#orders.values()].filter((order) => order.user_id === user);
  }

  #keep(order) {
    this.#orders.set(order.id, order);
  }
}
