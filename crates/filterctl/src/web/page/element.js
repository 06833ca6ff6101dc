// Elements made of text. Whatever a peer chose reaches the page through here, and stays text: nothing on this page is ever
// parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

// element("td", { class: "number" }, "7"): children are elements or text.
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Sets a text if it is another, and says whether it was: a text that is set anew loses its selection.
export function say(target, text) {
  if (target.textContent === text) return false;
  target.textContent = text;
  return true;
}

// Lets a number light up for a moment.
export function glow(target) {
  target.classList.remove("changed");
  // Reading the layout makes the animation begin anew.
  void target.offsetWidth;
  target.classList.add("changed");
}

// Keeps children in step with a list: one for each name, made once, in the list's order.
export class Keyed {
  #parent;
  #make;
  #known = new Map();

  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  // show(made, item) is called for each item.
  update(items, nameOf, show) {
    const gone = new Set(this.#known.keys());
    items.forEach((item, index) => {
      const name = nameOf(item);
      gone.delete(name);
      if (!this.#known.has(name)) this.#known.set(name, this.#make(item));
      const made = this.#known.get(name);
      if (this.#parent.children[index] !== made.element) {
        this.#parent.insertBefore(made.element, this.#parent.children[index] ?? null);
      }
      show(made, item);
    });
    for (const name of gone) {
      this.#known.get(name).element.remove();
      this.#known.delete(name);
    }
  }
}
