// Made by build.mjs from src/; change it there.

const parts = {};
const made = {};

function load(name) {
  if (!(name in made)) {
    const module = { exports: {} };
    parts[name](module, load);
    made[name] = module.exports;
  }
  return made[name];
}

parts['./errors.js'] = (module, require) => {
/** What went wrong, in the server's words; `status` is the HTTP status, 0 where there was no answer. */
class ChatbotsError extends Error {
  constructor(message, { status = 0, details = [], retryAfterS = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.details = details;
    this.retryAfterS = retryAfterS;
  }
}

class BadRequestError extends ChatbotsError {}
class AuthenticationError extends ChatbotsError {}
class ForbiddenError extends ChatbotsError {}
class NotFoundError extends ChatbotsError {}
class ConflictError extends ChatbotsError {}
class ValidationError extends ChatbotsError {}
class RateLimitError extends ChatbotsError {}
class ServerError extends ChatbotsError {}

/** No answer came: the server is away, or the connection broke. */
class ConnectionError extends ChatbotsError {}

/** No answer came in time. */
class TimeoutError extends ConnectionError {}

/** A training job ended without a model; `job` is the job as it ended. */
class TrainingFailedError extends ChatbotsError {
  constructor(job) {
    super(`Training job ${job.id} ended as ${job.status}: ${wordsOf(job.error)}`);
    this.job = job;
  }
}

function wordsOf(error) {
  if (typeof error === 'string' && error) return error;
  if (error && typeof error.message === 'string') return error.message;
  return error ? JSON.stringify(error) : 'the server gave no reason.';
}

const BY_STATUS = {
  400: BadRequestError,
  401: AuthenticationError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
  429: RateLimitError,
};

// The error of an answer; `body` is its text, in the error envelope or not.
function fromAnswer(status, headers, body) {
  const said = envelope(body);
  const Kind = BY_STATUS[status] ?? (status >= 500 ? ServerError : ChatbotsError);
  const message = said.message ?? `The server answered ${status} without saying why; look at baseUrl.`;
  return new Kind(message, {
    status,
    details: said.details ?? [],
    retryAfterS: secondsOf(headers.get('retry-after')),
  });
}

function envelope(body) {
  try {
    return JSON.parse(body).error ?? {};
  } catch {
    return {}; // a proxy's page
  }
}

// Retry-After is a number of seconds or a date.
function secondsOf(value) {
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

module.exports = {
  ChatbotsError,
  BadRequestError,
  AuthenticationError,
  ForbiddenError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  ConnectionError,
  TimeoutError,
  TrainingFailedError,
  fromAnswer,
};
};

parts['./platform_web.js'] = (module, require) => {
// What differs between browsers and Node.js.

function hmacSha256() {
  throw new Error('Browsers compute signatures asynchronously: use verifyAsync or verifyStandardAsync.');
}

// Takes as long for a wrong first byte as for a wrong last one.
function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i] ^ b[i];
  return difference === 0;
}

module.exports = {
  get webcrypto() {
    return globalThis.crypto;
  },
  hmacSha256,
  equal,
  environment: () => undefined,
  headers: {}, // browsers name themselves
};
};

