// What the dashboard does in the browser besides htmx: small behaviours that elements ask for by attribute.
// Runs before htmx begins with the whole page, so that the badge hears of the first connection.

const on = (type, selector, act) =>
  document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  });

const root = document.documentElement;

// --- light and dark ---------------------------------------------------------------------------------

on("click", "[data-theme-switch]", () => {
  root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.bsTheme);
});

// --- the rail is a popover on a phone, plain content on a desk ---------------------------------------

const phone = matchMedia("(max-width: 900px)");
const fit = () => document.getElementById("menu")?.toggleAttribute("popover", phone.matches);
phone.addEventListener("change", fit);
fit();

document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

// --- dialogs ----------------------------------------------------------------------------------------

const visible = (elements) => [...elements].find((element) => element.checkVisibility());
// Where one begins in a dialog. The browser alone would take the first button, and that one closes it.
const beginning = (dialog) =>
  visible(dialog.querySelectorAll("[autofocus]"))
  ?? visible(dialog.querySelectorAll(".body :is(input, select, textarea):enabled"))
  ?? dialog.querySelector(".body [data-closes]");
const openDialog = (dialog) => {
  dialog.showModal();
  takeAlong(dialog);
  beginning(dialog)?.focus();
};
on("click", "[data-opens]", (element) => {
  const dialog = document.getElementById(element.dataset.opens);
  if (dialog) openDialog(dialog); // a row that came live may be ahead of its dialog
});
on("click", "[data-closes]", (element) => element.closest("dialog")?.close());

// The backdrop belongs to the dialog itself. Text that is selected may end there, and a press there may end in a field.
const isBeside = ({ target, clientX: x, clientY: y }) => {
  if (target.tagName !== "DIALOG") return false;
  const box = target.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
};
let pressedBeside = false;
document.addEventListener("pointerdown", (event) => (pressedBeside = isBeside(event)));
on("click", "dialog", (element, event) => pressedBeside && isBeside(event) && element.close());

// The next time it opens as the server sent it: without what was typed, a password above all, and without old errors.
document.addEventListener("close", ({ target }) => {
  for (const form of target.querySelectorAll("form")) {
    form.reset();
    form.querySelector(".form-error")?.replaceChildren();
    unmark(form);
    form.querySelectorAll("[data-filters]").forEach(filter);
  }
  takeAlong();
}, true);

// What lies outside of an open dialog can be neither heard nor pressed: notices come along into it, and out again.
const toasts = document.getElementById("toasts");
function takeAlong(dialog = document.querySelector("dialog:modal")) {
  const place = dialog ?? document.body;
  if (toasts.parentElement !== place) place.append(toasts);
}
const raise = (id) => toasts.append(document.getElementById(id).content.cloneNode(true));

const asked = location.hash && document.querySelector(`dialog${CSS.escape(location.hash).replace("\\#", "#")}`);
if (asked) {
  openDialog(asked);
  history.replaceState(null, "", location.pathname + location.search);
}

// Where an answer goes that somebody asked for in a dialog, by the form that was sent.
const brought = new WeakMap();
document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  if (ctx?.sourceElement?.closest?.("dialog")) brought.set(ctx.sourceElement, tasks.map(({ target }) => target));
});
// What opened the dialog may be gone with what the answer took the place of, and the focus with it.
const land = (part) => {
  const lost = document.activeElement === document.body || !document.activeElement.checkVisibility();
  const goal = visible(part.querySelectorAll("[autofocus]")) ?? visible(part.querySelectorAll("h1, h2, h3")) ?? (lost ? part : null);
  if (goal?.tabIndex < 0) goal.tabIndex = -1;
  goal?.focus();
};
document.addEventListener("done", ({ target }) => {
  const dialog = target.closest?.("dialog[open]");
  if (!dialog) return;
  dialog.close();
  const part = brought.get(target)?.find((each) => each instanceof Element && each.isConnected && !toasts.contains(each));
  if (part) land(part);
});

// --- copying and showing secrets --------------------------------------------------------------------

on("click", "[data-copy]", async (element) => {
  const source = document.getElementById(element.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    say(element, "Copied");
  } catch {
    // Pages without HTTPS have no clipboard: mark the text, so that one key press copies it.
    source.select ? source.select() : getSelection().selectAllChildren(source);
    say(element, "Press Ctrl+C");
  }
});

const say = (button, word) => {
  const label = button.querySelector("[data-label]");
  label.dataset.before ??= label.textContent;
  label.textContent = word;
  setTimeout(() => (label.textContent = label.dataset.before), 2000);
};

