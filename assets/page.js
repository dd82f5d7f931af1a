// Comforts, none of them needed to read: copy buttons, the current section in the contents and the way back to them, "play
// again" for animations.
"use strict";
const SCRIPT = document.currentScript.src;

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

// Runners are drawn from their poses, once they are near.
const films = [...document.querySelectorAll("[data-film]")];
if (films.length) {
  const near = new IntersectionObserver((seen) => {
    for (const { target } of seen.filter((each) => each.isIntersecting)) {
      near.unobserve(target);
      import(new URL("films.js", SCRIPT)).then(({ show }) => show(target, (play) => button("Play again", "replay", play)));
    }
  }, { rootMargin: "50%" });
  for (const film of films) {
    film.querySelector("canvas").hidden = false;
    near.observe(film);
  }
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
