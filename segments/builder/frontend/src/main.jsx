import { createRoot } from "react-dom/client";
import { App } from "./App.jsx";
import "./builder.css";

function start() {
  const canvas = document.getElementById("rule-canvas");
  const area = document.querySelector("textarea[name=content]");
  const told = document.getElementById("rule-language");
  if (!canvas || !area || !told) return;
  const place = (id) => document.getElementById(id);
  const places = { tools: place("rule-tools"), text: place("rule-text-state"), preview: place("rule-preview"), costs: place("rule-costs") };
  for (const element of Object.values(places)) element.replaceChildren();
  document.documentElement.classList.add("cdp-rb-ready");
  createRoot(canvas).render(<App area={area} places={places} told={JSON.parse(told.textContent)} addresses={{ ...canvas.dataset }} />);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
