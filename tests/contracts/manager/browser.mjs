// A page's Socket.IO client (npm's socket.io-client), driven line by line: one JSON order each on its input, one
// JSON line on its output for whatever it hears.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const { io } = createRequire(process.argv[2] + "/")("socket.io-client");
const { url, options } = JSON.parse(process.argv[3]);
const say = (...line) => process.stdout.write(JSON.stringify(line) + "\n");

const socket = io(url, { reconnection: false, forceNew: true, ...options });
socket.on("connect", () => say("connect", { id: socket.id, transport: socket.io.engine.transport.name }));
socket.on("connect_error", (error) => say("connect_error", error.message));
socket.on("disconnect", (reason) => say("disconnect", reason));
socket.onAny((name, ...data) => say(name, ...data));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [name, ...data] = JSON.parse(line);
    socket.emit(name, ...data, (answer) => say("ack", answer));
  })
  .on("close", () => {
    socket.disconnect();
    process.exit(0);
  });
