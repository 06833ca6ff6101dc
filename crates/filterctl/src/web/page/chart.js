// Lines over the last minutes. A chart is read with the pointer, or with the arrow keys once it has the focus.

import { byId, drawn, element, Keyed, say } from "/element.js";
import { clock, UNITS } from "/numbers.js";

// So many samples are kept, one a second; the server keeps as many.
const KEPT = 300;
// The least that the time axis shows, in milliseconds.
const SHORTEST = 60000;
const HIGHEST_LINE = 0.06;
const TONES = { accepted: "good", succeeded: "good", success: "good", "2xx": "good", parsed: "good", rejected: "bad", failed: "bad", "5xx": "bad", invalidCredentials: "bad", "4xx": "temporary", error: "bad", starttls: "6", tls: "1", sasl_sealed: "2", lost_sync: "bad", p50: "2", p90: "0", p99: "1", open: "0", others: "6" };
const COLOURS = 7;

export class Charts {
  #charts = null;

  show(state) {
    if (!state.run) return;
    this.#charts ??= state.run.charts.map((description, index) => {
      const parent = index === 0 ? byId("main-chart") : byId("charts");
      return new Chart(parent, description);
    });
    this.#charts.forEach((chart, index) =>
      chart.add(state.samples.map(({ elapsed, charts }) => ({ elapsed, values: charts[index] }))),
    );
  }
}

class Chart {
  #unit;
  #title;
  #isQuantiles;
  #samples = [];
  #colours = new Map();
  #cursor = null;
  #plot;
  #svg;
  #now;
  #legend;
  #what;
  #metric;

