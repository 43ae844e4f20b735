// A channel for publishing, with the broker's confirm as the proof that it has the event.
import { declareExchange, ended } from "./broker.js";

/** After an error it is dead: make another, on another connection. */
export class Publisher {
  #channel;

  /** A promise that is rejected when the channel ends. */
  ended;

  static async on(connection) {
    const publisher = new Publisher();
    publisher.#channel = await connection.createConfirmChannel();
    publisher.ended = ended(publisher.#channel);
    await declareExchange(publisher.#channel);
    return publisher;
  }

  /** Done when the broker has confirmed that it has the event. */
  async publish(event) {
    // TODO: to which exchange, with which routing key and which properties? And when is it sure that the broker has it?
    throw new Error("not written yet");
  }
}
