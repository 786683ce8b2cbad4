// The connection to the server. A page asks for what is new when it has shown what it got: a slow page gets the newest only.

const PAUSE = 1000; // milliseconds between two attempts to connect

export class Socket {
  // handlers: topic -> function of the message; opened, closed: functions
  constructor(handlers, opened, closed) {
    this.handlers = handlers;
    this.opened = opened;
    this.closed = closed;
    this.unsent = [];
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`ws://${location.host}/live`);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    let last = Promise.resolve();
    socket.onopen = () => {
      this.opened();
      this.unsent.splice(0).forEach((command) => this.send(command));
      this.send({ do: "next" });
    };
    socket.onmessage = (event) => {
      // One after the other: decoding a picture takes a moment, and "end" must come after it.
      last = last.then(() => this.receive(event.data)).catch((error) => console.error(error));
    };
    socket.onclose = () => {
      this.closed();
      setTimeout(() => this.connect(), PAUSE);
    };
  }

  async receive(data) {
    const message = typeof data === "string" ? JSON.parse(data) : unpack(data);
    if (message.topic === "end") {
      this.send({ do: "next" });
    } else {
      await this.handlers[message.topic]?.(message);
    }
  }

  // Without a connection, a command of the viewer waits for the next one.
  send(command) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(command));
    } else if (command.do !== "next") {
      this.unsent.push(command);
    }
  }
}

// A scene: the length of its description, the description, the picture and the mask.
function unpack(data) {
  const length = new DataView(data).getUint32(0);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const begin = 4 + length;
  message.picture = new Blob([data.slice(begin, begin + message.jpeg)], { type: "image/jpeg" });
  message.mask = message.mask ? new Blob([data.slice(begin + message.jpeg)], { type: "image/png" }) : null;
  return message;
}