parts['./credentials.js'] = (module, require) => {
// What a client shows the server: an API key, an access token that is renewed in time, or both.

const { AuthenticationError } = require('./errors.js');

const EARLY_MS = 30_000; // renewed that long before it runs out, when the client knows when that is

class Credentials {
  constructor({ apiKey, accessToken, refreshToken, onTokens }) {
    Object.defineProperties(this, {
      apiKey: { value: apiKey }, // not enumerable: a client that is printed shows no secret
      tokens: { value: { accessToken, refreshToken, expiresAt: Infinity } },
      refused: { value: new Set() },
      renewal: { value: null, writable: true },
      onTokens: { value: onTokens },
    });
  }

  /**
   * The kinds to try, in that order: another one is tried where the first is refused. Calls about the account
   * itself take no API keys.
   */
  kinds(aboutAccount) {
    const { accessToken, refreshToken } = this.tokens;
    const held = { apiKey: Boolean(this.apiKey), accessToken: Boolean(accessToken || refreshToken) };
    if (aboutAccount && held.accessToken) return ['accessToken'];
    const kinds = ['apiKey', 'accessToken'].filter((kind) => held[kind]);
    const trusted = kinds.filter((kind) => !this.refused.has(kind));
    return trusted.length ? trusted : kinds;
  }

  headers(kind) {
    if (kind === 'apiKey') return { 'X-API-KEY': this.apiKey };
    return this.tokens.accessToken ? { Authorization: `Bearer ${this.tokens.accessToken}` } : {};
  }

  /** A key that was refused while the token was not: later calls begin with the token. */
  refuse(kind) {
    this.refused.add(kind);
  }

  keep({ accessToken, refreshToken, expiresIn }) {
    this.tokens.accessToken = accessToken;
    this.tokens.refreshToken = refreshToken ?? this.tokens.refreshToken;
    this.tokens.expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.refused.delete('accessToken');
  }

  forget() {
    Object.assign(this.tokens, { accessToken: undefined, refreshToken: undefined, expiresAt: Infinity });
  }

  get stale() {
    const { accessToken, refreshToken, expiresAt } = this.tokens;
    return Boolean(refreshToken) && (!accessToken || Date.now() > expiresAt - EARLY_MS);
  }

  /**
   * Whether there is another access token than `used` now. Calls that need one at the same time share one
   * renewal, since a refresh token may be used only once.
   */
  async renew(used, refresh) {
    if (this.tokens.accessToken !== used) return Boolean(this.tokens.accessToken);
    if (!this.tokens.refreshToken) return false;
    this.renewal ??= this.exchange(refresh).finally(() => {
      this.renewal = null;
    });
    await this.renewal;
    return true;
  }

  async exchange(refresh) {
    try {
      const tokens = await refresh(this.tokens.refreshToken);
      this.keep(tokens);
      await this.onTokens?.(tokens);
    } catch (error) {
      if (error instanceof AuthenticationError) this.tokens.refreshToken = undefined; // it ended: sign in again
      throw error;
    }
  }
}

module.exports = { Credentials };
};

