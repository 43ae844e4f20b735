// A shelf of files: each is put there once, whole, and by one process only. Hard links decide who that is.
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";

export class Shelf {
  constructor(path) {
    this.path = path;
    mkdirSync(`${path}/tmp`, { recursive: true });
  }

  // Whether it was us: false if there is one of this name.
  put(name, value) {
    const draft = this.#draft(value);
    try {
      linkSync(draft, `${this.path}/${name}`);
      return true;
    } catch (error) {
      if (error.code === "EEXIST") return false;
      throw error;
    } finally {
      unlinkSync(draft);
    }
  }

  replace(name, value) {
    renameSync(this.#draft(value), `${this.path}/${name}`);
  }

  get(name) {
    return this.#ifThere(() => JSON.parse(readFileSync(`${this.path}/${name}`, "utf8")));
  }

  // Milliseconds since it was put there.
  age(name) {
    return this.#ifThere(() => Date.now() - statSync(`${this.path}/${name}`).mtimeMs);
  }

  drop(name) {
    this.#ifThere(() => unlinkSync(`${this.path}/${name}`));
  }

  all(prefix) {
    return readdirSync(this.path).filter((name) => name.startsWith(prefix)).map((name) => this.get(name));
  }

  #draft(value) {
    const draft = `${this.path}/tmp/${randomUUID()}`;
    writeFileSync(draft, JSON.stringify(value), { flush: true });
    return draft;
  }

  #ifThere(act) {
    try {
      return act();
    } catch (error) {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }
  }
}
