'use strict';
// The calls of the document, by section. Each answers with the `data` of the envelope; lists with
// `{ items, pagination }`. The last argument of each may hold `signal`, `timeoutMs` and, of what makes or
// sends something, `idempotencyKey`.

const { TrainingFailedError } = require('./errors.js');
const { replyEvents } = require('./stream.js');
const { sleep } = require('./transport.js');

const TAKEN = ['signal', 'timeoutMs', 'idempotencyKey'];

class Section {
  constructor(transport) {
    Object.defineProperty(this, 'transport', { value: transport });
  }

  get_(path, query, options) {
    return this.transport.data({ method: 'GET', path, query, ...only(options) });
  }

  put_(path, body, options) {
    return this.transport.data({ method: 'PUT', path, body, ...only(options) });
  }

  post_(path, body, options, more) {
    return this.transport.data({ method: 'POST', path, body, ...only(options), ...more });
  }
}

/** A collection to read: page by page, or through `for await` as one sequence. */
class Listing extends Section {
  constructor(transport, path) {
    super(transport);
    this.path = path;
  }

  list(query, options) {
    return this.get_(this.path, query, options);
  }

  get(id, options) {
    return this.get_(at(this.path, id), undefined, options);
  }

  /** Each item of each page. */
  iterate(query, options) {
    return each(this.pages(query, options));
  }

  pages(query, options) {
    return follow((asked) => this.list(asked, options), query);
  }
}

/** A collection whose items can be made and changed, too. */
class Collection extends Listing {
  create(fields, options) {
    return this.post_(this.path, fields, options);
  }

  update(id, fields, options) {
    return this.put_(at(this.path, id), fields, options);
  }

  delete(id, options) {
    return this.transport.data({ method: 'DELETE', path: at(this.path, id), ...only(options) });
  }
}

class Auth extends Section {
  constructor(transport) {
    super(transport);
    this.mfa = new Mfa(transport);
  }

  register(details, options) {
    return this.post_('/auth/register', details, options, { anonymous: true, repeat: 'if-not-done' });
  }

  /** Signs in; the client goes on with the tokens of the answer. */
  async login(details, options) {
    const more = { anonymous: true, repeat: 'if-not-done' }; // a code may be used only once
    const tokens = await this.post_('/auth/login', details, options, more);
    this.transport.credentials.keep(tokens);
    return tokens;
  }

  /** Renews the tokens now; the client does it by itself when they run out. */
  async refresh() {
    const { credentials } = this.transport;
    if (!credentials.tokens.refreshToken) throw new TypeError('This client has no refreshToken.');
    await this.transport.renew(credentials.tokens.accessToken);
    const { accessToken, refreshToken } = credentials.tokens;
    return { accessToken, refreshToken };
  }

  /** Ends the session; the client forgets its tokens. */
  async logout(options) {
    const { refreshToken } = this.transport.credentials.tokens;
    await this.post_('/auth/logout', refreshToken && { refreshToken }, options, { aboutAccount: true });
    this.transport.credentials.forget();
  }
}

class Mfa extends Section {
  setup(options) {
    return this.post_('/auth/mfa/setup', undefined, options, { aboutAccount: true });
  }

  verify(code, options) {
    return this.post_('/auth/mfa/verify', { code }, options, { aboutAccount: true });
  }
}

class ApiKeys extends Section {
  /** `key` of the answer is shown this once. */
  create(fields, options) {
    return this.post_('/auth/api-keys', fields, options, { aboutAccount: true });
  }

  list(query, options) {
    return this.transport.data({ method: 'GET', path: '/auth/api-keys', query, aboutAccount: true, ...only(options) });
  }

  delete(id, options) {
    const path = at('/auth/api-keys', id);
    return this.transport.data({ method: 'DELETE', path, aboutAccount: true, ...only(options) });
  }
}

class Chatbots extends Collection {
  /** Starts a training job; `client.training.jobs.wait` waits for its end. */
  train(id, fields, options) {
    return this.post_(`${at(this.path, id)}/train`, fields, options);
  }

  /** `{ version, environment }`; by default what was trained last, in production. */
  deploy(id, fields = {}, options = {}) {
    return this.post_(`${at(this.path, id)}/deploy`, fields, options);
  }

  /** Lets answer again what answered before. */
  rollback(id, fields = {}, options = {}) {
    return this.post_(`${at(this.path, id)}/rollback`, fields, options);
  }

  versions(id, query, options) {
    return this.get_(`${at(this.path, id)}/versions`, query, options);
  }

  /** The draft of what it says: `{ content, revision }`. */
  content(id, options) {
    return this.get_(`${at(this.path, id)}/content`, undefined, options);
  }

  /** Replaces the draft; with `revision` only while nobody else changed it since. */
  replaceContent(id, fields, options) {
    return this.put_(`${at(this.path, id)}/content`, fields, options);
  }

  /** `{ from, to }` limit the period. */
  analytics(id, query, options) {
    return this.get_(`${at(this.path, id)}/analytics`, query, options);
  }
}

class Conversations extends Listing {
  create(fields, options) {
    return this.post_(this.path, fields, options);
  }

  /** One page of messages, oldest first. */
  messages(id, query, options) {
    return this.get_(this.messagesOf(id), query, options);
  }

  iterateMessages(id, query, options) {
    return each(follow((asked) => this.messages(id, asked, options), query));
  }

  /** Sends `{ text }` and waits for the reply: `{ message, reply }`. */
  sendMessage(id, content, options) {
    return this.post_(this.messagesOf(id), content, options);
  }