on("click", "[data-reveal]", (element) => {
  const field = document.getElementById(element.dataset.reveal);
  const hidden = field.type === "password";
  field.type = hidden ? "text" : "password";
  element.setAttribute("aria-pressed", String(hidden));
});

// --- rows of forms ----------------------------------------------------------------------------------

on("click", "[data-adds]", (element) => {
  const template = document.getElementById(element.dataset.adds);
  const row = template.content.cloneNode(true);
  template.parentElement.insertBefore(row, template);
  template.previousElementSibling.querySelector("input")?.focus();
});
on("click", "[data-removes]", (element) => {
  const row = element.closest(element.dataset.removes);
  const next = row.nextElementSibling?.querySelector("button") ?? row.parentElement.parentElement.querySelector("[data-adds]");
  row.remove();
  next?.focus();
});
on("change", "[data-submits]", (element) => element.form.requestSubmit());
// An address names what was chosen, and nothing else.
document.addEventListener("formdata", ({ target, formData }) => {
  if (target.method !== "get") return;
  const said = [...formData].filter(([, value]) => value !== "");
  for (const name of new Set(formData.keys())) formData.delete(name);
  for (const [name, value] of said) formData.append(name, value);
});
const short = (action) => {
  const url = new URL(action, location);
  for (const [name, value] of [...url.searchParams]) if (value === "") url.searchParams.delete(name, value);
  return url.pathname + url.search;
};
function filter(element) {
  const wanted = element.value.toLowerCase();
  for (const row of document.querySelectorAll(element.dataset.filters)) row.hidden = !row.textContent.toLowerCase().includes(wanted);
}
on("input", "[data-filters]", filter);

// --- notices and errors of forms --------------------------------------------------------------------

on("click", ".notice [data-dismiss]", (element) => {
  const dialog = element.closest("dialog");
  element.closest(".notice").remove();
  if (dialog) beginning(dialog)?.focus();
});

const fade = () => {
  for (const notice of document.querySelectorAll(".notice[data-fades]:not([data-seen])")) {
    notice.dataset.seen = "";
    // Not while somebody reads or is about to dismiss it.
    const leave = () => (notice.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : notice.remove());
    setTimeout(leave, 6000);
  }
};

const unmark = (form) => {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  }
};
const markField = (form) => {
  unmark(form);
  const error = form.querySelector(".form-error [data-field]");
  const field = error && form.elements.namedItem(error.dataset.field);
  if (!field?.setAttribute) return;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", error.closest(".form-error").id);
  field.focus();
};

document.addEventListener("htmx:after:swap", ({ detail }) => {
  fade();
  tell();
  settle();
  const source = detail.ctx?.sourceElement;
  if (!toasts.isConnected) takeAlong(); // the dialog that held them is gone
  const dialog = document.querySelector("dialog:modal");
  if (dialog && brought.has(source) && !source.isConnected) beginning(dialog)?.focus(); // its form gave way to what it brought
  if (source?.tagName === "FORM") markField(source);
  if (source?.hasAttribute("data-address")) history.replaceState(null, "", short(detail.ctx.request.action)); // a filter is part of it
});

// A form that answers with a file: errors are shown in it as in any other, which no navigation could do.
on("submit", "form[data-downloads]", async (form, event) => {
  event.preventDefault();
  const headers = { "HX-Request": "true", "HX-Source": `form#${form.id}` };
  const reply = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers }).catch(() => null);
  const name = reply?.headers.get("content-disposition")?.match(/filename="([^"]+)"/)?.[1];
  if (name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await reply.blob()), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
    form.closest("dialog")?.close();
    return form.reset();
  }
  if (reply?.headers.has("hx-redirect")) return location.assign(reply.headers.get("hx-redirect"));
  const answer = document.createElement("template");
  answer.innerHTML = reply ? await reply.text() : "";
  for (const piece of answer.content.querySelectorAll("hx-partial")) document.querySelector(piece.getAttribute("hx-target"))?.replaceChildren(...piece.childNodes);
  if (reply) return markField(form);
  raise("unreachable");
});

document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx?.sourceElement?.matches("[hx-sse\\:connect]")) return; // the badge tells that
  raise("unreachable");
});

// --- times ------------------------------------------------------------------------------------------

