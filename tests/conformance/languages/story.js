// The story told with rascal, and its beginning with amqp-connection-manager; both stand on amqplib: see story.py.
const amqplib = require("amqplib");
const { BrokerAsPromised } = require("rascal");
const manager = require("amqp-connection-manager");

const url = `amqp://guest:guest@127.0.0.1:${process.argv[2]}`;

async function withManager() {
  const connection = manager.connect([url]);
  const channel = connection.createChannel({
    json: true,
    confirm: true,
    setup: (inner) => inner.assertQueue("story-managed", { autoDelete: true }),
  });
  await channel.waitForConnect();
  await channel.sendToQueue("story-managed", { order: 7 }, { persistent: true });
  const came = new Promise((resolve) =>
    channel.consume("story-managed", (message) => {
      channel.ack(message);
      resolve(JSON.parse(message.content).order);
    }),
  );
  console.log(`managed ${await came}`);
  await channel.close();
  await connection.close();
}

async function withRascal() {
  const broker = await BrokerAsPromised.create({
    vhosts: {
      "/": {
        connection: { url },
        exchanges: { "story-topics": { type: "topic" }, "story-dead": { type: "fanout" } },
        queues: {
          "story-work": { options: { arguments: { "x-dead-letter-exchange": "story-dead" } } },
          "story-grave": {},
        },
        bindings: ["story-topics[order.*.created] -> story-work", "story-dead -> story-grave"],
        publications: { order: { exchange: "story-topics", routingKey: "order.eu.created", confirm: true } },
        subscriptions: { work: { queue: "story-work", prefetch: 1 }, grave: { queue: "story-grave" } },
      },
    },
  });
  broker.on("error", (error) => console.log(`error ${error.message}`));

  async function publish(content, overrides) {
    const publication = await broker.publish("order", content, overrides);
    return new Promise((resolve) => publication.on("success", resolve).on("return", () => resolve("returned")));
  }

  async function waiting() {
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    const { messageCount } = await channel.checkQueue("story-work");
    await connection.close();
    return messageCount;
  }

  for (const number of [1, 2, 3]) await publish(`order ${number}`, { options: { headers: { number } } });
  console.log("confirmed true");
  console.log(`waiting ${await waiting()}`);
  const work = await broker.subscribe("work");
  const told = new Promise((resolve) => {
    let times = 0;
    work.on("message", (message, content, ackOrNack) => {
      times += 1;
      const { redelivered, routingKey } = message.fields;
      if (times === 1) {
        console.log(`came ${content} ${message.properties.headers.number} ${routingKey} ${redelivered}`);
        ackOrNack(new Error("again"), { strategy: "nack", requeue: true });
      } else if (times === 2) {
        console.log(`again ${content} ${redelivered}`);
        ackOrNack();
      } else if (times === 3) {
        ackOrNack(new Error("no"), { strategy: "nack" });
      } else {
        console.log(`last ${content}`);
        ackOrNack();
        resolve();
      }
    });
  });
  await told;
  const grave = await broker.subscribe("grave");
  await new Promise((resolve) =>
    grave.on("message", (message, content, ackOrNack) => {
      const [death] = message.properties.headers["x-death"];
      console.log(`died ${content} ${death.reason} ${death.count}`);
      ackOrNack();
      resolve();
    }),
  );
  const nowhere = { routingKey: "nobody", options: { mandatory: true } };
  console.log(await publish("nowhere", nowhere));
  await broker.nuke();
  console.log("closed");
}

withManager().then(withRascal);