  /** The same, with the reply's tokens as they come. */
  async *stream(id, content, options) {
    const answer = await this.transport.send({
      method: 'POST',
      path: this.messagesOf(id),
      body: content,
      headers: { Accept: 'text/event-stream' },
      as: 'stream',
      ...only(options),
    });
    yield* replyEvents(answer);
  }

  close(id, options) {
    return this.post_(`${at(this.path, id)}/close`, undefined, options);
  }

  /** How good it was, 1 to 5. */
  rate(id, rating, options) {
    return this.post_(`${at(this.path, id)}/rating`, { rating }, options);
  }

  /** Everything that happened in it, and why. */
  trace(id, options) {
    return this.get_(`${at(this.path, id)}/trace`, undefined, options);
  }

  messagesOf(id) {
    return `${at(this.path, id)}/messages`;
  }
}

class Jobs extends Listing {
  create(fields, options) {
    return this.post_(this.path, fields, options);
  }

  cancel(id, options) {
    return this.post_(`${at(this.path, id)}/cancel`, undefined, options);
  }

  /** What a finished training found out. */
  report(id, options) {
    return this.get_(`${at(this.path, id)}/report`, undefined, options);
  }

  /**
   * The job when it is completed. Throws TrainingFailedError when it ends otherwise. `onProgress` is given
   * the job whenever something of it changed.
   */
  async wait(id, { intervalMs = 500, onProgress, signal, timeoutMs } = {}) {
    let seen = '';
    for (;;) {
      const job = await this.get(id, { signal, timeoutMs });
      const now = JSON.stringify(job);
      if (now !== seen) await onProgress?.(job);
      seen = now;
      if (job.status === 'completed') return job;
      if (!['queued', 'running'].includes(job.status)) throw new TrainingFailedError(job);
      await sleep(intervalMs, signal);
    }
  }
}

class Voice extends Section {
  /** `{ audio, contentType }`, the audio in base64. */
  tts(fields, options) {
    return this.post_('/voice/tts', fields, options, { repeat: 'always' });
  }

  /** The audio itself, as bytes. */
  async ttsAudio(fields, options) {
    const headers = { Accept: 'audio/*' };
    const call = { method: 'POST', path: '/voice/tts', body: fields, headers, as: 'bytes', repeat: 'always' };
    const { body, headers: told } = await this.transport.send({ ...call, ...only(options) });
    return { audio: body, contentType: told.get('content-type') };
  }

  /** `audio` is bytes or base64. */
  stt({ audio, ...fields }, options) {
    const text = typeof audio === 'string' ? audio : toBase64(audio);
    return this.post_('/voice/stt', { audio: text, ...fields }, options, { repeat: 'always' });
  }

  /** One page of voices; `{ language }` chooses some. */
  voices(query, options) {
    return this.get_('/voice/voices', query, options);
  }
}

class Health extends Section {
  liveness(options) {
    return this.get_('/health/liveness', undefined, options);
  }

  /** Throws ServerError while the server is not ready; it does not ask again. */
  readiness(options) {
    return this.transport.data({ method: 'GET', path: '/health/readiness', repeat: 'never', ...only(options) });
  }

  metrics(options) {
    return this.get_('/health/metrics', undefined, options);
  }
}

class Webhooks extends Collection {
  /** Sends a ping to the webhook. */
  test(id, options) {
    return this.post_(`${at(this.path, id)}/test`, undefined, options);
  }

  /** A secret that the server makes is in the answer, this once; the old one signs along for a day. */
  rotateSecret(id, fields = {}, options = {}) {
    return this.post_(`${at(this.path, id)}/rotate-secret`, fields, options);
  }

  deliveries(id, query, options) {
    return this.get_(`${at(this.path, id)}/deliveries`, query, options);
  }

  /** One delivery with its body and attempts. */
  delivery(id, deliveryId, options) {
    return this.get_(at(`${at(this.path, id)}/deliveries`, deliveryId), undefined, options);
  }

  iterateDeliveries(id, query, options) {
    return each(follow((asked) => this.deliveries(id, asked, options), query));
  }

  /** Sends one delivery again, by its id; or `{ since }`: everything since a moment. */
  replay(id, what, options) {
    const path = at(this.path, id);
    if (typeof what === 'string') return this.post_(`${at(`${path}/deliveries`, what)}/replay`, undefined, options);
    return this.post_(`${path}/replay`, what, options);
  }
}

async function* follow(fetchPage, query) {
  let asked = query;
  for (;;) {
    const page = await fetchPage(asked);
    yield page;
    const next = page.pagination?.next;
    if (!next) return;
    asked = continued(asked, next);
  }
}

// Only the query of `next` is taken: the path is known, and the credentials stay with this server.
function continued(query, next) {
  const asked = { ...query, ...Object.fromEntries(new URL(next, 'http://server').searchParams) };
  if (String(asked.page) === String(query?.page ?? 1)) throw new TypeError(`The server's next page is this one: ${next}`);
  return asked;
}

async function* each(pages) {
  for await (const page of pages) yield* page.items;
}

function at(path, id) {
  const text = String(id ?? '');
  if (text === '' || text === '.' || text === '..') throw new TypeError(`${JSON.stringify(id) ?? id} is no id.`);
  return `${path}/${encodeURIComponent(text)}`;
}

function only(options = {}) {
  return Object.fromEntries(TAKEN.filter((name) => options?.[name] !== undefined).map((name) => [name, options[name]]));
}

function toBase64(audio) {
  const bytes = audio instanceof ArrayBuffer ? new Uint8Array(audio) : audio;
  let text = '';
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000)); // more arguments than that fail
  }
  return btoa(text);
}

module.exports = {
  Auth,
  ApiKeys,
  Chatbots,
  Collection,
  Conversations,
  Jobs,
  Voice,
  Health,
  Webhooks,
};