const units = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [86400 * 30, 86400, "d"]];
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const ago = (date, ahead) => {
  const seconds = (Date.now() - date) / 1000;
  const span = Math.abs(seconds);
  if (span < 3) return ahead && seconds < 0 ? "in a moment" : "just now"; // the reader's clock may be slow by as much
  const [, size, unit] = units.find(([limit]) => span < limit) ?? [];
  if (!unit) return full.format(date);
  const text = `${Math.floor(span / size)}\u00a0${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
};

const hour = (date) => (date.toDateString() === new Date().toDateString() ? "" : `${day.format(date)} `) + clock.format(date);

function tell() {
  for (const element of document.querySelectorAll("time[data-as]")) {
    const date = new Date(element.dateTime);
    const text = element.dataset.as === "clock" ? hour(date) : ago(date, element.dataset.as === "due");
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) element.title = full.format(date);
  }
}
// A conversation shows its end, and stays there while the reader does.
function settle() {
  for (const talk of document.querySelectorAll("[data-bottom]")) {
    const followed = talk.dataset.end === undefined || talk.scrollTop + talk.clientHeight + 80 >= Number(talk.dataset.end);
    if (followed) talk.scrollTop = talk.scrollHeight;
    talk.dataset.end = talk.scrollHeight;
  }
}
settle();
setInterval(tell, 1000);
tell();
fade();

// --- the live stream --------------------------------------------------------------------------------

const badge = (state, text) => {
  const element = document.getElementById("live-state");
  if (!element || element.dataset.state === state) return;
  element.dataset.state = state;
  element.lastElementChild.textContent = text;
};
// Only the page's own stream counts; an answer that comes in pieces is a stream as well.
const onStream = (type, act) => on(`htmx:sse:${type}`, "[hx-sse\\:connect]", (_element, event) => act(event.detail));
onStream("after:connection", ({ connection }) => connection.status === 200 && badge("on", "Live"));
onStream("error", () => badge("off", "Reconnecting"));
onStream("close", (detail) => detail.reason !== "message" && badge("off", "Paused"));
onStream("before:connection", ({ connection }) => connection.attempt > 0 && badge("off", "Reconnecting"));
// Who signs in anew in another tab ends this session a moment before the browser has the new one.
document.addEventListener("signed-out", () => setTimeout(() => location.reload(), 500));
document.addEventListener("gone", () => {
  badge("gone", "Gone");
  // Whoever deleted it here is being led elsewhere already, and need not be told.
  setTimeout(() => raise("gone"), 1500);
});

/** <bot-arrival bot="bot_…">: waits for that bot to come online, by the event `presence` of the page's stream. */
class BotArrival extends HTMLElement {
  connectedCallback() {
    this.onPresence = ({ detail }) => {
      const { bot_id, online } = JSON.parse(detail.data);
      if (bot_id !== this.getAttribute("bot")) return;
      this.querySelector("[data-waiting]").hidden = online;
      this.querySelector("[data-here]").hidden = !online;
    };
    document.addEventListener("presence", this.onPresence);
  }
  disconnectedCallback() {
    document.removeEventListener("presence", this.onPresence);
  }
}
customElements.define("bot-arrival", BotArrival);

/** <live-tail event="logs">: rows that arrive by that event come on top; pausing keeps them back. */
class LiveTail extends HTMLElement {
  connectedCallback() {
    this.held = [];
    this.onRows = ({ detail }) => (this.paused ? this.hold(detail.data) : this.add(detail.data));
    document.addEventListener(this.getAttribute("event"), this.onRows);
    this.button = document.getElementById(this.getAttribute("switch"));
    this.onSwitch = () => this.toggle();
    this.button?.addEventListener("click", this.onSwitch);
  }
  disconnectedCallback() {
    document.removeEventListener(this.getAttribute("event"), this.onRows);
    this.button?.removeEventListener("click", this.onSwitch);
  }
  get rows() { return this.querySelector("[data-rows]"); }
  get paused() { return this.button?.getAttribute("aria-pressed") === "true"; }
  toggle() {
    const pausing = !this.paused;
    this.button.setAttribute("aria-pressed", String(pausing));
    if (!pausing) this.held.splice(0).forEach((html) => this.add(html));
    this.count();
  }
  hold(html) {
    this.held.push(html);
    if (this.held.length > 200) this.held.shift(); // older ones are a reload away
    this.count();
  }
  count() {
    const rows = this.held.join("").split("<tr ").length - 1;
    this.button.querySelector("[data-label]").textContent = this.paused ? `Resume${rows ? ` (${rows} new)` : ""}` : "Pause";
  }
  add(html) {
    const rows = this.rows;
    const part = document.createElement("template");
    part.innerHTML = html; // written by the server's own templates, which escape what bots send
    rows.prepend(part.content);
    this.closest("section")?.querySelector("[data-empty]")?.remove();
    const limit = Number(this.getAttribute("limit") ?? 500);
    while (rows.childElementCount > limit) rows.lastElementChild.remove();
    tell();
  }
}
customElements.define("live-tail", LiveTail);
