// Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense.
import { randomUUID } from "node:crypto";
import { object } from "./service.js";

export const CONTENT_TYPE = "application/cloudevents+json";

/** A new event, under the id of the request that caused it. Its id is new, and never changes afterwards. */
export function happened(source, type, correlationid, data) {
  return {
    specversion: "1.0",
    id: randomUUID(),
    source,
    type,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    correlationid,
    data,
  };
}

/** A message is no event, or none that we can use: trying again cannot help. */
export class Unreadable extends Error {}

/** The event in a message's body: what is needed must be there, and others may add what they like. Throws Unreadable. */
export function parse(body) {
  const { id, type, correlationid = "", data = {} } = object(body.toString()) ?? {};
  if (typeof id !== "string" || !id || typeof type !== "string" || !type) {
    throw new Unreadable("no event without id and type");
  }
  return { id, type, correlationid, data };
}
