/* A chatbot of Botyard on any page: <script src="https://…/widget.js" data-chatbot="ck_…" defer></script>
   Everything is inside a shadow root; styles are constructed, no HTML is parsed, no cookie is set. */
(() => {
  "use strict";
  const tag = document.currentScript;
  const key = tag && tag.dataset.chatbot;
  if (!key || window.botyardChat) return;
  const base = `${(tag.dataset.server || new URL(tag.src).origin).replace(/\/$/, "")}/talk/${encodeURIComponent(key)}`;
  const language = tag.dataset.language || document.documentElement.lang || "";
  const words = {
    open: "Open chat", close: "Close chat", message: "Your message", placeholder: "Write a message…", send: "Send",
    person: "Talk to a person", end: "End chat", again: "Start a new chat", dictate: "Speak", stop: "Stop recording",
    aloud: "Read answers aloud", you: "You", bot: "Chatbot", staff: "Person", typing: "An answer is being written",
    offline: "No connection. What you wrote is sent as soon as it is back.", busy: "One moment…", failed: "Not sent:",
    queue: "A person is called. You are number {n} in the queue.", waiting: "A person is called.",
    attended: "You are talking to a person.", ended: "This chat has ended.", rate: "How was it?", of: "{n} of 5",
    thanks: "Thank you.", wrong: "This chat is not available here.", unread: "{n} new", sources: "Sources",
    listen: "Listen", hush: "Stop listening", unspoken: "This cannot be read aloud now.",
    unheard: "The recording could not be understood.", nomic: "The microphone is not available.",
  };
  try { Object.assign(words, JSON.parse(tag.dataset.words || "{}")); } catch { console.warn("data-words is no JSON"); }

  /* ---- what is kept between pages ---- */
  const place = `botyard:${key}`;
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(place)) || {}; } catch { /* private mode: it lives as long as the page */ }
  const keep = (changes) => {
    Object.assign(kept, changes);
    try { localStorage.setItem(place, JSON.stringify(kept)); } catch { /* as above */ }
  };
  const secret = () => Array.from(crypto.getRandomValues(new Uint8Array(18)), (b) => b.toString(16).padStart(2, "0")).join("");
  if (!kept.visitor) kept.visitor = secret();
  kept.pending = kept.pending || [];

  /* ---- small tools ---- */
  const make = (name, props = {}, ...children) => {
    const node = document.createElement(name);
    for (const [prop, value] of Object.entries(props)) {
      if (prop.startsWith("on")) node.addEventListener(prop.slice(2), value);
      else if (value === true) node.setAttribute(prop, "");
      else if (value !== false && value != null) node.setAttribute(prop, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  };
  const glyph = (path) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  };
  const button = (cls, label, path, act) =>
    make("button", { class: cls, type: "button", "aria-label": label, title: label, onclick: act }, glyph(path));
  const fill = (text, n) => text.replace("{n}", n);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const web = (url) => /^https?:\/\//i.test(url || "");

  class Refused extends Error {
    constructor(status, body, retry) {
      super((body && body.error) || `status ${status}`);
      Object.assign(this, { status, code: body && body.code, retry });
    }
  }
  const call = async (path, { body, raw, accept, signal } = {}) => {
    const headers = {};
    if (kept.token && path) headers.Authorization = `Bearer ${kept.token}`;
    if (accept) headers.Accept = accept;
    if (body) headers["Content-Type"] = "application/json";
    const reply = await fetch(base + path, {
      method: body || raw ? "POST" : "GET", headers, body: raw || (body && JSON.stringify(body)),
      credentials: "omit", cache: "no-store", signal,
    });
    if (reply.ok) return reply;
    throw new Refused(reply.status, await reply.json().catch(() => null), Number(reply.headers.get("Retry-After")));
  };
  async function* events(reply) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        let name = "", data = "";
        for (const line of block.split(/\r?\n/)) {
          if (line.startsWith("event:")) name = line.slice(6).trim();
          if (line.startsWith("data:")) data += line.slice(5).trim();
        }
        if (name) yield [name, JSON.parse(data || "null")];
      }
    }
  }

  /* ---- the looks ---- */
  const CSS = `
:host{all:initial;--bg:#fff;--fg:#1a1d21;--soft:#f1f3f5;--line:#c9ced4;--dim:#5b636c;--bad:#b3261e;position:fixed;z-index:2147483000;
 bottom:max(16px,env(safe-area-inset-bottom));font:15px/1.45 system-ui,sans-serif;color:var(--fg)}
:host([data-side=right]){right:16px}:host([data-side=left]){left:16px}
:host([data-dark]){--bg:#1b1e23;--fg:#eceef0;--soft:#2a2f36;--line:#4a515a;--dim:#a9b1ba;--bad:#ff9d95}
*{box-sizing:border-box;font:inherit;color:inherit}
[hidden]{display:none!important}
button{cursor:pointer;border:0;background:none;padding:0}button:disabled{opacity:.5;cursor:default}
:focus-visible{outline:3px solid var(--ring);outline-offset:2px}
svg{width:22px;height:22px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round;display:block}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.launch{width:56px;height:56px;border-radius:50%;background:var(--accent);color:var(--on);display:grid;place-items:center;box-shadow:0 4px 16px #0005;position:relative;margin-left:auto}
:host([data-side=left]) .launch{margin-left:0}
.launch svg{width:28px;height:28px}
.badge{position:absolute;top:-4px;right:-4px;min-width:22px;height:22px;border-radius:11px;background:#b3261e;color:#fff;font-size:13px;line-height:22px;padding:0 6px}
.panel{display:flex;flex-direction:column;width:min(380px,calc(100vw - 32px));height:min(620px,calc(100vh - 32px));height:min(620px,calc(100dvh - 32px));background:var(--bg);border:1px solid var(--line);border-radius:14px;overflow:hidden;box-shadow:0 8px 40px #0006}
header{display:flex;align-items:center;gap:4px;padding:10px 8px 10px 16px;background:var(--accent);color:var(--on)}
header h2{margin:0;flex:1;font-weight:600;font-size:16px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.icon{width:40px;height:40px;border-radius:8px;display:grid;place-items:center;flex:none}
header .icon:focus-visible{outline-color:var(--on);outline-offset:-3px}
.icon[aria-pressed=true]{box-shadow:inset 0 0 0 2px currentColor}
.state{padding:6px 16px;font-size:13px;background:var(--soft);display:flex;gap:12px;align-items:center;flex-wrap:wrap}.state.bad{color:var(--bad)}
.talk{flex:1;overflow-y:auto;padding:16px;overscroll-behavior:contain}
.hello:not(:empty){min-height:100%;display:grid;place-content:center;justify-items:center;text-align:center;color:var(--dim)}.hello svg{width:36px;height:36px;margin-bottom:8px}
.hello b{font-weight:600;color:var(--fg);overflow-wrap:anywhere}.hello p{margin:0}
.log{display:flex;flex-direction:column;gap:10px}
.msg{max-width:86%;align-self:flex-start}.msg.user{align-self:flex-end}
.text{padding:8px 12px;border-radius:12px;background:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere}
.user .text{background:var(--accent);color:var(--on)}.person .text{border:2px solid var(--ring)}
.pending .text{outline:1px dashed;outline-offset:-4px}.msg a{text-decoration:underline}.msg img{max-width:100%;border-radius:10px;display:block;margin-top:6px}
.from,.src{font-size:12px;color:var(--dim);margin:2px 4px}.src a{color:inherit;display:block}
.hear{margin:2px;width:32px;height:32px;border-radius:8px;display:grid;place-items:center;color:var(--dim)}.hear svg{width:18px;height:18px}:host([data-mute]) .hear{display:none}.hear.on{color:var(--fg);background:var(--soft)}
.picks{display:flex;flex-wrap:wrap;gap:8px;margin-top:8px}
.pick{border:1px solid var(--ring);border-radius:18px;padding:7px 14px;min-height:36px;text-align:left;text-decoration:none!important;background:var(--bg)}
.pick:hover:not(:disabled){background:var(--soft)}
.dots{display:flex;gap:5px;padding:12px;margin-top:10px;width:52px;border-radius:12px;background:var(--soft)}
.dots i{width:7px;height:7px;border-radius:50%;background:var(--dim);animation:b 1.2s infinite}.dots i+i{animation-delay:.2s}.dots i+i+i{animation-delay:.4s}
@keyframes b{50%{opacity:.25}}
.draft{margin-top:10px}
form{display:flex;gap:6px;align-items:flex-end;padding:10px;border-top:1px solid var(--line)}
textarea{flex:1;resize:none;border:1px solid var(--dim);border-radius:10px;background:var(--bg);padding:9px 12px;max-height:120px;min-height:42px;font-size:16px}
textarea::placeholder{color:var(--dim)}
.go{background:var(--accent);color:var(--on)}.rec{color:var(--bad)}
.foot{padding:0 16px 12px;display:flex;gap:8px;align-items:center;flex-wrap:wrap}
.stars{display:flex;gap:4px}.stars button{width:40px;height:40px;border:1px solid var(--dim);border-radius:8px}
@media (max-width:480px){:host([data-open]){inset:0!important}.panel{width:100%;height:100%;height:100dvh;border:0;border-radius:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;scroll-behavior:auto!important}}
@media (forced-colors:active){.launch,.go,header{border:1px solid}}`;
  const host = make("div", { "data-side": "right" });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  const paint = (config) => {
    const given = tag.dataset.color || config.color;
    const accent = /^#[0-9a-f]{6}$/i.test(given || "") ? given : "#0b5cad";
    const part = (at) => { const c = parseInt(accent.slice(at, at + 2), 16) / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const light = 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
    const theme = tag.dataset.theme || config.theme;
    const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    const seen = dark ? light > 0.12 : light < 0.3; // an accent that its ground would swallow is no border
    sheet.replaceSync(`${CSS}:host{--accent:${accent};--on:${light > 0.179 ? "#111" : "#fff"};--ring:${seen ? accent : "var(--fg)"}}`);
    host.toggleAttribute("data-dark", dark);
    host.dataset.side = tag.dataset.side || config.side || "right";
  };
  root.adoptedStyleSheets = [sheet];

  let config = {};
  const title = make("h2", { id: "t" });
  const SPEAKER = "M11 5 6 9H3v6h3l5 4zM15 9a4 4 0 0 1 0 6M18 6a8 8 0 0 1 0 12";
  const BUBBLE = "M4 5h16v11H10l-5 4v-4H4z";
  const aloud = button("icon", words.aloud, SPEAKER, () => {
    const on = aloud.getAttribute("aria-pressed") !== "true";
    aloud.setAttribute("aria-pressed", on);
    if (on) sound(); else quiet();
  });
  aloud.setAttribute("aria-pressed", "false");
  const human = button("icon", words.person, "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 20c1-4 4-6 8-6s7 2 8 6", () => { input.focus(); say({ text: config.person }); }); // the button goes, the focus must not
  const finish = button("icon", words.end, "M14 8V5H4v14h10v-3M9 12h12m-4-4 4 4-4 4", () => end());
  const state = make("div", { class: "state", role: "status", hidden: true });
  const hello = make("div", { class: "hello", "aria-live": "polite" });
  const log = make("div", { class: "log", role: "log", "aria-live": "off", "aria-labelledby": "t" });
  const draft = make("div", { class: "msg draft", "aria-hidden": "true", hidden: true }, make("div", { class: "text" }));
  const dots = make("div", { class: "dots", role: "img", "aria-label": words.typing, hidden: true }, make("i"), make("i"), make("i"));
  const talk = make("div", { class: "talk", tabindex: "0", role: "region", "aria-labelledby": "t" }, hello, log, draft, dots);
  const input = make("textarea", {
    id: "m", rows: 1, maxlength: 2000, placeholder: words.placeholder, autocomplete: "off",
    onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); } },
    oninput: () => { input.style.height = "auto"; input.style.height = `${Math.min(input.scrollHeight + 2, 120)}px`; },
  });
  const mic = button("icon", words.dictate, "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3M6 11a6 6 0 0 0 12 0M12 17v4", () => dictate());
  const go = make("button", { class: "icon go", type: "submit", "aria-label": words.send, title: words.send }, glyph("M5 12h14m-6-6 6 6-6 6"));
  const form = make("form", { onsubmit: (event) => { event.preventDefault(); submit(); } },
    make("label", { class: "sr", for: "m" }, words.message), input, mic, go);
  const foot = make("div", { class: "foot", hidden: true });
  const shut = button("icon", words.close, "M6 6l12 12M18 6 6 18", () => close());
  const panel = make("section", { class: "panel", role: "dialog", "aria-labelledby": "t", hidden: true },
    make("header", {}, title, aloud, human, finish, shut), state, talk, foot, form);
  const badge = make("span", { class: "badge", hidden: true });
  const launch = make("button", { class: "launch", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => open() },
    glyph(BUBBLE), badge);
  root.append(panel, launch);
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); close(); } });
  const dress = () => {
    paint(config);
    title.textContent = tag.dataset.title || config.title || "Chat";
    human.hidden = !config.person;
    const mute = !config.speaks || tag.dataset.voice === "off";
    aloud.hidden = mute;
    host.toggleAttribute("data-mute", mute);
    mic.hidden = !config.hears || tag.dataset.voice === "off" || !navigator.mediaDevices;
    count();
  };

  /* ---- the conversation ---- */
  const shown = new Map(); // id of a message, or key of one under way, to its node
  let last = 0, stands = {}, welcome = "", unread = 0, notice = "", bad = false, sending = false, listening = null;
  const isOpen = () => !panel.hidden;
  const count = () => {
    badge.hidden = !unread;
    badge.textContent = unread;
    launch.setAttribute("aria-label", `${words.open}: ${title.textContent}${unread ? ` (${fill(words.unread, unread)})` : ""}`);
  };
  const down = () => { talk.scrollTop = talk.scrollHeight; };
  const tell = (text, isBad = false) => { notice = text; bad = isBad; status(); };
  const status = () => {
    const by = { waiting: stands.queue ? fill(words.queue, stands.queue) : words.waiting, attended: words.attended, closed: words.ended };
    const text = notice || by[stands.status] || "";
    if (state.textContent !== text) state.textContent = text;
    state.hidden = !text;
    state.classList.toggle("bad", bad && !!notice);
    const over = stands.status === "closed";
    finish.hidden = over || !kept.token;
    human.hidden = over || !config.person || ["waiting", "attended"].includes(stands.status);
    form.hidden = over;
    if (over !== !foot.hidden) farewell(over);
    const line = over || shown.size ? "" : welcome;
    if (hello.dataset.line !== line) hello.replaceChildren(...(line ? [glyph(BUBBLE), make("b", {}, title.textContent), make("p", {}, line)] : []));
    hello.dataset.line = line;
    dots.hidden = !(sending || stands.answering) || !draft.hidden || ["waiting", "attended"].includes(stands.status);
    for (const pick of log.querySelectorAll(".pick")) if (pick.tagName === "BUTTON") pick.disabled = sending || pick.closest(".msg") !== log.lastElementChild;
    down();
  };
  const linked = (text) => text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)])/).map((part) =>
    web(part) ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part) : part);
  const draw = (message) => {
    const by = { user: words.you, bot: words.bot, person: words.staff }[message.sender];
    const node = make("div", { class: `msg ${message.sender}${message.id ? "" : " pending"}` }, make("span", { class: "sr" }, `${by}: `));
    if (message.sender === "person") node.append(make("div", { class: "from", "aria-hidden": "true" }, by));
    if (message.text) node.append(make("div", { class: "text" }, ...linked(message.text)));
    if (web(message.image)) node.append(make("img", { src: message.image, alt: "", loading: "lazy", referrerpolicy: "no-referrer" }));
    const sources = (message.citations || []).map((one) => {
      const text = `[${one.number || "·"}] ${one.title || one.url}${one.heading && one.heading !== one.title ? `, ${one.heading}` : ""}`;
      return web(one.url) ? make("a", { href: one.url, target: "_blank", rel: "noopener noreferrer" }, text) : make("span", {}, `${text} `);
    });
    if (sources.length) node.append(make("div", { class: "src" }, make("span", { class: "sr" }, `${words.sources}: `), ...sources));
    if (message.id && message.text && message.sender !== "user") {
      const ear = button("hear", words.listen, SPEAKER, () => (ear.classList.contains("on") ? quiet() : read(message, ear)));
      node.append(ear);
    }
    const picks = (message.buttons || []).map((one, index) => web(one.url)
      ? make("a", { class: "pick", href: one.url, target: "_blank", rel: "noopener noreferrer" }, one.title)
      : make("button", { class: "pick", type: "button", onclick: () => { input.focus(); say({ text: one.title, choice: index }); } }, one.title));
    if (picks.length) node.append(make("div", { class: "picks" }, ...picks));
    return node;
  };
  const show = (message, fresh = true) => {
    if (message.seq) last = Math.max(last, message.seq);
    if (message.id && message.key) drop(message); // it arrived, whatever became of its answer
    if (shown.has(message.id)) return;
    const node = draw(message);
    node.dataset.seq = message.seq || "";
    const under = message.key && shown.get(message.key);
    if (under) { under.remove(); shown.delete(message.key); }
    shown.set(message.id || message.key, node);
    const after = [...log.children].find((each) => !each.dataset.seq || (message.seq && Number(each.dataset.seq) > message.seq));
    log.insertBefore(node, message.seq ? after || null : null);
    if (message.sender !== "user") {
      draft.hidden = true;
      if (fresh && !isOpen()) { unread += 1; count(); }
      if (fresh && isOpen() && aloud.getAttribute("aria-pressed") === "true" && !aloud.hidden) read(message);
    }
    status();
  };
  const stand = (now) => { stands = now; keep({ live: ["waiting", "attended"].includes(now.status) }); status(); };

  let beginning = null;
  const begin = () => (beginning = beginning || (async () => {
    try {
      const body = await (await call("/conversations", { body: { visitor: kept.visitor, language } })).json();
      if (kept.id !== body.conversation.id) { hush(); log.replaceChildren(); shown.clear(); last = 0; }
      keep({ token: body.token, id: body.conversation.id });
      welcome = body.welcome || "";
      log.setAttribute("aria-live", "off");
      for (const message of body.messages) show(message, false);
      for (const one of kept.pending) if (!shown.has(one.key)) show({ ...one, sender: "user" }, false);
      setTimeout(() => log.setAttribute("aria-live", "polite"), 300);
      tell("");
      stand(body.conversation);
    } finally { beginning = null; }
  })());
  const trouble = (error) => {
    if (!(error instanceof Refused)) return tell(words.offline, true);
    if (error.status === 429 || error.status >= 500) return tell(words.busy);
    tell([403, 404].includes(error.status) ? words.wrong : `${words.failed} ${error.message}`, true);
    if ([403, 404].includes(error.status)) console.warn(`Botyard: ${error.message}`);
  };

  const listen = async () => {
    if (listening || !kept.token) return;
    const stop = (listening = new AbortController());
    let pause = 1000;
    while (!stop.signal.aborted && (isOpen() || kept.live)) {
      try {
        const reply = await call(`/events?after=${last}`, { accept: "text/event-stream", signal: stop.signal });
        pause = 1000;
        if (bad && !kept.pending.length) tell("");
        for await (const [name, data] of events(reply)) {
          if (name === "message") show(data);
          if (name === "state") stand(data);
        }
      } catch (error) {
        if (stop.signal.aborted) break;
        if (error.status === 401) { await begin().catch(trouble); }
        else if ([403, 404].includes(error.status)) { trouble(error); break; }
        else if (!(error instanceof Refused) && isOpen()) tell(words.offline, true);
      }
      await wait(pause);
      pause = Math.min(pause * 2, 30000);
    }
    if (listening === stop) listening = null;
  };
  const hush = () => { if (listening) { listening.abort(); listening = null; } };

  const say = (what) => {
    const one = { ...what, key: secret() };
    keep({ pending: [...kept.pending, one] });
    show({ ...one, sender: "user" });
    push();
  };
  const submit = () => {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    input.style.height = "auto";
    say({ text });
  };
  const drop = (one) => keep({ pending: kept.pending.filter((each) => each.key !== one.key) });
  const push = async () => { // one after the other, each under its own key: sent again, it is the same message
    if (sending) return;
    sending = true;
    status();
    let pause = 1000;
    while (kept.pending.length) {
      const one = kept.pending[0];
      try {
        if (!kept.token) await begin();
        const body = { key: one.key, language, text: one.text }; // of a button its title, for when it is gone by then
        if (one.choice != null) body.choice = one.choice;
        const reply = await call("/messages", { body, accept: "text/event-stream" });
        if ((reply.headers.get("Content-Type") || "").startsWith("text/event-stream")) await follow(reply);
        else settle(await reply.json());
        drop(one);
        tell("");
        pause = 1000;
      } catch (error) {
        draft.hidden = true;
        if (error.status === 401 || error.code === "conversation_ended") {
          keep({ token: "" });
        } else if (error instanceof Refused && error.status < 500 && error.status !== 429) {
          drop(one);
          const node = shown.get(one.key);
          if (node) { node.remove(); shown.delete(one.key); }
          input.value = input.value || (one.choice == null ? one.text : "");
          trouble(error);
          continue;
        } else trouble(error);
        await Promise.race([wait(Math.max(pause, (error.retry || 0) * 1000)), new Promise((done) => addEventListener("online", done, { once: true }))]);
        pause = Math.min(pause * 2, 30000);
      }
    }
    sending = false;
    status();
    listen();
  };
  const settle = (body) => { show(body.message); body.replies.forEach((reply) => show(reply)); };
  const follow = async (reply) => {
    let text = "";
    for await (const [name, data] of events(reply)) {
      if (name === "token") {
        text += data.text;
        draft.firstElementChild.textContent = text;
        draft.hidden = false;
        status();
      } else if (name === "sent") { draft.hidden = true; return settle(data); }
      else if (name === "error") throw new Refused(503, data);
    }
    throw new Error("the answer was cut off"); // asked again under the same key
  };

  const end = async () => {
    try { stand(await (await call("/end", { body: {} })).json()); } catch (error) { trouble(error); }
  };
  const farewell = (over) => {
    foot.hidden = !over;
    if (!over) return foot.replaceChildren();
    const again = make("button", { class: "pick", type: "button", onclick: () => { keep({ token: "" }); start().then(() => input.focus()); } }, words.again);
    const stars = make("div", { class: "stars", role: "group", "aria-label": words.rate }, ...[1, 2, 3, 4, 5].map((n) =>
      make("button", { type: "button", "aria-label": fill(words.of, n), onclick: () => grade(n, stars) }, String(n))));
    foot.replaceChildren(...(config.rating && !stands.rating ? [make("span", {}, words.rate), stars] : []), again);
    if (isOpen()) (stars.isConnected ? stars.firstChild : again).focus();
  };
  const grade = async (rating, stars) => {
    try {
      stands = await (await call("/rating", { body: { rating } })).json();
      const thanks = make("span", { role: "status", tabindex: "-1" }, words.thanks);
      stars.previousElementSibling.remove();
      stars.replaceWith(thanks);
      thanks.focus();
    } catch (error) { trouble(error); }
  };

  /* ---- sound, where the server has it ---- */
  let context = null, playing = null, recording = null;
  const sound = () => { context = context || new AudioContext(); context.resume(); return context; };
  const quiet = () => { const now = playing; playing = null; if (now) now.end(); };
  const read = async (message, ear = log.querySelector(`[data-seq="${message.seq}"] .hear`)) => {
    quiet();
    const label = (text) => { if (ear) { ear.setAttribute("aria-label", text); ear.title = text; ear.classList.toggle("on", text === words.hush); } };
    const own = (playing = { end: () => { label(words.listen); if (own.source) own.source.stop(); } });
    label(words.hush);
    sound(); // within the click, or the browser keeps it silent
    try {
      const data = await (await call("/speech", { body: { message: message.id } })).arrayBuffer();
      const view = new DataView(data); // a streamed WAV does not know its length
      view.setUint32(4, data.byteLength - 8, true);
      view.setUint32(40, data.byteLength - 44, true);
      const buffer = await context.decodeAudioData(data);
      if (playing !== own) return; // something else is read by now
      own.source = context.createBufferSource();
      own.source.buffer = buffer;
      own.source.onended = () => { if (playing === own) quiet(); };
      own.source.connect(context.destination);
      own.source.start();
    } catch (error) {
      if (playing === own) quiet();
      tell(error.status === 429 ? words.busy : words.unspoken, error.status !== 429);
      console.warn(`Botyard: ${error.message}`);
    }
  };
  const dictate = async () => {
    if (recording) return recording();
    let stream;
    try { stream = await navigator.mediaDevices.getUserMedia({ audio: true }); } catch { return tell(words.nomic, true); }
    const own = new AudioContext({ sampleRate: 16000 });
    const node = own.createScriptProcessor(4096, 1, 1); // needs no file of its own, which a strict page would refuse
    const parts = [];
    node.onaudioprocess = (event) => { parts.push(event.inputBuffer.getChannelData(0).slice()); };
    own.createMediaStreamSource(stream).connect(node);
    node.connect(own.destination);
    const label = (text, on) => { mic.setAttribute("aria-label", text); mic.title = text; mic.classList.toggle("rec", on); };
    label(words.stop, true);
    const limit = setTimeout(() => recording && recording(), 60000);
    recording = async () => {
      recording = null;
      clearTimeout(limit);
      label(words.dictate, false);
      stream.getTracks().forEach((track) => track.stop());
      await own.close();
      try {
        const text = (await (await call(`/recordings?language=${encodeURIComponent(language)}`, { raw: wav(parts) })).json()).text;
        if (text) input.value = `${input.value} ${text}`.trim(); else tell(words.unheard, true);
      } catch (error) { trouble(error); }
      input.focus();
    };
  };
  const wav = (parts) => {
    const size = parts.reduce((sum, part) => sum + part.length, 0) * 2;
    const view = new DataView(new ArrayBuffer(44 + size));
    [0x52494646, size + 36, 0x57415645, 0x666d7420, 16, 0x10001, 16000, 32000, 0x100002, 0x64617461, size].forEach((value, at) =>
      view.setUint32(at * 4, value, ![0, 2, 3, 9].includes(at)));
    let at = 44;
    for (const part of parts) for (const sample of part) {
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32767, true);
      at += 2;
    }
    return new Blob([view], { type: "audio/wav" });
  };

  /* ---- open and close ---- */
  const start = async () => {
    try {
      await begin();
    } catch (error) {
      trouble(error);
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return;
      await wait(3000);
      if (isOpen()) return start();
      return;
    }
    if (kept.pending.length) push();
    listen();
  };
  const open = () => {
    if (isOpen()) return;
    unread = 0;
    panel.hidden = false;
    launch.hidden = true;
    launch.setAttribute("aria-expanded", "true");
    host.toggleAttribute("data-open", true);
    keep({ open: true });
    count();
    status();
    input.focus();
    start();
  };
  const close = () => {
    if (!isOpen()) return;
    panel.hidden = true;
    launch.hidden = false;
    launch.setAttribute("aria-expanded", "false");
    host.toggleAttribute("data-open", false);
    keep({ open: false });
    if (!kept.live) hush();
    launch.focus();
  };
  addEventListener("offline", () => { if (isOpen()) tell(words.offline, true); });
  addEventListener("online", () => { if (isOpen()) { tell(""); start(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(config));

  dress();
  document.body.append(host);
  window.botyardChat = { open, close };
  call("").then((reply) => reply.json()).then((found) => {
    config = found;
    dress();
    if (kept.open || tag.dataset.open != null) open();
    else if (kept.live && kept.token) start();
  }).catch((error) => {
    if ([403, 404].includes(error.status)) { host.remove(); console.warn(`Botyard: ${error.message}`); }
    else trouble(error);
  });
})();