  constructor(parent, { title, metric, help, shows }) {
    this.#unit = UNITS[shows];
    this.#title = title;
    this.#isQuantiles = shows === "quantiles";
    this.#now = element("span", { class: "now" });
    this.#what = metric ?? "connections opened − closed";
    this.#metric = element("span", { class: "metric mono" }, this.#what);
    this.#svg = drawn("svg", { "aria-hidden": "true" });
    this.#plot = element("div", { class: "plot", tabindex: "0", role: "img" }, this.#svg);
    const legend = element("ul", { class: "legend" });
    this.#legend = new Keyed(legend, () => {
      const [key, name, value] = [element("span", { class: "key" }), element("span"), element("b")];
      return { element: element("li", {}, key, name, value), key, name, value };
    });
    const id = `chart-${title.toLowerCase().replaceAll(" ", "-")}`;
    parent.append(
      element(
        "article",
        { class: "card chart", "aria-labelledby": id, title: help ?? "" },
        element("div", { class: "head" }, element("h3", { id }, title), this.#now),
        this.#metric,
        this.#plot,
        legend,
      ),
    );
    this.#plot.addEventListener("pointermove", (event) => this.#point(event.offsetX / this.#plot.clientWidth));
    this.#plot.addEventListener("pointerleave", () => this.#choose(null));
    this.#plot.addEventListener("blur", () => this.#choose(null));
    this.#plot.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#draw()).observe(this.#plot);
  }

  add(samples) {
    this.#samples.push(...samples);
    const over = this.#samples.length - KEPT;
    if (over > 0) {
      this.#samples.splice(0, over);
      if (this.#cursor !== null) this.#cursor = Math.max(0, this.#cursor - over);
    }
    for (const { values } of samples) Object.keys(values).forEach((name) => this.#colour(name));
    this.#draw();
  }

  #colour(name) {
    if (!this.#colours.has(name)) {
      const plain = [...this.#colours.values()].filter((colour) => /\d$/.test(colour)).length;
      this.#colours.set(name, `line-${TONES[name] ?? plain % COLOURS}`);
    }
    return this.#colours.get(name);
  }

  #point(share) {
    const time = this.#start() + share * this.#span();
    const distances = this.#samples.map(({ elapsed }) => Math.abs(elapsed - time));
    this.#choose(distances.indexOf(Math.min(...distances)));
  }

  #step(event) {
    const last = this.#samples.length - 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last };
    if (!(event.key in steps) || last < 0) return;
    event.preventDefault();
    this.#choose(Math.min(last, Math.max(0, (this.#cursor ?? last) + steps[event.key])));
  }

  #choose(index) {
    if (index === this.#cursor || index < 0) return;
    this.#cursor = index;
    this.#draw();
  }

  #span() {
    const first = this.#samples[0]?.elapsed ?? 0;
    return Math.max(SHORTEST, (this.#samples.at(-1)?.elapsed ?? 0) - first);
  }

  #start() {
    return (this.#samples.at(-1)?.elapsed ?? 0) - this.#span();
  }

  #draw() {
    const [width, height] = [this.#plot.clientWidth, this.#plot.clientHeight];
    const shown = this.#samples[this.#cursor ?? this.#samples.length - 1];
    if (!shown || width === 0) return;
    this.#tell(shown);
    const names = [...this.#colours.keys()];
    const values = this.#samples.flatMap(({ values }) => Object.values(values));
    const { marks, share } = this.#isQuantiles ? decades(values) : halves(values);
    const x = (elapsed) => ((elapsed - this.#start()) / this.#span()) * width;
    const y = (value) => height * (1 - share(value) * (1 - HIGHEST_LINE)) - 0.5;
    const parts = marks.map((value) => drawn("line", { class: "grid", x1: 0, x2: width, y1: y(value), y2: y(value) }));
    const labelled = this.#isQuantiles ? marks.slice(1) : marks.slice(-1);
    for (const name of names) parts.push(...this.#line(name, x, y, names.length));
    if (this.#cursor !== null) {
      const at = x(shown.elapsed);
      parts.push(drawn("line", { class: "cursor", x1: at, x2: at, y1: 0, y2: height }));
      for (const [name, value] of Object.entries(shown.values)) {
        parts.push(drawn("circle", { class: `dot ${this.#colour(name)}`, cx: at, cy: y(value), r: 4 }));
      }
    }
    parts.push(...labelled.map((value) => drawn("text", { x: 0, y: y(value) + 12 }, this.#unit(value))));
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren(...parts);
  }

  // A line has a gap where there was nothing to say. One that is alone, or the good one, is filled.
  #line(name, x, y, lines) {
    const pieces = [];
    let piece = null;
    for (const { elapsed, values } of this.#samples) {
      if (!(name in values)) {
        piece = null;
        continue;
      }
      if (piece === null) pieces.push((piece = []));
      piece.push([x(elapsed), y(values[name])]);
    }
    const path = (points) => points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join(" L");
    const colour = this.#colour(name);
    const isFilled = !this.#isQuantiles && (lines === 1 || colour === "line-good");
    return pieces.flatMap((points) => {
      const curve = drawn("path", { class: `curve ${colour}`, d: `M${path(points)}` });
      if (!isFilled) return [curve];
      const [first, last] = [points[0][0].toFixed(1), points.at(-1)[0].toFixed(1)];
      const area = drawn("path", { class: `area ${colour}`, d: `M${first} ${y(0)} L${path(points)} L${last} ${y(0)} Z` });
      return [area, curve];
    });
  }

  // What the lines say now, or where the cursor is, as text.
  #tell(shown) {
    const entries = [...this.#colours.keys()].map((name) => [name, shown.values[name]]);
    this.#legend.update(entries, ([name]) => name, (row, [name, value]) => {
      row.key.className = `key ${this.#colour(name)}`;
      say(row.name, name.replaceAll("_", " "));
      say(row.value, value === undefined ? "–" : this.#unit(value));
    });
    const values = Object.values(shown.values);
    const main = this.#isQuantiles ? shown.values.p99 : values.reduce((sum, value) => sum + value, 0);
    const now = values.length ? this.#unit(main) : "–";
    this.#now.replaceChildren(...(this.#isQuantiles && values.length ? [element("small", {}, "p99"), now] : [now]));
    const parts = entries.filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${this.#unit(value)}`);
    const when = this.#cursor === null ? "now" : `at ${clock(shown.elapsed)}`;
    say(this.#metric, this.#cursor === null ? this.#what : when);
    this.#plot.setAttribute("aria-label", `${this.#title}, ${when}: ${parts.join(", ") || "nothing"}`);
  }
}

// A scale from 0, marked at its end and half way.
function halves(values) {
  const top = roundAbove(Math.max(0, ...values) || 1);
  return { marks: [0, top / 2, top], share: (value) => value / top };
}

// A scale that gives each decade as much room: quantiles are often far apart.
function decades(values) {
  const log = (value) => Math.log10(Math.max(value, 1));
  const lowest = Math.floor(log(Math.min(1e3, ...values)));
  const highest = Math.max(lowest + 1, Math.ceil(log(Math.max(1e3, ...values))));
  const marks = Array.from({ length: highest - lowest + 1 }, (_, index) => 10 ** (lowest + index));
  return { marks, share: (value) => Math.max(0, (log(value) - lowest) / (highest - lowest)) };
}

// 1, 2 or 5 times a power of ten, at least as much.
function roundAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= value * 0.999);
}
