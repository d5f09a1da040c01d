// Editors of what a chatbot says and does: steps opened beside the drawing of their flow, rows that hold rows.

// A row whose fields carry a number of their own, in the template `__new__`; also inside of templates in it.
let number = 0;
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-adds-numbered]");
  if (!button) return;
  const template = document.getElementById(button.dataset.addsNumbered);
  const made = document.createElement("template");
  number += 1;
  made.innerHTML = template.innerHTML.replaceAll("__new__", `new${number}`); // written by the server
  const row = made.content.firstElementChild;
  template.before(row);
  row.querySelector("textarea, input:not([type=hidden]), button")?.focus();
});

// A link to the form of a step: it comes beside the drawing, and the page stays where it is.
const narrow = matchMedia("(max-width: 1100px)");
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-step]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const address = link.getAttribute("href");
  const reply = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!reply?.ok || reply.redirected) return location.assign(address);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const side = page.getElementById("side");
  if (!side) return location.assign(address);
  const place = document.getElementById("side");
  place.replaceWith(document.adoptNode(side));
  window.htmx.process(side);
  history.replaceState(null, "", address);
  const asked = new URL(address, location).searchParams;
  const now = asked.get("step") || asked.get("after");
  for (const each of document.querySelectorAll(".flow-map a[data-step]")) {
    const its = new URL(each.getAttribute("href"), location).searchParams;
    each.toggleAttribute("aria-current", Boolean(now) && its.get("step") === now && !its.has("add"));
    if (each.hasAttribute("aria-current")) each.setAttribute("aria-current", "true");
  }
  if (narrow.matches) side.scrollIntoView({ block: "start" });
  side.querySelector("h3[tabindex]")?.focus({ preventScroll: true });
});

// The drawing begins with its chosen step, or its beginning, in the middle.
for (const pane of document.querySelectorAll(".flow-pane")) {
  const chosen = pane.querySelector("[aria-current] rect") ?? pane.querySelector(".start rect");
  const box = chosen?.getBoundingClientRect();
  const frame = pane.getBoundingClientRect();
  if (box) pane.scrollTo(box.left - frame.left - (frame.width - box.width) / 2, Math.max(0, box.top - frame.top - frame.height / 3));
}
