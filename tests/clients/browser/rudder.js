// @rudderstack/analytics-js on a page; the callback of each call tells the id that the SDK gave. Bundled with its
// plugins: nothing is loaded from elsewhere.
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const wish = Object.fromEntries(new URLSearchParams(location.search));
const sent = [];
const analytics = new RudderAnalytics();
analytics.load(wish.writeKey, wish.host, {
  configUrl: wish.host,
  useBeacon: wish.strategy === "beacon",
  beaconQueueOptions: { maxItems: 10, flushQueueInterval: 500 },
});

window.ready = () => new Promise((resolve) => { analytics.ready(resolve); });
window.send = (from, to) => {
  for (let number = from; number < to; number += 1) {
    analytics.track(wish.event, { number }, {}, (event) => { sent.push(event.messageId); });
  }
};
window.sent = () => sent;
