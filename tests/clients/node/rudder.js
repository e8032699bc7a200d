// Sends events with @rudderstack/rudder-sdk-node, which takes ids from its caller. Its default of three retries ends
// before a database on a busy machine has recovered, so it is given ten, as the other SDKs have.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import Rudder from "@rudderstack/rudder-sdk-node";

const wish = JSON.parse(process.argv[2]);
const sent = [];
const failures = [];
let answered = 0;
const client = new Rudder(wish.writeKey, {
  dataPlaneUrl: wish.host, flushAt: 50, flushInterval: 500, retryCount: 10, logLevel: "none",
  errorHandler: (error) => failures.push(String(error)), // else a failure ends the process
});

const send = (from, to) => {
  for (let number = from; number < to; number += 1) {
    const messageId = randomUUID();
    sent.push(messageId);
    client.track({ userId: `node-${number % 100}`, event: wish.event, properties: { number }, messageId }, () => { answered += 1; });
  }
};

send(0, wish.events / 2);
console.log("half");
for await (const line of createInterface({ input: process.stdin })) { if (line) break; }
send(wish.events / 2, wish.events);
// Requests run side by side, and flush() waits for the latest alone.
while (answered < wish.events) { await client.flush(); await setTimeout(50); }
if (failures.length > 0) { console.error(failures.join("\n")); process.exit(1); }
process.stdout.write(`${JSON.stringify({ sent })}\n`, () => process.exit(0));
