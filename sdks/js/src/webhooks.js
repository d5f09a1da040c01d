'use strict';
// Whether a webhook came from the server. Every function answers false for what is not signed, malformed or
// too old, and throws only when it is called with something that can never be checked.

const platform = require('./platform_node.js');

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
