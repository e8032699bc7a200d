// standardwebhooks: verifies what it is given, and tells each message's type or why it was refused.
import { Webhook } from "standardwebhooks";

const found = JSON.parse(process.argv[2]).map(({ secret, headers, body }) => {
  try {
    return new Webhook(secret).verify(body, headers).type;
  } catch (refused) {
    return refused.message;
  }
});
console.log(JSON.stringify(found));
