// The page of voices: samples, names of languages, and the microphone, which is asked for by a click only.

// --- names of languages ---------------------------------------------------------------------------------

const names = new Intl.DisplayNames(undefined, { type: "language" });

const nameLanguages = () => {
  for (const element of document.querySelectorAll("[data-language]")) {
    const tag = element.dataset.language;
    element.removeAttribute("data-language");
    if (tag === "mul") element.textContent = "many languages";
    else
      try {
        element.textContent = names.of(tag);
      } catch {
        element.title = tag; // not every tag of an engine is one that browsers know: it stays as it is
      }
  }
  for (const select of document.querySelectorAll("select[data-sorted]")) {
    const { value } = select;
    const [first, ...rest] = select.options;
    rest.sort((one, other) => one.text.localeCompare(other.text));
    select.append(first, ...rest);
    select.value = value;
    select.removeAttribute("data-sorted");
  }
};
nameLanguages();
document.addEventListener("htmx:after:swap", nameLanguages);

// --- samples: one at a time -----------------------------------------------------------------------------

const player = new Audio();
let playing = null;

const stopPlaying = () => {
  player.pause();
  playing?.setAttribute("aria-pressed", "false");
  playing = null;
};
const tellOf = (text) => {
  const said = document.getElementById("player-said");
  said.hidden = !text;
  said.textContent = text;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-plays]");
  if (!button) return;
  const again = button === playing;
  stopPlaying();
  if (again) return;
  playing = button;
  button.setAttribute("aria-pressed", "true");
  tellOf("");
  player.src = button.dataset.plays;
  try {
    await player.play();
  } catch (error) {
    if (error.name === "AbortError") return; // another one was chosen meanwhile
    stopPlaying();
    tellOf("This voice could not be heard. Try it again; if that does not help, look whether its engine is ready.");
  }
});
player.addEventListener("ended", stopPlaying);

// --- the microphone -------------------------------------------------------------------------------------

const RATE = 16_000; // samples a second: all that engines use
const REFUSED = {
  NotAllowedError: "The browser was not allowed to use the microphone. Allow it beside the address, then press Record again, or choose a recording below.",
  NotFoundError: "No microphone was found. Connect one and press Record again, or choose a recording below.",
  NotReadableError: "The microphone is in use by another program. Close that and press Record again.",
};
const INSECURE = "Browsers lend the microphone only to pages with HTTPS and to localhost. Open this page that way, or choose a recording below.";

/** Samples of a recording in whatever form the browser makes, mono and at the rate of engines. */
const samplesOf = async (recorded) => {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await recorded.arrayBuffer());
    const mono = new OfflineAudioContext(1, Math.max(1, Math.ceil(sound.duration * RATE)), RATE);
    const source = mono.createBufferSource();
    source.buffer = sound;
    source.connect(mono.destination);
    source.start();
    return (await mono.startRendering()).getChannelData(0);
  } finally {
    await context.close();
  }
};

const wavOf = (samples) => {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const word = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  word(8, "WAVEfmt ");
  [16, 0x10001, RATE, RATE * 2, 0x100002].forEach((number, index) => view.setUint32(16 + index * 4, number, true));
  word(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => view.setInt16(44 + index * 2, Math.max(-1, Math.min(1, sample)) * 0x7fff, true));
  return new File([view], "recording.wav", { type: "audio/wav" });
};

/** <voice-recorder for="form" seconds="30">: puts what is recorded into the form's file field and sends the form. */
class VoiceRecorder extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => (this.recorder ? this.stop() : this.start()));
  }
  disconnectedCallback() {
    this.stop();
  }
  say(text) {
    this.querySelector("[data-said]").textContent = text;
  }
  show(recording) {
    this.button.setAttribute("aria-pressed", String(recording));
    this.button.querySelector("[data-label]").textContent = recording ? "Stop" : "Record";
  }
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) return this.say(INSECURE);
    stopPlaying();
    this.button.disabled = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      return this.say(REFUSED[error.name] ?? `The microphone could not be used: ${error.message}`);
    } finally {
      this.button.disabled = false;
    }
    const pieces = [];
    this.recorder = new MediaRecorder(this.stream);
    this.recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    this.recorder.addEventListener("stop", () => this.send(new Blob(pieces, { type: pieces[0]?.type })));
    this.recorder.start();
    this.show(true);
    this.count(Number(this.getAttribute("seconds")));
  }
  count(left) {
    this.say(`Recording: ${left} seconds left. Press Stop when you are done.`);
    this.timer = setTimeout(() => (left > 1 ? this.count(left - 1) : this.stop()), 1000);
  }
  stop() {
    clearTimeout(this.timer);
    if (this.recorder?.state === "recording") this.recorder.stop();
    for (const track of this.stream?.getTracks() ?? []) track.stop(); // the browser's sign goes out at once
    this.recorder = null;
    this.show(false);
  }
  async send(recorded) {
    if (!this.isConnected) return;
    const form = document.getElementById(this.getAttribute("for"));
    try {
      const files = new DataTransfer();
      files.items.add(wavOf(await samplesOf(recorded)));
      form.elements.namedItem("recording").files = files.files;
      this.say("Listening to it …");
      form.requestSubmit();
    } catch (error) {
      this.say(`The recording could not be read: ${error.message}`);
    }
  }
}
customElements.define("voice-recorder", VoiceRecorder);

document.addEventListener("htmx:after:request", (event) => {
  if (event.target.id === "hear-form") document.querySelector("voice-recorder")?.say("Press Record to try it again.");
});
