// Records in memory, in the order in which they came; each change is a line on disk before it is answered.
import { existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

export class Kept {
  #records = new Map();
  #last = 0;

  constructor(path) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    const sound = text.slice(0, text.lastIndexOf("\n") + 1); // a line that was cut off was never answered
    this.file = openSync(path, "a");
    ftruncateSync(this.file, Buffer.byteLength(sound));
    for (const line of sound.split("\n").filter(Boolean)) this.#apply(JSON.parse(line));
  }

  get(id) {
    return this.#records.get(id)?.record;
  }

  put(record) {
    this.#write({ record });
    return record;
  }

  remove(id) {
    this.#write({ gone: id });
  }

  some(fits) {
    return [...this.#records.values()].map(({ record }) => record).find(fits);
  }

  /** {items, next_cursor}; null if limit or cursor make no sense. */
  page(query, fits = () => true) {
    const limit = Number(query.get("limit") ?? 50);
    const after = query.has("cursor") ? Number(Buffer.from(query.get("cursor"), "base64").toString()) : 0;
    if (!Number.isInteger(limit) || limit < 1 || limit > 200 || !Number.isInteger(after)) return null;
    const found = [...this.#records.values()].filter(({ place, record }) => place > after && fits(record));
    found.sort((one, other) => one.place - other.place);
    const shown = found.slice(0, limit);
    const more = found.length > limit ? Buffer.from(`${shown.at(-1).place}`).toString("base64") : null;
    return { items: shown.map(({ record }) => record), next_cursor: more };
  }

  #write(change) {
    writeSync(this.file, `${JSON.stringify(change)}\n`);
    fsyncSync(this.file);
    this.#apply(change);
  }

  #apply({ record, gone }) {
    if (gone) this.#records.delete(gone);
    else this.#records.set(record.id, { record, place: this.#records.get(record.id)?.place ?? ++this.#last });
  }
}