parts['./transport.js'] = (module, require) => {
// Sends calls: credentials, time limits, repetition, and what the envelope holds.

const { Credentials } = require('./credentials.js');
const { ChatbotsError, ConnectionError, TimeoutError, fromAnswer } = require('./errors.js');
const platform = require('./platform_web.js');

const DEFAULT_BASE_URL = 'http://localhost:3000/api';
const PASSING = new Set([429, 502, 503, 504]);
const NOT_DONE = new Set([429, 503]); // the server says that it did nothing
const MAX_PAUSE_MS = 8_000;

class Transport {
  constructor(options) {
    this.baseUrl = readBaseUrl(options.baseUrl ?? platform.environment('CHATBOTS_BASE_URL') ?? DEFAULT_BASE_URL);
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.retries = options.retries ?? 3;
    this.retryDelayMs = options.retryDelayMs ?? 250;
    this.maxRetryAfterMs = options.maxRetryAfterMs ?? 65_000; // the limits count by the minute
    this.fetch = options.fetch ?? globalThis.fetch?.bind(globalThis);
    if (typeof this.fetch !== 'function') throw new TypeError('There is no fetch here: give one as `fetch`.');
    this.credentials = new Credentials(options);
    this.rateLimit = null;
  }

  /** The `data` of the answer; undefined where the answer has no body. */
  async data(call) {
    const { status, body } = await this.send(call);
    if (status === 204 || body === '') return undefined;
    const envelope = parse(body);
    if (envelope?.status !== 'success') {
      throw new ChatbotsError('The answer is not of the Chatbots Platform; look at baseUrl.', { status });
    }
    return envelope.data;
  }

  /** The answer, after as many tries as it takes. */
  async send(call) {
    const prepared = this.prepare(call);
    let unclear = false; // whether an earlier try may have been carried out
    for (let tries = 0; ; tries += 1) {
      const { answer, error } = await this.outcome(prepared);
      if (!error) return answer;
      if (unclear && call.method === 'DELETE' && error.status === 404) return { ...answer, status: 204 };
      if (tries >= this.retries || !mayRepeat(prepared, error)) throw error;
      unclear ||= error.status !== 429;
      await this.pause(tries, error, call.signal);
    }
  }

  async outcome(prepared) {
    try {
      const answer = await this.authorized(prepared);
      return answer.ok ? { answer } : { answer, error: fromAnswer(answer.status, answer.headers, answer.body) };
    } catch (error) {
      return { error };
    }
  }

  prepare(call) {
    const headers = { Accept: 'application/json', ...platform.headers, ...call.headers };
    if (call.body !== undefined) headers['Content-Type'] = 'application/json';
    if (call.method === 'POST' && call.repeat === undefined) {
      headers['Idempotency-Key'] = call.idempotencyKey ?? newKey();
    }
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    return { ...call, url: this.baseUrl + call.path + queryOf(call.query), headers, body };
  }

  /** One try, with another credential or a renewed token where the first one is refused. */
  async authorized(call) {
    const kinds = call.anonymous ? [] : this.credentials.kinds(call.aboutAccount);
    if (kinds.length === 0) return this.attempt(call, {});
    const answer = await this.withRenewal(call, kinds[0]);
    if (answer.status !== 401 || kinds.length === 1) return answer;
    const second = await this.withRenewal(call, kinds[1]);
    if (second.status !== 401) this.credentials.refuse(kinds[0]);
    return second;
  }

  async withRenewal(call, kind) {
    const { credentials } = this;
    if (kind === 'apiKey') return this.attempt(call, credentials.headers(kind));
    if (credentials.stale) await this.renew(credentials.tokens.accessToken);
    const used = credentials.tokens.accessToken;
    const answer = await this.attempt(call, credentials.headers(kind));
    if (answer.status !== 401 || !(await this.renew(used))) return answer;
    return this.attempt(call, credentials.headers(kind));
  }

  renew(used) {
    return this.credentials.renew(used, (refreshToken) => this.data(refreshCall(refreshToken)));
  }

  async attempt(call, credentials) {
    const clock = new Deadline(call.timeoutMs ?? this.timeoutMs, call.signal);
    try {
      const response = await this.fetch(call.url, {
        method: call.method,
        headers: { ...call.headers, ...credentials },
        body: call.body,
        redirect: 'manual', // a redirect could carry the credentials to somebody else
        signal: clock.signal,
      });
      return await this.read(call, response, clock);
    } catch (error) {
      throw clock.explain(error);
    }
  }

  async read(call, response, clock) {
    this.noteLimits(response.headers);
    const { status, headers, ok } = response;
    if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
      const target = headers.get('location');
      throw new ChatbotsError(`The server is elsewhere: ${target ?? 'it redirects'}. Change baseUrl.`, { status });
    }
    if (ok && call.as === 'stream') return { ok, status, headers, response, clock };
    const body = ok && call.as === 'bytes' ? new Uint8Array(await response.arrayBuffer()) : await response.text();
    clock.stop();
    return { ok, status, headers, body };
  }

  noteLimits(headers) {
    const [limit, remaining, reset] = ['Limit', 'Remaining', 'Reset'].map((name) => headers.get(`X-RateLimit-${name}`));
    if (limit === null) return;
    this.rateLimit = { limit: Number(limit), remaining: Number(remaining), resetAt: new Date(Number(reset) * 1000) };
  }

  async pause(tries, error, signal) {
    const asked = error.retryAfterS === null ? null : error.retryAfterS * 1000;
    if (asked !== null && asked > this.maxRetryAfterMs) throw error;
    const longest = Math.min(MAX_PAUSE_MS, this.retryDelayMs * 2 ** tries);
    const jittered = longest / 2 + (Math.random() * longest) / 2;
    await sleep(asked === null ? jittered : asked + Math.random() * this.retryDelayMs, signal);
  }
}

