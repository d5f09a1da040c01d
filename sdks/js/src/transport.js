'use strict';
// Sends calls: credentials, time limits, repetition, and what the envelope holds.

const { Credentials } = require('./credentials.js');
const { ChatbotsError, ConnectionError, TimeoutError, fromAnswer } = require('./errors.js');
const platform = require('./platform_node.js');

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
