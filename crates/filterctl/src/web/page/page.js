// Asks for the state again and again, and has each part show it.

import { Charts } from "/chart.js";
import { byId, say } from "/element.js";
import { Events } from "/events.js";
import { Comparison, Counts, Latencies, Visibility } from "/panels.js";
import { Run } from "/run.js";
import { startTheme } from "/theme.js";

const EVERY = 1000;
// How long to wait for an answer, and between two attempts while there is none, in milliseconds.
const PATIENCE = 10000;
const AWAY = 2000;

const page = Math.random().toString(36).slice(2);

class View {
  look = 0;
  id = null;
  parts = [new Run(), new Visibility(), new Charts(), new Counts(), new Latencies(), new Events(), new Comparison()];

  show(state) {
    if (state.run && state.run.id !== this.id) {
      // Another run at the same address: nothing of the one before is its own.
      if (this.id !== null) return location.reload();
      this.id = state.run.id;
    }
    if (state.look <= this.look) return;
    this.look = state.look;
    byId("starting").hidden = true;
    byId("numbers").hidden = false;
    for (const part of this.parts) part.show(state);
    document.documentElement.dataset.look = state.look;
  }
}

function status(word, text) {
  const pill = byId("status");
  pill.className = `pill ${word}`;
  say(pill, text);
}

function complain(text) {
  const banner = byId("banner");
  banner.hidden = text === "";
  say(banner, text);
}

async function ask(view) {
  const answer = await fetch(`/state.json?after=${view.look}&page=${page}`, { signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(`the answer was ${answer.status}`);
  return answer.json();
}

async function follow() {
  const view = new View();
  for (let pause = 0; ; ) {
    await new Promise((resume) => setTimeout(resume, pause));
    let state;
    try {
      state = await ask(view);
    } catch {
      status("away", view.id === null ? "not there" : "no longer there");
      complain("The run has been stopped, or cannot be reached. What is shown is what was counted last.");
      pause = AWAY;
      continue;
    }
    complain("");
    view.show(state);
    if (state.ended) {
      status("ended", "ended: these are the final numbers");
      return;
    }
    status(state.run ? "live" : "", state.run ? "live" : "starting");
    pause = EVERY;
  }
}

startTheme();
follow();
