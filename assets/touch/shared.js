/** What the explorables share: elements, numbers as the page writes them, packed arrays, and their style sheet. */

/**
 * An element, or with `svg:` before its name one of a drawing.
 * @param {string} name such as "button.touch-key" or "svg:line"
 * @param {object} [attributes] a function is a listener; null and false are left out
 * @param {...(Node|string)} inside
 */
export function make(name, attributes = {}, ...inside) {
  const [tag, ...classes] = name.replace("svg:", "").split(".");
  const space = name.startsWith("svg:") ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const made = document.createElementNS(space, tag);
  if (classes.length) made.setAttribute("class", classes.join(" "));
  set(made, attributes);
  made.append(...inside);
  return made;
}

/** Give an element attributes, or listeners; null and false take an attribute away. */
export function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === null || value === false) element.removeAttribute(key);
    else element.setAttribute(key, value === true ? "" : value);
  }
  return element;
}

/** A number with a true minus sign, and thin spaces between thousands from 10 000 up. */
export function written(number, digits = 0) {
  const text = number.toFixed(digits).replace("-", "\u2212").replace(/^\u2212(?=[0.]+$)/, "");
  return Math.abs(number) < 10000 ? text : text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** A typed array from base64, little endian as every browser's. */
export function unpacked(text, Type) {
  return new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/** A row of buttons of which one is pressed; `choose(index)` when another one is. */
export function choice(label, names, chosen, choose) {
  const press = (index) => buttons.forEach((each, at) => set(each, { "aria-pressed": String(at === index) }));
  const buttons = names.map((name, index) => make("button", {
    type: "button",
    click: () => {
      press(index);
      choose(index);
    },
  }, name));
  press(chosen);
  return make("div.touch-choice", { role: "group", "aria-label": label }, make("span", {}, label), ...buttons);
}

/**
 * Put a panel into its figure in the place of the picture and of what its caption says of it, once the style sheet is there.
 * @param {(width: number) => void} redraw called whenever the panel has another width
 */
export async function seat(figure, panel, caption, redraw) {
  const address = new URL("touch.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${address}"]`)) {
    const link = make("link", { rel: "stylesheet", href: address });
    await new Promise((resolve, reject) => {
      set(link, { load: resolve, error: reject });
      document.head.append(link);
    });
  }
  figure.prepend(panel);
  const picture = make("a", { href: figure.dataset.picture }, "still picture");
  figure.querySelector("figcaption .still").after(make("span.touch-caption", {}, caption, " ", picture));
  figure.classList.add("touched");
  let width = 0;
  new ResizeObserver(() => {
    if (panel.clientWidth === width || !panel.clientWidth) return; // of what is not shown
    width = panel.clientWidth;
    redraw(width);
  }).observe(panel);
}
