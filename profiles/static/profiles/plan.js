/* The table above a plan's JSON. Both show one object: an edit in the table writes the text, an edit of the text draws the
   table again. What the table does not know about a schema stays in it untouched. Without scripts the text is all there is. */
(function () {
  "use strict";

  const CALLS = ["TRACK", "IDENTIFY", "GROUP", "PAGE", "SCREEN", "COMMON"];
  const TYPES = ["string", "date-time", "number", "integer", "boolean", "array", "object", "null"];
  const MOST_OPEN = 3;

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (typeof value === "boolean") made[key] = value;
      else if (value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function partOf(rule) { return rule.type === "IDENTIFY" || rule.type === "GROUP" ? "traits" : "properties"; }

  function isObject(value) { return value !== null && typeof value === "object" && !Array.isArray(value); }

  /* The schema of a rule's properties; made where it is missing and `make` says so. */
  function inside(rule, make) {
    const whole = isObject(rule.jsonSchema) ? rule.jsonSchema : (make ? (rule.jsonSchema = { type: "object" }) : {});
    if (make && !isObject(whole.properties)) whole.properties = {};
    const properties = isObject(whole.properties) ? whole.properties : {};
    if (make && !isObject(properties[partOf(rule)])) properties[partOf(rule)] = { type: "object" };
    const found = isObject(properties[partOf(rule)]) ? properties[partOf(rule)] : {};
    if (make && !isObject(found.properties)) found.properties = {};
    return found;
  }

  function typeOf(schema) {
    if (schema.type === "string" && schema.format === "date-time") return "date-time";
    return typeof schema.type === "string" && TYPES.includes(schema.type) ? schema.type : "";
  }

  function setType(schema, chosen) {
    if (!chosen) return;
    schema.type = chosen === "date-time" ? "string" : chosen;
    if (chosen === "date-time") schema.format = "date-time";
    else if (schema.format === "date-time") delete schema.format;
  }

  function value(text) {
    const trimmed = text.trim();
    try { return JSON.parse(trimmed); } catch (error) { return trimmed; }
  }

  function spelled(item) {
    if (typeof item !== "string") return JSON.stringify(item);
    return typeof value(item) === "string" && !item.includes(",") ? item : JSON.stringify(item);
  }

  /* Values apart by commas; a text that holds a comma stands in quotes. */
  function values(text) {
    return (text.match(/"(?:[^"\\]|\\.)*"|[^,]+/g) || []).map((item) => item.trim()).filter(Boolean).map(value);
  }

  class Table {
    constructor(box, text) {
      this.box = box;
      this.text = text;
      this.open = new Set();
      box.hidden = false;
      text.addEventListener("input", () => this.read());
      this.read();
      (this.plan.rules || []).slice(0, MOST_OPEN).forEach((rule, index) => this.open.add(index));
      this.draw();
    }

    read() {
      try {
        const read = JSON.parse(this.text.value || "{}");
        if (!isObject(read) || !Array.isArray(read.rules)) throw new Error("Write an object with a list of rules.");
        this.plan = read;
        this.draw();
      } catch (error) {
        this.plan = this.plan || { rules: [] };
        this.box.replaceChildren(element("p", { class: "cdp-field-error", role: "alert" }, "The text below is no plan yet: " + error.message));
      }
    }

    write() { this.text.value = JSON.stringify(this.plan, null, 2); }

    change(act) { act(); this.write(); }

    redraw(act) { this.change(act); this.draw(); }

    draw() {
      const rules = this.plan.rules.map((rule, index) => (isObject(rule) ? this.rule(rule, index) : null));
      const none = this.plan.rules.length ? null : element("p", { class: "cdp-empty" }, "No event yet. Add the first one; the page of the plan itself can also learn them from traffic or take a file.");
      this.box.replaceChildren(...[none, ...rules].filter(Boolean), this.adder());
    }

    adder() {
      const name = element("input", { class: "cdp-input", "aria-label": "Name of a new event", placeholder: "Order Completed" });
      const call = this.select(CALLS, "TRACK", "Kind of call", () => { name.disabled = !["TRACK", "PAGE", "SCREEN"].includes(call.value); });
      const add = () => {
        if (call.value === "TRACK" && !name.value.trim()) { name.focus(); return; }
        this.redraw(() => {
          const rule = { type: call.value, key: name.disabled ? "" : name.value.trim(), version: 1, jsonSchema: { type: "object" } };
          inside(rule, true);
          this.open.add(this.plan.rules.push(rule) - 1);
        });
      };
      name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
      return element("div", { class: "cdp-plan-add" }, call, name, element("button", { type: "button", class: "cdp-button", onclick: add }, "Add event"));
    }

    rule(rule, index) {
      const title = element("strong", {}, rule.key || "every " + String(rule.type).toLowerCase() + " call");
      const told = element("span", { class: "cdp-subtle" }, " " + String(rule.type).toLowerCase() + ", version " + rule.version);
      const remove = element("button", { type: "button", class: "cdp-button cdp-button-danger", onclick: () => this.redraw(() => {
        this.plan.rules.splice(index, 1);
        this.open = new Set([...this.open].filter((one) => one !== index).map((one) => (one > index ? one - 1 : one)));
      }) }, "Remove event");
      const box = element("details", { class: "cdp-row", ontoggle: () => {
        if (box.open) this.open.add(index); else this.open.delete(index);
        if (box.open && box.children.length === 1) box.append(this.properties(rule), remove);
      } }, element("summary", {}, title, told));
      if (this.open.has(index)) { box.append(this.properties(rule), remove); box.open = true; }
      return box;
    }

    properties(rule) {
      const schema = inside(rule, false);
      const listed = isObject(schema.properties) ? Object.entries(schema.properties) : [];
      const head = ["Name", "Type", "Required", "Allowed values", ""].map((text) => element("th", { scope: "col" }, text));
      const rows = listed.map(([name, one]) => this.property(rule, name, isObject(one) ? one : {}));
      const table = element("table", { class: "cdp-table cdp-table-tight" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
      const name = element("input", { class: "cdp-input", "aria-label": "Name of a new property of " + (rule.key || rule.type), placeholder: "property" });
      const add = () => {
        const wanted = name.value.trim();
        if (!wanted) { name.focus(); return; }
        this.redraw(() => { inside(rule, true).properties[wanted] = { type: "string" }; });
      };
      name.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
      return element("div", {}, element("div", { class: "cdp-scroll" }, table),
        element("div", { class: "cdp-plan-add" }, name, element("button", { type: "button", class: "cdp-button", onclick: add }, "Add property")));
    }

    property(rule, name, schema) {
      const within = inside(rule, false);
      const required = Array.isArray(within.required) && within.required.includes(name);
      const type = this.select(["", ...TYPES], typeOf(schema), "Type of " + name, () => this.change(() => setType(schema, type.value)));
      type.options[0].textContent = "other";
      const check = element("input", { type: "checkbox", checked: required, "aria-label": name + " is required", onchange: () => this.change(() => {
        const others = (Array.isArray(within.required) ? within.required : []).filter((one) => one !== name);
        if (check.checked) others.push(name);
        if (others.length) within.required = others; else delete within.required;
      }) });
      const allowed = element("input", { class: "cdp-input", value: (schema.enum || []).map(spelled).join(", "), placeholder: "any",
        "aria-label": "Allowed values of " + name, onchange: () => this.change(() => {
          const given = values(allowed.value);
          if (given.length) schema.enum = given; else delete schema.enum;
        }) });
      const remove = element("button", { type: "button", class: "cdp-button", "aria-label": "Remove " + name, onclick: () => this.redraw(() => {
        delete within.properties[name];
        if (Array.isArray(within.required)) within.required = within.required.filter((one) => one !== name);
        if (Array.isArray(within.required) && !within.required.length) delete within.required;
      }) }, "Remove");
      return element("tr", {}, element("th", { scope: "row", class: "cdp-mono" }, name), element("td", {}, type), element("td", {}, check), element("td", {}, allowed), element("td", {}, remove));
    }

    select(options, chosen, label, act) {
      const made = element("select", { class: "cdp-input", "aria-label": label, onchange: act });
      made.append(...options.map((option) => element("option", { value: option, selected: option === chosen }, option)));
      return made;
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    for (const box of document.querySelectorAll("[data-plan-for]")) {
      const text = document.getElementById(box.dataset.planFor);
      if (text) new Table(box, text);
    }
  });
})();
