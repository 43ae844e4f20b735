// A channel for publishing, with the broker's confirm as the proof that it has the event.
import { declareExchange, ended, EXCHANGE } from "./broker.js";
import { CONTENT_TYPE } from "./event.js";

const CONFIRM = 3000;

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

  /**
   * Done when the broker has confirmed that it has the event.
   *
   * The routing key is what happened, not who should hear of it: the exchange gives a copy to every queue that is bound to
   * it. That may be no queue at all, and that is not the publisher's business either, so the message is not mandatory.
   */
  async publish(event) {
    const body = Buffer.from(JSON.stringify(event));
    const properties = {
      contentType: CONTENT_TYPE,
      persistent: true,
      messageId: event.id,
      correlationId: event.correlationid,
    };
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("no confirm came in time")), CONFIRM);
      this.#channel.publish(EXCHANGE, event.type, body, properties, (error) => {
        clearTimeout(late);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
