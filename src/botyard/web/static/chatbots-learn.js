// Behaviour of the pages where chatbots learn: choosing rows, marking entities in a text, opening what a map leads to.

const when = (type, selector, act) =>
  document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  });

// --- choosing many rows -------------------------------------------------------------------------------

const boxes = () => [...document.querySelectorAll("[name='id'][form='many']")];
const count = () => {
  const chosen = boxes().filter((box) => box.checked).length;
  const told = document.querySelector("[data-picked]");
  if (told) told.textContent = chosen ? `${chosen} chosen` : "None chosen";
  const all = document.querySelector("[data-picks-all]");
  if (!all) return;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
};
when("change", "[data-picks-all]", (element) => {
  for (const box of boxes()) box.checked = element.checked;
  count();
});
when("change", "[name='id'][form='many']", count);

// --- what is written for one choice makes it ----------------------------------------------------------

when("input", "[data-selects]", (element, { target }) => {
  if (target.value) document.getElementById(element.dataset.selects).checked = true;
});

// --- what a square of the map, or a link, leads to ------------------------------------------------------

const open = () => {
  const goal = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (goal?.tagName === "DIALOG" && !goal.open) return openDialog(goal);
  if (goal?.tagName !== "DETAILS") return;
  goal.open = true;
  goal.querySelector("summary").focus();
};
addEventListener("hashchange", open);
when("click", "a[href^='#pair-']", () => setTimeout(open)); // the same square twice changes no address
open();

// --- marking entities -----------------------------------------------------------------------------------

const signs = (text) => [...text].length; // the server counts characters, the browser halves of some
const at = (text, unit) => signs(text.slice(0, unit));

/** <entity-marks field store>: marks words that are selected in `field`; `store` holds them as JSON. */
class EntityMarks extends HTMLElement {
  connectedCallback() {
    this.field = document.getElementById(this.getAttribute("field"));
    this.store = document.getElementById(this.getAttribute("store"));
    this.entity = this.querySelector("[data-entity]");
    this.marks = JSON.parse(this.store.value || "[]");
    this.before = this.field.value;
    this.field.addEventListener("input", () => this.follow());
    this.querySelector("[data-mark]").addEventListener("click", () => this.mark());
    this.entity.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it is not the form that is meant
      this.mark();
    });
    this.show();
    this.field.focus();
  }
  mark() {
    const { value, selectionStart, selectionEnd } = this.field;
    const name = this.entity.value.trim();
    let [from, to] = [selectionStart, selectionEnd];
    while (from < to && /\s/.test(value[from])) from++;
    while (to > from && /\s/.test(value[to - 1])) to--;
    if (from === to) return this.say("Select some words in the text first."), this.field.focus();
    if (!name) return this.say("Name the entity first."), this.entity.focus();
    const made = { start: at(value, from), end: at(value, to), entity: name };
    this.marks = this.marks.filter((mark) => mark.end <= made.start || mark.start >= made.end);
    this.marks.push(made);
    this.marks.sort((one, other) => one.start - other.start);
    this.say(`“${value.slice(from, to)}” is marked as ${name}.`);
    this.show();
  }
  // Marks stay on their words while the text around them changes; those that are written into go.
  follow() {
    const [was, now] = [[...this.before], [...this.field.value]];
    let head = 0;
    while (head < was.length && head < now.length && was[head] === now[head]) head++;
    let tail = 0;
    while (tail < was.length - head && tail < now.length - head && was[was.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
    const moved = now.length - was.length;
    const end = was.length - tail;
    this.marks = this.marks
      .filter((mark) => mark.end <= head || mark.start >= end)
      .map((mark) => (mark.start >= end ? { ...mark, start: mark.start + moved, end: mark.end + moved } : mark));
    this.before = this.field.value;
    this.show();
  }
  show() {
    this.store.value = JSON.stringify(this.marks);
    const text = [...this.field.value];
    this.querySelector("[data-marks]").replaceChildren(...this.marks.map((mark, place) => this.chip(mark, place, text)));
    this.suggest();
  }
  chip(mark, place, text) {
    const row = document.createElement("li");
    const words = text.slice(mark.start, mark.end).join("");
    row.append(`${words} · ${mark.entity}${mark.value ? ` = ${mark.value}` : ""}`);
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm quiet", textContent: "×" });
    button.setAttribute("aria-label", `Take the mark of ${words} away`);
    button.addEventListener("click", () => {
      this.marks.splice(place, 1);
      this.show();
      this.entity.focus();
    });
    row.append(button);
    return row;
  }
  // Names that were used on this page are offered again.
  suggest() {
    const list = document.getElementById("entity-names");
    if (!list) return;
    const known = new Set([...document.querySelectorAll(".entity small")].map((each) => each.textContent.split(" ")[0]));
    for (const mark of this.marks) known.add(mark.entity);
    list.replaceChildren(...[...known].sort().map((name) => Object.assign(document.createElement("option"), { value: name })));
  }
  say(text) {
    this.querySelector("[data-said]").textContent = text;
  }
}
customElements.define("entity-marks", EntityMarks);
