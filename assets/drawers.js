// Opens the drawer of a number, a figure, a table, a verdict or a citation beside it. Without this module the link leads to the drawer (`:target`).
const WIDE = matchMedia("(min-width: 48rem)");
let opener = null;

function drawerOf(link) {
  return document.getElementById(link.hash.slice(1));
}

// Below the link, above it where there is no room; on a narrow screen the style sheet keeps it at the bottom.
function place(drawer, link) {
  drawer.style.inset = "";
  if (!WIDE.matches) return;
  const at = link.getClientRects()[0];
  const { width, height } = drawer.getBoundingClientRect();
  const left = Math.max(12, Math.min(at.left - 16, document.documentElement.clientWidth - width - 12));
  const below = at.bottom + 8;
  const top = below + height + 12 < innerHeight ? below : Math.max(12, at.top - height - 8);
  drawer.style.inset = `${top}px auto auto ${left}px`;
}

function open(link) {
  const drawer = drawerOf(link);
  opener = link;
  drawer.showPopover();
  place(drawer, link);
  drawer.focus({ preventScroll: true });
}

if ("popover" in HTMLElement.prototype) {
  for (const drawer of document.querySelectorAll(".drawer")) {
    drawer.popover = "auto";
    drawer.addEventListener("toggle", (event) => {
      if (event.newState === "closed" && opener && (document.activeElement === document.body || drawer.contains(document.activeElement))) {
        opener.focus({ preventScroll: true });
      }
    });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.number, a.from, a.verdict, a.cite, a.close");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (!link.matches(".close")) {
      open(link);
      return;
    }
    link.closest(".drawer").hidePopover();
    opener?.focus({ preventScroll: true });
  });
  addEventListener("scroll", () => {
    const drawer = document.querySelector(".drawer:popover-open");
    if (drawer && opener) place(drawer, opener);
  }, { passive: true });
  const asked = document.getElementById(location.hash.slice(1));
  if (asked?.matches(".drawer")) open(document.querySelector(`a[href="#${asked.id}"]`));
}