/** The time limit of one try, joined with the caller's own signal. */
class Deadline {
  constructor(timeoutMs, signal) {
    this.timeoutMs = timeoutMs;
    this.theirs = signal;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.passOn = () => this.controller.abort(signal.reason);
    if (signal?.aborted) this.passOn();
    signal?.addEventListener('abort', this.passOn, { once: true });
    this.again();
  }

  /** Count anew. */
  again() {
    this.rest();
    const late = () => this.controller.abort(new TimeoutError(`No answer came within ${this.timeoutMs} ms.`));
    if (this.timeoutMs > 0 && this.timeoutMs < Infinity) this.timer = setTimeout(late, this.timeoutMs);
  }

  /** Do not count while it is the caller who takes time. */
  rest() {
    clearTimeout(this.timer);
  }

  stop() {
    this.rest();
    this.theirs?.removeEventListener('abort', this.passOn);
  }

  /** What the caller is told of an error of fetch. */
  explain(error) {
    this.stop();
    if (error instanceof ChatbotsError) return error;
    if (this.theirs?.aborted) return this.theirs.reason;
    if (this.signal.aborted) return this.signal.reason;
    const cause = error?.cause?.message || error?.cause?.code || error?.message || error;
    return new ConnectionError(`The server cannot be reached: ${cause}`, { cause: error });
  }
}

function mayRepeat(call, error) {
  if (!(error instanceof ChatbotsError) || call.repeat === 'never') return false;
  if (call.repeat === 'if-not-done') return NOT_DONE.has(error.status);
  if (error instanceof ConnectionError) return true;
  // the first try is still at work under this key
  if (error.status === 409 && error.retryAfterS !== null) return 'Idempotency-Key' in call.headers;
  return PASSING.has(error.status);
}

function refreshCall(refreshToken) {
  return {
    method: 'POST',
    path: '/auth/refresh',
    body: { refreshToken },
    anonymous: true,
    repeat: 'if-not-done', // a refresh token that is shown twice ends the session
  };
}

function readBaseUrl(text) {
  const url = new URL(text, globalThis.location?.href);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError('baseUrl is an address that begins with http or https.');
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

function queryOf(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, wireValue(value)])).toString();
  return text && `?${text}`;
}

function wireValue(value) {
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.join(',') : String(value);
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null; // the caller says what it means
  }
}

function newKey() {
  const bytes = platform.webcrypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Wait; ends at once with the signal's reason when it aborts. */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal?.addEventListener('abort', end, { once: true });
    return undefined;
  });
}

module.exports = { Transport, sleep };
};

parts['./stream.js'] = (module, require) => {
// Server-sent events, and the reply to a message as it is written.

const { ChatbotsError, ConnectionError } = require('./errors.js');

/** Yields `{ event, data }` for each event of a response. */
async function* serverSentEvents(response, clock) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let open = { event: '', data: [] };
  let rest = '';
  try {
    for (;;) {
      clock.again();
      const { done, value } = await reader.read();
      clock.rest();
      if (done) return; // what no blank line ended is incomplete
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (open.data.length) yield { event: open.event || 'message', data: open.data.join('\n') };
          open = { event: '', data: [] };
        } else {
          take(open, line);
        }
      }
    }
  } catch (error) {
    throw clock.explain(error);
  } finally {
    clock.stop();
    await reader.cancel().catch(() => undefined); // it may be broken already
  }
}

function take(open, line) {
  const colon = line.indexOf(':');
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (field === 'event') open.event = value;
  if (field === 'data') open.data.push(value);
}

