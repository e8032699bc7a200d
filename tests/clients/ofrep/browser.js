// @openfeature/ofrep-web-provider on a page: all flags of one person at once, asked for again every half second.
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature } from "@openfeature/web-sdk";

const wish = Object.fromEntries(new URLSearchParams(location.search));
const headers = [["Authorization", `Bearer ${wish.key}`]];

window.begin = async () => {
  await OpenFeature.setContext({ targetingKey: wish.who });
  const settings = { baseUrl: wish.host, headers, pollInterval: 500, changeDetection: "polling", cacheMode: "disabled" };
  await OpenFeature.setProviderAndWait(new OFREPWebProvider(settings));
};
window.become = (who) => OpenFeature.setContext({ targetingKey: who });
window.ask = ({ kind, flag, fallback }) => {
  const { value, variant, reason, errorCode } = OpenFeature.getClient()[`get${kind}Details`](flag, fallback);
  return { value, variant, reason, errorCode };
};
