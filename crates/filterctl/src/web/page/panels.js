// The tables: what could be seen, what was counted, how long it took, and who counted what.

import { byId, element, glow, Keyed, say } from "/element.js";
import { count, microseconds, octets, percent } from "/numbers.js";

// Colours of what could and could not be seen.
const SEEN = { parsed: "line-good", starttls: "line-6", tls: "line-1", sasl_sealed: "line-2", off: "line-5", lost_sync: "line-bad", internal_error: "line-temporary" };

export class Visibility {
  #connections = share(byId("shares"), "connections", "of the connections that have ended");
  #octets = share(byId("shares"), "octets", "of the octets");

  show({ overview }) {
    if (!overview) return;
    const { opened, open } = overview;
    showShares(this.#octets, overview.octets, octets, "");
    showShares(this.#connections, overview.connections, count, `${count(opened)} opened, ${count(open)} open now`);
    for (const [name, value] of Object.entries({ opened, open })) this.#connections.element.dataset[name] = value;
  }
}

function share(parent, name, of) {
  const strong = element("strong", {}, "–");
  const note = element("span", { class: "quiet number" });
  const bar = element("div", { class: "bar", "aria-hidden": "true" });
  const legend = element("ul", { class: "legend" });
  const whole = element(
    "div",
    { class: "share", "data-share": name },
    element("p", { class: "head" }, element("span", {}, strong, element("span", { class: "quiet" }, ` ${of}`)), note),
    bar,
    legend,
  );
  parent.prepend(whole);
  const parts = new Keyed(bar, () => ({ element: element("i") }));
  const keys = new Keyed(legend, keyed);
  return { element: whole, strong, note, parts, keys };
}

function keyed() {
  const [key, name, value] = [element("span", { class: "key" }), element("span"), element("b")];
  return { element: element("li", {}, key, name, value), key, name, value };
}

function showShares(shown, shares, unit, note) {
  const nameOf = (share) => share.name;
  const parsed = shares.find((share) => share.name === "parsed")?.share ?? 0;
  say(shown.strong, shares.length ? percent(parsed) : "–");
  say(shown.note, note);
  shown.parts.update(shares, nameOf, (part, { name, share }) => {
    part.element.className = SEEN[name] ?? "line-6";
    part.element.style.background = "var(--c)";
    part.element.style.width = `${share * 100}%`;
  });
  shown.keys.update(shares, nameOf, (row, { name, share, count: number }) => {
    row.element.dataset.row = name;
    row.element.dataset.value = number;
    row.key.className = `key ${SEEN[name] ?? "line-6"}`;
    say(row.name, name === "parsed" ? "seen" : `not seen: ${name.replaceAll("_", " ")}`);
    say(row.value, `${unit(number)} (${percent(share)})`);
  });
}

export class Counts {
  #columns = [];

  show({ overview }) {
    if (!overview) return;
    overview.columns.forEach((panels, index) => {
      if (!this.#columns[index]) {
        const column = element("div");
        byId("counts").append(column);
        this.#columns[index] = new Keyed(column, counted);
      }
      this.#columns[index].update(panels, (panel) => panel.metric + panel.title, showCounted);
    });
  }
}

function counted({ title, metric, help }) {
  const body = element("tbody");
  const none = element("p", { class: "quiet" }, "none so far");
  const id = `counted-${metric}-${title.toLowerCase().replaceAll(" ", "-")}`;
  const card = element(
    "article",
    { class: "card counted", "data-metric": metric, "aria-labelledby": id, title: help ?? "" },
    element("h3", { id }, title),
    element("span", { class: "metric mono" }, metric),
    element("table", { "aria-labelledby": id }, body),
    none,
  );
  const rows = new Keyed(body, () => {
    const [name, value] = [element("th", { scope: "row" }), element("td", { class: "number" })];
    return { element: element("tr", {}, name, value), name, value };
  });
  return { element: card, rows, none };
}

function showCounted(panel, { rows }) {
  panel.none.hidden = rows.length > 0;
  const most = Math.max(1, ...rows.map((row) => row.value));
  panel.rows.update(rows, (row) => row.name, (shown, { name, value, tone }) => {
    shown.element.dataset.row = name;
    shown.element.dataset.value = value;
    shown.element.classList.toggle("zero", value === 0);
    shown.element.style.setProperty("--part", value / most);
    say(shown.name, name);
    shown.name.className = value === 0 ? "" : tone;
    const isNew = shown.value.textContent === "";
    if (say(shown.value, count(value)) && !isNew) glow(shown.value);
  });
}

export class Latencies {
  #rows = new Keyed(byId("latencies").tBodies[0], ({ metric }) => {
    const cells = [0, 1, 2, 3].map(() => element("td", { class: "number" }));
    const [name, span, mark] = [element("th", { scope: "row" }), element("i"), element("b")];
    const range = element("td", { "aria-hidden": "true" }, element("div", { class: "range" }, span, mark));
    return { element: element("tr", { "data-metric": metric }, name, ...cells, range), name, cells, span, mark };
  });

  show({ overview }) {
    if (!overview) return;
    byId("no-latencies").hidden = overview.latencies.length > 0;
    this.#rows.update(overview.latencies, (latency) => latency.name, (row, latency) => {
      const { name, p50, p90, p99 } = latency;
      row.element.dataset.row = name;
      row.element.dataset.value = latency.count;
      say(row.name, name);
      const texts = [count(latency.count), ...[p50, p90, p99].map(microseconds)];
      texts.forEach((text, index) => say(row.cells[index], text));
      row.span.style.left = `${place(p50)}%`;
      row.span.style.right = `${100 - place(p99)}%`;
      row.mark.style.left = `${place(p90)}%`;
    });
  }
}

// From 10 µs to 1000 s, a quarter for each two decades, in percent.
function place(microseconds) {
  return Math.min(100, Math.max(0, (Math.log10(Math.max(microseconds, 1)) - 1) * 12.5));
}

export class Comparison {
  show({ comparison }) {
    if (!comparison || !byId("comparison").hidden) return;
    byId("comparison").hidden = false;
    const equal = (entry) => new Set([entry.filter, entry.server, entry.application].filter((one) => one !== null)).size <= 1;
    const entries = [...comparison.visible, ...comparison.opaque];
    const differing = entries.filter((entry) => !equal(entry)).length;
    const verdict = byId("verdict");
    verdict.classList.add(differing ? "bad" : "good");
    say(
      verdict,
      differing
        ? `${differing} of ${entries.length} counts differ`
        : `Filter, server and application agree in all ${comparison.visible.length} counts of what passed in clear text.`,
    );
    const head = ["", "Filter", "Server", "Application"].map((text, index) =>
      text === "" ? element("td") : element("th", { scope: "col", class: index ? "number" : "" }, text),
    );
    const row = (entry, suffix) => {
      const cells = [entry.filter, entry.server, entry.application].map((value) =>
        element("td", { class: "number" }, value === null ? "–" : count(value)),
      );
      const classes = equal(entry) ? "" : "differs";
      return element("tr", { class: classes, "data-row": entry.what + suffix }, element("th", { scope: "row" }, entry.what + suffix), ...cells);
    };
    byId("ledger").replaceChildren(
      element("thead", {}, element("tr", {}, ...head)),
      element(
        "tbody",
        {},
        ...comparison.visible.map((entry) => row(entry, "")),
        ...comparison.opaque.map((entry) => row(entry, " over TLS, unseen by the filter")),
      ),
    );
  }
}
