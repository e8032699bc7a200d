// @segment/analytics-next on a page; a source middleware notes the ids that the SDK gave. How it sends comes from the
// address of the page, where it sends to from the settings that the product tells.
import { AnalyticsBrowser } from "@segment/analytics-next";

const wish = Object.fromEntries(new URLSearchParams(location.search));
const batching = { strategy: "batching", config: { size: 10, timeout: 300 } };
const sent = [];
const analytics = AnalyticsBrowser.load(
  { writeKey: wish.writeKey, cdnURL: wish.host },
  { integrations: { "Segment.io": wish.strategy === "batching" ? { deliveryStrategy: batching } : {} } },
);
analytics.addSourceMiddleware(({ payload, next }) => { sent.push(payload.obj.messageId); next(payload); });

window.ready = () => analytics.ready();
window.send = (from, to) => {
  for (let number = from; number < to; number += 1) analytics.track(wish.event, { number });
};
window.sent = () => sent;
