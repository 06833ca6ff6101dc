// The filter's events, the newest on top.

import { byId, element, say } from "/element.js";
import { microseconds, octets } from "/numbers.js";

// So many rows are in the table.
const ROWS = 100;
// Said elsewhere on the page, or in a column of its own.
const NOT_DETAILS = new Set(["event", "schema", "time", "filter", "outcome", "result", "level", "text"]);
const TONES = { accepted: "good", succeeded: "good", success: "good", rejected: "bad", failed: "bad", reset: "temporary", aborted: "temporary", unknown: "temporary", warning: "temporary", error: "bad", critical: "bad" };

export class Events {
  #rows = byId("events");
  #paused = false;
  #waiting = [];
  #seen = 0;

  constructor() {
    const button = byId("pause");
    button.addEventListener("click", () => {
      this.#paused = !this.#paused;
      button.setAttribute("aria-pressed", this.#paused);
      this.#flush();
    });
  }

  show(state) {
    this.#seen += state.events.length;
    this.#waiting.push(...state.events);
    this.#waiting.splice(0, this.#waiting.length - ROWS);
    this.#flush();
  }

  #flush() {
    const button = byId("pause");
    if (this.#paused) {
      say(button, this.#waiting.length ? `Resume (${this.#waiting.length} new)` : "Resume");
      return;
    }
    say(button, "Pause");
    this.#rows.prepend(...this.#waiting.reverse().map(row));
    this.#waiting = [];
    while (this.#rows.children.length > ROWS) this.#rows.lastElementChild.remove();
    byId("no-events").hidden = this.#rows.children.length > 0;
    say(byId("events-count"), this.#seen > ROWS ? `the last ${ROWS}` : "");
  }
}

function row({ fields }) {
  const outcome = fields.outcome ?? fields.result ?? fields.level ?? "";
  const details = element("div", { class: "details" });
  if (fields.text !== undefined) details.append(element("span", {}, String(fields.text)));
  for (const [name, value] of Object.entries(fields)) {
    if (NOT_DETAILS.has(name) || (name === "result" && fields.outcome === undefined)) continue;
    if (value === 0 || value === false || (name === "stat_prefix" && value === "default")) continue;
    details.append(element("span", {}, element("em", {}, words(name)), said(name, value)));
  }
  return element(
    "tr",
    {},
    element("td", { class: "mono" }, moment(fields.time)),
    element("td", {}, words(String(fields.event ?? "said"))),
    element("td", { class: TONES[outcome] ?? "" }, String(outcome)),
    element("td", {}, details),
  );
}

// Of a moment as in RFC 3339 the time of day, to the millisecond.
function moment(time) {
  return typeof time === "string" ? time.slice(11, 23) : "";
}

function words(name) {
  return name.replace(/_(microseconds|bytes)$/, "").replaceAll("_", " ");
}

function said(name, value) {
  if (typeof value === "number" && name.endsWith("_microseconds")) return microseconds(value);
  if (typeof value === "number" && name.endsWith("_bytes")) return octets(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((one) => said("", one)).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
