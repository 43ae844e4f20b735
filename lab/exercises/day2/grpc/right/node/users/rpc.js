// gRPC by hand, on Node's own HTTP/2: calls of one message each way, and messages whose fields are text or messages.
import { connect, constants, createServer } from "node:http2";

export const status = { OK: 0, INVALID_ARGUMENT: 3, DEADLINE_EXCEEDED: 4, NOT_FOUND: 5, UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14 };

export class Failed extends Error {
  constructor(code, message = "") {
    super(message);
    this.code = code;
  }
}

/** [[number, value]] as a message; a number is written as one, below 128. */
export function encode(fields) {
  const parts = [];
  for (const [number, value] of fields) {
    if (typeof value === "number") {
      parts.push(Buffer.from([number << 3, value]));
      continue;
    }
    const bytes = Buffer.from(value);
    parts.push(Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

/** The values of each field by its number, as bytes. */
export function decode(bytes) {
  const fields = new Map();
  for (let at = 0; at < bytes.length; ) {
    let key, size;
    [key, at] = unvarint(bytes, at);
    [size, at] = unvarint(bytes, at);
    if ((key & 7) === 0) continue; // a number, which nobody here asks for
    if ((key & 7) !== 2) throw new Failed(status.INTERNAL, "a field of another kind");
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), bytes.subarray(at, at + size)]);
    at += size;
  }
  return fields;
}

function varint(number) {
  const found = [];
  for (; number > 127; number >>>= 7) found.push((number & 127) | 128);
  return Buffer.from([...found, number]);
}

function unvarint(bytes, at) {
  let number = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    number |= (byte & 127) << shift;
    if (!(byte & 128)) return [number, at];
  }
}

function framed(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** methods: {"/package.Service/Method": (message) -> message}. */
export function serve(port, host, methods) {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const chunks = [];
    stream.on("error", () => {});
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      let code = status.OK;
      let answer;
      try {
        const method = methods[headers[":path"]];
        if (!method) throw new Failed(status.UNIMPLEMENTED);
        answer = method(Buffer.concat(chunks).subarray(5));
      } catch (error) {
        code = error.code ?? status.INTERNAL;
      }
      const head = { ":status": 200, "content-type": "application/grpc" };
      if (!answer) return stream.respond({ ...head, "grpc-status": `${code}` }, { endStream: true });
      stream.respond(head, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": `${code}` }));
      stream.end(framed(answer));
    });
  });
  const sessions = new Set();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.listen(Number(port), host);
  process.on("SIGTERM", () => {
    server.close();
    for (const session of sessions) session.close();
  });
}

/** A connection that is made when it is needed, and kept. */
export class Client {
  #session;

  constructor(address) {
    this.address = address;
  }

  #connected() {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      const session = connect(`http://${this.address}`);
      const over = () => this.#session === session && (this.#session = undefined);
      session.on("error", over).on("close", over).on("goaway", over);
      this.#session = session;
    }
    return this.#session;
  }

  /** The answer's message. Throws Failed. */
  call(path, message, milliseconds) {
    return new Promise((resolve, reject) => {
      const left = Math.floor(milliseconds);
      if (left <= 0) return reject(new Failed(status.DEADLINE_EXCEEDED));
      const stream = this.#connected().request({
        ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc", "grpc-timeout": `${left}m`,
      });
      const late = setTimeout(() => {
        reject(new Failed(status.DEADLINE_EXCEEDED));
        stream.close(constants.NGHTTP2_CANCEL);
      }, left);
      const chunks = [];
      let code;
      const hear = (headers) => (code = headers["grpc-status"] ?? code);
      stream.on("response", hear).on("trailers", hear);
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("error", () => {});
      stream.on("close", () => {
        clearTimeout(late);
        if (code === "0") resolve(Buffer.concat(chunks).subarray(5));
        else reject(new Failed(Number(code ?? status.UNAVAILABLE)));
      });
      stream.end(framed(message));
    });
  }
}
