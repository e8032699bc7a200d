/** The licences of the packages whose code is in the bundle, as the packages themselves state them. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export function licences(modules) {
  const packages = new Map();
  for (const module of modules) {
    const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module.replace(/^\0/, "").replaceAll("\\", "/"));
    if (found && existsSync(join(found[1], "package.json"))) {
      const told = JSON.parse(readFileSync(join(found[1], "package.json"), "utf8"));
      packages.set(`${told.name} ${told.version}`, notice(found[1], told));
    }
  }
  const parts = [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => `${name}\n${"=".repeat(name.length)}\n\n${text}\n`);
  return `The rule builder's script holds code of these packages.\n\n${parts.join("\n")}`;
}

function notice(folder, told) {
  const file = readdirSync(folder).sort().find((name) => /^licen[cs]e/i.test(name));
  const text = file ? readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim() : "";
  return `Licence: ${told.license}\n\n${text}`.trim();
}
