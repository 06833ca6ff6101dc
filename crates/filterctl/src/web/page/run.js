// What is running: the head of the page, the configuration, the facts.

import { byId, element, say } from "/element.js";
import { clock, count } from "/numbers.js";

export class Run {
  #known = false;
  #configuration = "";
  #news = 0;
  #lastSaid = "";

  show(state) {
    if (state.run && !this.#known) {
      this.#known = true;
      this.#facts(state.run);
    }
    const whole = state.run?.run_for ? ` of ${clock(state.run.run_for)}` : "";
    say(byId("clock"), clock(state.elapsed) + whole);
    this.#configured(state);
    this.#said(state);
  }

  #facts(run) {
    document.title = `${run.extension} on Envoy ${run.envoy}`;
    say(byId("title"), `${run.extension} on Envoy ${run.envoy}`);
    say(byId("command"), run.command);
    byId("path").append(
      ...run.path.map(({ name, address }) => {
        const hop = element("span", {}, name);
        if (address) hop.append(element("span", { class: "mono" }, address));
        return element("li", {}, hop);
      }),
    );
    const metrics = element("a", { href: run.metrics, rel: "noreferrer", target: "_blank" }, run.metrics);
    const facts = [
      ["Envoy", run.envoy],
      ["Module", run.module.file],
      ["Size", `${count(run.module.octets)} octets`],
      ["SHA-256", element("span", { class: "mono" }, run.module.sha256)],
      ["For Prometheus", metrics],
    ];
    for (const [name, value] of facts) byId("facts").append(element("dt", {}, name), element("dd", {}, value));
    const file = run.configuration_file;
    say(
      byId("configuration-file"),
      file ? `from ${file}: when the file changes, so does what is in force` : "the defaults, with events switched on for this page: --config FILE takes another",
    );
  }

  #configured(state) {
    const text = JSON.stringify(state.configuration ?? {}, null, 2);
    if (text !== this.#configuration) {
      this.#configuration = text;
      say(byId("configuration"), text);
    }
    const last = state.news.at(-1)?.elapsed ?? 0;
    if (state.news.length === 0 || (last === this.#news && byId("news").children.length === state.news.length)) return;
    this.#news = last;
    byId("no-news").hidden = true;
    byId("news").replaceChildren(...state.news.toReversed().map(news));
  }

  #said(state) {
    if (state.said_by === "") return;
    byId("said-part").hidden = false;
    say(byId("said-title"), `What ${state.said_by} says`);
    const key = JSON.stringify(state.said);
    if (key === this.#lastSaid) return;
    this.#lastSaid = key;
    const list = byId("said");
    const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
    list.replaceChildren(...state.said.map((line) => element("li", {}, line)));
    if (follows) list.scrollTop = list.scrollHeight;
  }
}

function news({ elapsed, text, changes }) {
  const value = (value) => (value === null ? "the default" : JSON.stringify(value));
  const change = ({ field, before, after }) =>
    element("li", {}, element("span", { class: "mono" }, field), `: ${value(before)} → ${value(after)}`);
  const item = element("li", {}, element("time", { class: "mono" }, clock(elapsed)), text);
  if (changes.length > 0) item.append(element("ul", {}, ...changes.map(change)));
  return item;
}
