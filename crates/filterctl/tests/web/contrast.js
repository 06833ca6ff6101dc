// The texts and marks of the page that are not legible: a list of what, its contrast and what it needs (WCAG 2.2, 1.4.3 and
// 1.4.11), for the colours that are in force. Empty when all is well.
(() => {
  const parts = (colour) => {
    const found = colour.match(/^rgba?\(([^)]*)\)$/);
    if (!found) throw new Error(`a colour that is not understood: ${colour}`);
    const [r, g, b, a = 1] = found[1].split(/[\s,/]+/).map(Number);
    return { r, g, b, a };
  };
  const over = (front, back) => {
    const mix = (one) => front[one] * front.a + back[one] * (1 - front.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const linear = (one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  // All colours that may be behind an element: a gradient has several.
  const behind = (element) => {
    if (element === null) return [{ r: 255, g: 255, b: 255, a: 1 }];
    const style = getComputedStyle(element);
    const own = parts(style.backgroundColor);
    const base = own.a === 1 ? [own] : behind(element.parentElement).map((back) => over(own, back));
    const gradient = (style.backgroundImage.match(/rgba?\([^)]*\)/g) ?? []).map(parts);
    return [...base, ...gradient.flatMap((colour) => base.map((back) => over(colour, back)))];
  };
  const worst = (colour, element) => Math.min(...behind(element).map((back) => contrast(over(colour, back), back)));

  const bad = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (text === "" || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const colour = parts(element instanceof SVGElement ? style.fill : style.color);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const found = worst(colour, element);
    if (found < needed) bad.push(`${text}: ${found.toFixed(2)} of ${needed}`);
  }
  for (const mark of document.querySelectorAll(".key, .bar i, .curve, .range b, .pill")) {
    const style = getComputedStyle(mark);
    const isCurve = mark instanceof SVGElement;
    const colour = parts(isCurve ? style.stroke : mark.matches(".pill") ? getComputedStyle(mark, "::before").backgroundColor : style.backgroundColor);
    const found = worst(colour, isCurve ? mark.closest(".card") : mark.parentElement);
    if (found < 3) bad.push(`${mark.getAttribute("class")}: ${found.toFixed(2)} of 3`);
  }
  return bad;
})();
