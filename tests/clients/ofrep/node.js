// @openfeature/ofrep-provider: asks what it is told to ask, and tells what the client made of the answers.
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const wish = JSON.parse(process.argv[2]);
const headers = [["Authorization", `Bearer ${wish.key}`]];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: wish.host, headers }));
const client = OpenFeature.getClient();
const found = [];
for (const { kind, flag, fallback, who } of wish.questions) {
  const { value, variant, reason, errorCode } = await client[`get${kind}Details`](flag, fallback, { targetingKey: who });
  found.push({ value, variant, reason, errorCode });
}
console.log(JSON.stringify(found));
await OpenFeature.close();
