// Connections to the broker, by amqplib.
import amqp from "amqplib";
import { setTimeout as sleep } from "node:timers/promises";
import { log } from "./service.js";

/** Where everybody in the shop publishes. */
export const EXCHANGE = "shop.events";
export const RECONNECT_AFTER = 500;
const CONNECTING = 3000;

/**
 * A connection, whose heartbeat is the URL's (`?heartbeat=5`): with the broker's own proposal a dead one would look alive
 * for minutes.
 */
export async function connect(url, name) {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) parsed.searchParams.set("heartbeat", "5");
  const connection = await amqp.connect(parsed.href, { clientProperties: { connection_name: name }, timeout: CONNECTING });
  connection.on("error", () => {}); // without a listener the process would end; `ended` says it, too
  return connection;
}

/** A promise that is rejected when the channel ends, whether alone or with its connection. */
export function ended(channel) {
  const over = new Promise((_, reject) => {
    channel.on("error", reject);
    channel.on("close", () => reject(new Error("the channel is closed")));
  });
  over.catch(() => {}); // nobody may be waiting for it just now
  return over;
}

export async function declareExchange(channel) {
  await channel.assertExchange(EXCHANGE, "topic", { durable: true });
}

/** Does not wait: where the broker is silent, it would until the connection counts as dead. */
export function closeSoon(connection) {
  connection.close().catch(() => {});
}

/**
 * Do it again and again, each time with a new connection, until `stopping` is aborted or it returns true. Whatever goes wrong, it
 * begins again: a client that has given up looks alive from outside and is deaf.
 */
export async function forEver(url, name, stopping, act) {
  while (!stopping.aborted) {
    let connection;
    const close = () => closeSoon(connection);
    try {
      connection = await connect(url, name);
      stopping.addEventListener("abort", close);
      if (await act(connection)) return;
    } catch (error) {
      if (!stopping.aborted) log("warn", `no broker: ${error.message}`, { event: "broker", state: "lost" });
    } finally {
      stopping.removeEventListener("abort", close);
      if (connection) close();
    }
    await sleep(RECONNECT_AFTER, undefined, { signal: stopping }).catch(() => {});
  }
}