/** Yields `{ type: 'token', text }` as they come, and at last `{ type: 'message', message, reply }`. */
async function* replyEvents(answer) {
  if (!/^text\/event-stream\b/.test(answer.headers.get('content-type') ?? '')) {
    yield* wholeReply(answer);
    return;
  }
  for await (const { event, data } of serverSentEvents(answer.response, answer.clock)) {
    if (event === 'token') yield { type: 'token', text: JSON.parse(data).text };
    if (event === 'error') throw errorOf(JSON.parse(data));
    if (event === 'message') {
      yield final(JSON.parse(data));
      return;
    }
  }
  throw new ConnectionError('The reply broke off. Send the message again with the same idempotencyKey.');
}

// A server that does not stream this reply answers as to any other message.
async function* wholeReply({ response, clock }) {
  try {
    yield final((await response.json()).data);
  } catch (error) {
    throw clock.explain(error);
  } finally {
    clock.stop();
  }
}

function final(exchange) {
  return { type: 'message', ...exchange };
}

function errorOf(value) {
  const said = value.error ?? value;
  return new ChatbotsError(said.message ?? 'The reply could not be made.', {
    status: Number.isInteger(said.code) ? said.code : 500,
    details: said.details ?? [],
  });
}

module.exports = { replyEvents };
};

parts['./resources.js'] = (module, require) => {
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
};

