// Comforts, none of them needed to read: copy buttons, films, the current section in the contents and the way back to them.
"use strict";

function button(text, name, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: name });
  made.addEventListener("click", () => action(made));
  return made;
}

if (navigator.clipboard) {
  for (const code of document.querySelectorAll("div.highlight > pre")) {
    code.parentElement.append(button("Copy", "copy", async (made) => {
      await navigator.clipboard.writeText(code.textContent);
      made.textContent = "Copied";
      setTimeout(() => { made.textContent = "Copy"; }, 1500);
    }));
  }
}

// The pictures move for a few seconds and stop; a changed fragment makes the browser start them anew.
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
  for (const picture of document.querySelectorAll(".animation:not([data-film]) img")) {
    const address = picture.src;
    let plays = 0;
    picture.closest("figure").append(button("Play again", "replay", () => { picture.src = `${address}#${++plays}`; }));
  }
}

// Films of runners, drawn from their poses once they are near: one lane each, one below the other, the view moving with each. A
// film plays once when it is seen, and stands at its last frame for readers who want no motion.
const STILL = matchMedia("(prefers-reduced-motion: reduce)"), DARK = matchMedia("(prefers-color-scheme: dark)");
const RADIUS = 0.046, GROUND = 0.28, SEEN = 4.2; // meters: of a limb, drawn below the ground, across a lane

const shown = new Set(); // figures

class Film {
  constructor(figure, { rate, runners }) {
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.rate = rate;
    this.runners = runners;
    this.last = runners[0].far.length - 1;
    this.frame = this.last;
  }

  /** Every lane as it is at a frame, which may lie between two. */
  draw(frame) {
    this.frame = frame;
    const { canvas, context } = this, density = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(`--${name}`).trim();
    const lane = height / this.runners.length, first = Math.floor(frame), share = frame - first, next = Math.min(first + 1, this.last);
    const between = (values) => values[first] + share * (values[next] - values[first]);
    this.runners.forEach((runner, place) => {
      const scale = Math.min(width / SEEN, (lane - 30) / 1.1), far = between(runner.far) / 100, ground = (place + 1) * lane - GROUND * scale;
      const at = (x, z) => [width / 2 + x * scale, ground - z * scale];
      context.fillStyle = color("rule");
      context.fillRect(0, ground, width, 1);
      for (let meter = Math.floor(far - width / scale); meter < far + width / scale; meter++) {
        context.fillRect(at(meter - far, 0)[0], ground, 1, meter % 5 ? 4 : 9);
      }
      context.lineCap = "round";
      context.lineWidth = 2 * RADIUS * scale;
      const limbs = runner.limbs[first].map((value, index) => (value + share * (runner.limbs[next][index] - value)) / 1000);
      for (const limb of [2, 3, 4, 5, 6, 7, 0, 1]) { // the legs behind the trunk and the head
        context.strokeStyle = color(limb < 2 ? "ink" : limb < 5 ? "return" : "state");
        context.beginPath();
        context.moveTo(...at(limbs[4 * limb], limbs[4 * limb + 1]));
        context.lineTo(...at(limbs[4 * limb + 2], limbs[4 * limb + 3]));
        context.stroke();
      }
      context.font = `600 14px ${color("sans")}`;
      context.fillStyle = color("ink");
      context.textAlign = "left";
      context.fillText(runner.label, 2, place * lane + 18);
      context.textAlign = "right";
      context.fillText(`${far.toFixed(1).replace("-", "\u2212")} m`, width - 2, place * lane + 18);
    });
    canvas.dataset.frame = frame.toFixed(1);
  }

  play() {
    const run = this.run = (this.run ?? 0) + 1, began = performance.now();
    const step = (now) => {
      if (run !== this.run) return;
      const frame = Math.min(this.last, Math.max(0, (now - began) / 1000 * this.rate));
      this.draw(frame);
      if (frame < this.last) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

async function show(figure) {
  if (shown.has(figure)) return;
  shown.add(figure);
  const { default: poses } = await import(figure.dataset.film), film = new Film(figure, poses), redraw = () => film.draw(film.frame);
  redraw();
  new ResizeObserver(redraw).observe(film.canvas);
  DARK.addEventListener("change", redraw);
  if (STILL.matches) return;
  figure.append(button("Play again", "replay", () => film.play()));
  new IntersectionObserver(([seen], observer) => {
    if (!seen.isIntersecting) return;
    observer.disconnect();
    film.play();
  }, { threshold: 0.6 }).observe(film.canvas);
}

/** Call a function with each element of a kind, once, shortly before it comes into view; `observer.unobserve` takes one out. */
function whenNear(selector, act) {
  const observer = new IntersectionObserver((seen) => {
    for (const { target } of seen.filter((each) => each.isIntersecting)) {
      observer.unobserve(target);
      act(target);
    }
  }, { rootMargin: "50% 0px" });
  for (const element of document.querySelectorAll(selector)) observer.observe(element);
  return observer;
}

const near = whenNear("[data-film]", show);
for (const figure of document.querySelectorAll("[data-film]")) {
  addEventListener("beforeprint", () => { near.unobserve(figure); show(figure); }, { once: true });
}

const links = new Map([...document.querySelectorAll(".beside a")].map((link) => [link.hash.slice(1), link]));
const headings = [...document.querySelectorAll("h2[id], h3[id]")].filter((heading) => links.has(heading.id));
function follow() {
  const current = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3).pop();
  for (const [id, link] of links) {
    if (current && id === current.id) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
}
if (headings.length) {
  follow();
  addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
}

// What can be touched takes the place of its picture; where it cannot, the picture stays.
whenNear("[data-touch]", (figure) => {
  import(figure.dataset.touch).then(({ start }) => start(figure)).catch((reason) => { figure.dataset.untouched = reason; });
});

// On a narrow screen the way back to the contents stays in reach once they are out of sight.
const back = document.querySelector(".to-contents");
if (back) {
  new IntersectionObserver(([seen]) => {
    back.classList.toggle("floating", !seen.isIntersecting && seen.boundingClientRect.bottom < 0);
  }).observe(document.querySelector("#contents"));
}

// The cheetah that runs here: nothing of it is loaded before the reader asks.
const wheel = document.querySelector(".wheel");
if (wheel) {
  const offer = wheel.querySelector(".wheel-offer");
  const starter = offer.querySelector("button"), told = offer.querySelector("[role=status]");
  offer.hidden = false;
  starter.addEventListener("click", async () => {
    starter.disabled = true;
    const all = Number(wheel.dataset.bytes);
    try {
      const { start } = await import(wheel.dataset.module);
      await start(wheel, (bytes) => { told.textContent = `Loading: ${Math.min(100, 10 * Math.round(10 * bytes / all))} %`; });
    } catch (reason) {
      told.textContent = typeof reason === "string" ? reason : `It cannot be loaded: ${reason.message}.`;
      starter.disabled = false;
    }
  });
}
