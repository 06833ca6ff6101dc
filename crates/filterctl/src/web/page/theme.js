// Which colours: as the system has them, or the reader's own choice, which the browser remembers.

import { byId, say } from "/element.js";

const CHOICES = ["system", "light", "dark"];
const WORDS = { system: "as the system", light: "light", dark: "dark" };
const KEY = "colours";

function remembered() {
  // Browsers may be told to remember nothing.
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // It holds until the page is left.
  }
}

function apply(choice) {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  say(byId("theme"), `Colours: ${WORDS[choice]}`);
}

export function startTheme() {
  let choice = CHOICES.includes(remembered()) ? remembered() : "system";
  apply(choice);
  byId("theme").addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    remember(choice);
    apply(choice);
  });
}
