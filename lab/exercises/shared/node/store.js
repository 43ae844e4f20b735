// A small store for the instances of one service: a file for each value. Node has no database of its own before its version 22.
//
// What it promises: a value appears as a whole or not at all, is on the disk before the call returns, and of all who add the
// same name at the same time, in whatever process, one succeeds. It knows no transaction over several values: think of what
// is there if you are killed between two calls.
import { createHash, randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** A name for texts of any length and letters: the same texts, the same name. */
export const nameOf = (...texts) => createHash("sha256").update(JSON.stringify(texts)).digest("hex");

export class Store {
  #folder;

  /** Beside the file that DATABASE_URL names, which others would take for SQLite's. */
  constructor(url) {
    this.#folder = `${url.replace(/^sqlite:\/\/\//, "")}.files`;
    mkdirSync(`${this.#folder}/drafts`, { recursive: true });
  }

  /** Put a value where there is none. False if there is one, and then nothing changes. */
  add(kind, name, value) {
    const draft = this.#draft(kind, value);
    try {
      linkSync(draft, this.#path(kind, name));
      return true;
    } catch (error) {
      if (error.code === "EEXIST") return false;
      throw error;
    } finally {
      rmSync(draft);
    }
  }

  /** Put a value there, in the place of the one that there may be. */
  put(kind, name, value) {
    renameSync(this.#draft(kind, value), this.#path(kind, name));
  }

  /** Undefined if there is none. */
  get(kind, name) {
    return unlessMissing(() => JSON.parse(readFileSync(this.#path(kind, name), "utf8")));
  }

  /** The names of all values of a kind. */
  names(kind) {
    return unlessMissing(() => readdirSync(`${this.#folder}/${kind}`)) ?? [];
  }

  /** `{number, value}`, the latest of a kind whose names are numbers, or undefined. To change it is to add the next number:
   * that succeeds for one, who then knows that nobody has changed it in between. */
  latest(kind) {
    const number = Math.max(0, ...this.names(kind).map(Number));
    return number ? { number, value: this.get(kind, String(number)) } : undefined;
  }

  /** All values of a kind. */
  all(kind) {
    return this.names(kind)
      .map((name) => this.get(kind, name))
      .filter((value) => value !== undefined);
  }

  remove(kind, name) {
    rmSync(this.#path(kind, name), { force: true });
  }

  #path(kind, name) {
    if (!/^[\w-]+$/.test(name)) throw new Error(`no name for a value: ${name}`);
    return `${this.#folder}/${kind}/${name}`;
  }

  #draft(kind, value) {
    mkdirSync(`${this.#folder}/${kind}`, { recursive: true });
    const draft = `${this.#folder}/drafts/${randomUUID()}`;
    writeFileSync(draft, JSON.stringify(value), { flush: true });
    return draft;
  }
}

function unlessMissing(act) {
  try {
    return act();
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
