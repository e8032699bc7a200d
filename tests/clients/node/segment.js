// Sends events with @segment/analytics-node; a plugin of the SDK's own kind notes the ids it gave them.
import { createInterface } from "node:readline";
import { Analytics } from "@segment/analytics-node";

const wish = JSON.parse(process.argv[2]);
const sent = [];
const analytics = new Analytics({ writeKey: wish.writeKey, host: wish.host, flushAt: 50, flushInterval: 500 });
await analytics.register({
  name: "notes", type: "enrichment", version: "1", isLoaded: () => true, load: async () => {},
  track: (context) => { sent.push(context.event.messageId); return context; },
});

const send = (from, to) => {
  for (let number = from; number < to; number += 1) {
    analytics.track({ userId: `node-${number % 100}`, event: wish.event, properties: { number } });
  }
};

send(0, wish.events / 2);
console.log("half");
for await (const line of createInterface({ input: process.stdin })) { if (line) break; }
send(wish.events / 2, wish.events);
await analytics.closeAndFlush({ timeout: 240_000 });
process.stdout.write(`${JSON.stringify({ sent })}\n`, () => process.exit(0));