parts['./webhooks.js'] = (module, require) => {
// Whether a webhook came from the server. Every function answers false for what is not signed, malformed or
// too old, and throws only when it is called with something that can never be checked.

const platform = require('./platform_web.js');

const SIGNATURE = /^sha256=([0-9a-f]{64})$/;
const DEFAULT_TOLERANCE_S = 300;
const encoder = new TextEncoder();

/**
 * Checks the signature in a payload's `signature` or in the header X-Webhook-Signature.
 * `payload` is the raw body (text or bytes) or what JSON.parse made of it.
 */
function verify(payload, signature, secret) {
  const given = readSignature(signature);
  const key = literalKey(secret);
  const texts = signedTexts(payload);
  return given !== null && texts.some((text) => platform.equal(platform.hmacSha256(key, text), given));
}

/** The same through WebCrypto: for browsers, workers and edge functions. */
async function verifyAsync(payload, signature, secret) {
  const given = readSignature(signature);
  const key = literalKey(secret);
  const texts = signedTexts(payload);
  if (given === null) return false;
  const macs = await Promise.all(texts.map((text) => hmacAsync(key, text)));
  return macs.some((mac) => platform.equal(mac, given));
}

/**
 * Checks the headers of Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature.
 * It refuses what was sent longer ago than `toleranceS`, or later than now; keep each webhook-id that
 * long to notice a repetition.
 */
function verifyStandard(headers, rawBody, secret, options = {}) {
  const claim = readClaim(headers, rawBody, options);
  const key = standardKey(secret);
  if (claim === null) return false;
  const mac = platform.hmacSha256(key, claim.signed);
  return claim.signatures.some((given) => platform.equal(mac, given));
}

/** The same through WebCrypto. */
async function verifyStandardAsync(headers, rawBody, secret, options = {}) {
  const claim = readClaim(headers, rawBody, options);
  const key = standardKey(secret);
  if (claim === null) return false;
  const mac = await hmacAsync(key, claim.signed);
  return claim.signatures.some((given) => platform.equal(mac, given));
}

async function hmacAsync(key, data) {
  const { subtle } = platform.webcrypto;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await subtle.importKey('raw', key, algorithm, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', imported, data));
}

function readSignature(signature) {
  const match = typeof signature === 'string' ? SIGNATURE.exec(signature.trim()) : null;
  return match && Uint8Array.from(match[1].match(/../g), (pair) => parseInt(pair, 16));
}

function literalKey(secret) {
  if (typeof secret !== 'string' || secret === '') throw new TypeError("The webhook's secret is missing.");
  return encoder.encode(secret);
}

// The header signs the whole body; the field inside signs the body without itself.
function signedTexts(payload) {
  const raw = bytesOf(payload);
  const parsed = raw === null ? payload : parseObject(raw);
  if (raw === null && (typeof payload !== 'object' || payload === null)) {
    throw new TypeError('The payload is the raw body, or the object that JSON.parse makes of it.');
  }
  const texts = [raw ?? encoder.encode(JSON.stringify(payload))];
  if (parsed !== null) {
    const { signature: _, ...rest } = parsed;
    texts.push(encoder.encode(JSON.stringify(rest)));
  }
  return texts;
}

function bytesOf(value) {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return null;
}

function parseObject(raw) {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null; // not JSON: only the header can have signed it
  }
}

function readClaim(headers, rawBody, { toleranceS = DEFAULT_TOLERANCE_S, now = Date.now } = {}) {
  const body = bytesOf(rawBody);
  if (body === null) throw new TypeError('Standard Webhooks sign the raw body: give it before it is parsed.');
  const id = header(headers, 'webhook-id');
  const sentAt = header(headers, 'webhook-timestamp');
  if (!id || !/^\d{1,12}$/.test(sentAt)) return null;
  if (!(Math.abs(now() / 1000 - Number(sentAt)) <= toleranceS)) return null;
  const signatures = header(headers, 'webhook-signature').split(' ').map(readStandard).filter(Boolean);
  return { signed: joined(encoder.encode(`${id}.${sentAt}.`), body), signatures };
}

function header(headers, name) {
  const found =
    typeof headers?.get === 'function'
      ? headers.get(name)
      : Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
  return String((Array.isArray(found) ? found[0] : found) ?? '');
}

function readStandard(entry) {
  return entry.startsWith('v1,') ? fromBase64(entry.slice(3)) : null;
}

function standardKey(secret) {
  const literal = literalKey(secret);
  const key = secret.startsWith('whsec_') ? fromBase64(secret.slice('whsec_'.length)) : literal;
  if (!key?.length) throw new TypeError('After `whsec_` a webhook secret continues in base64.');
  return key;
}

function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(first, second) {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

module.exports = { verify, verifyAsync, verifyStandard, verifyStandardAsync };
};

parts['./client.js'] = (module, require) => {
const { fromAnswer: _, ...errors } = require('./errors.js');
const resources = require('./resources.js');
const { Transport } = require('./transport.js');
const webhooks = require('./webhooks.js');

/** A client of the Chatbots Platform API. */
class ChatbotsSDK {
  constructor(options = {}) {
    const transport = new Transport(options);
    Object.defineProperty(this, 'transport', { value: transport });
    this.baseUrl = transport.baseUrl;
    this.auth = new resources.Auth(transport);
    this.apiKeys = new resources.ApiKeys(transport);
    this.chatbots = new resources.Chatbots(transport, '/chatbots');
    this.conversations = new resources.Conversations(transport, '/conversations');
    this.templates = new resources.Collection(transport, '/templates');
    this.training = {
      datasets: new resources.Collection(transport, '/training/datasets'),
      jobs: new resources.Jobs(transport, '/training/jobs'),
    };
    this.voice = new resources.Voice(transport);
    this.health = new resources.Health(transport);
    this.webhooks = new resources.Webhooks(transport, '/webhooks');
  }

  /** What the last answer said of the rate limit; null before the first. */
  get rateLimit() {
    return this.transport.rateLimit;
  }
}

ChatbotsSDK.webhooks = webhooks;
Object.assign(ChatbotsSDK, errors);

module.exports = ChatbotsSDK;
};

const ChatbotsSDK = load('./client.js');

export default ChatbotsSDK;
export const {
  ConnectionError,
  TimeoutError,
  TrainingFailedError,
  ChatbotsError,
  BadRequestError,
  AuthenticationError,
  ForbiddenError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  webhooks,
} = ChatbotsSDK;
