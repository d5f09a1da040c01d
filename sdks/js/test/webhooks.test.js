'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { test } = require('node:test');

const { webhooks } = require('..');

globalThis.crypto ??= crypto.webcrypto; // Node.js 18 has none, every browser does
const SECRET = 'your_webhook_secret';
const SIGNED = { event: 'message.received', timestamp: '2026-05-01T12:00:00Z', data: { 10: 'a', b: 1e21, text: 'grüße' } };
const sign = (text, secret = SECRET) => `sha256=${crypto.createHmac('sha256', secret).update(text).digest('hex')}`;
const SIGNATURE = sign(JSON.stringify(SIGNED));
const PAYLOAD = { ...SIGNED, signature: SIGNATURE };
const RAW = JSON.stringify(PAYLOAD);
const forms = async () => [webhooks, (await import('../browser.mjs')).webhooks];

// Every way to ask: with the computation of Node.js, through WebCrypto, and in the browser's file.
async function answers(payload, signature, secret = SECRET) {
  const [node, browser] = await forms();
  const all = [
    node.verify(payload, signature, secret),
    await node.verifyAsync(payload, signature, secret),
    await browser.verifyAsync(payload, signature, secret),
  ];
  assert.equal(new Set(all).size, 1);
  return all[0];
}

test('body and header are verified, parsed and raw', async () => {
  for (const payload of [PAYLOAD, SIGNED, RAW, Buffer.from(RAW), new TextEncoder().encode(RAW).buffer]) {
    assert.equal(await answers(payload, SIGNATURE), true);
  }
  assert.equal(await answers(PAYLOAD, sign(RAW)), true);
  assert.equal(await answers(RAW, sign(RAW)), true);
  assert.equal(await answers('not json', sign('not json')), true);
});

test('what was changed is not verified', async () => {
  assert.equal(await answers({ ...PAYLOAD, data: {} }, SIGNATURE), false);
  assert.equal(await answers({ ...PAYLOAD, extra: 1 }, SIGNATURE), false);
  assert.equal(await answers(RAW.replace('grüße', 'Grüße'), SIGNATURE), false);
  assert.equal(await answers(RAW, SIGNATURE, 'another secret'), false);
});

test('a malformed signature is false and no exception', async () => {
  for (const signature of [undefined, null, '', 'sha256=', 'sha256=zz', SIGNATURE.slice(0, -1), `${SIGNATURE}0`, 'sha1=ab', 7, {}]) {
    assert.equal(await answers(PAYLOAD, signature), false);
  }
});

test('a call that can never verify anything is an error', async () => {
  assert.throws(() => webhooks.verify(PAYLOAD, SIGNATURE, ''), TypeError);
  assert.throws(() => webhooks.verify(undefined, SIGNATURE, SECRET), TypeError);
  assert.throws(() => webhooks.verifyStandard({}, PAYLOAD, SECRET), TypeError);
  assert.throws(() => webhooks.verifyStandard({}, RAW, 'whsec_*'), TypeError);
  const [, browser] = await forms();
  assert.throws(() => browser.verify(PAYLOAD, SIGNATURE, SECRET), /verifyAsync/);
});

const NOW = 1_800_000_000;

function standard(key, { sentAt = NOW, id = 'msg_1', body = RAW } = {}) {
  const mac = crypto.createHmac('sha256', key).update(`${id}.${sentAt}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(sentAt), 'webhook-signature': `v1,${mac}` };
}

async function standardAnswers(headers, secret, body = RAW) {
  const [node, browser] = await forms();
  const options = { now: () => NOW * 1000 };
  const all = [
    node.verifyStandard(headers, body, secret, options),
    await node.verifyStandardAsync(headers, body, secret, options),
    await browser.verifyStandardAsync(headers, body, secret, options),
  ];
  assert.equal(new Set(all).size, 1);
  return all[0];
}

test('Standard Webhooks headers are verified, with a made and with a chosen secret', async () => {
  const made = crypto.randomBytes(32);
  const headers = standard(made);
  const secret = `whsec_${made.toString('base64')}`;

  assert.equal(await standardAnswers(headers, secret), true);
  assert.equal(await standardAnswers(new Headers(headers), secret, Buffer.from(RAW)), true);
  assert.equal(await standardAnswers({ ...headers, 'webhook-signature': `v1,AAAA v1a,x ${headers['webhook-signature']}` }, secret), true);
  assert.equal(await standardAnswers(standard(SECRET), SECRET), true);
  const loud = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
  assert.equal(await standardAnswers(loud, secret), true);
});

test('old, early, changed and malformed deliveries are false', async () => {
  const good = standard(SECRET);
  for (const headers of [
    standard(SECRET, { sentAt: NOW - 301 }),
    standard(SECRET, { sentAt: NOW + 301 }),
    standard('another'),
    { ...good, 'webhook-id': 'msg_2' },
    { ...good, 'webhook-timestamp': `${NOW}.0` },
    { ...good, 'webhook-signature': '' },
    { ...good, 'webhook-signature': 'v1,*' },
    {},
    undefined,
  ]) {
    assert.equal(await standardAnswers(headers, SECRET), false);
  }
  assert.equal(await standardAnswers(good, SECRET, `${RAW} `), false);
});

test('the tolerance can be chosen', () => {
  const headers = standard(SECRET, { sentAt: NOW - 600 });
  assert.equal(webhooks.verifyStandard(headers, RAW, SECRET, { toleranceS: 900, now: () => NOW * 1000 }), true);
  assert.equal(webhooks.verifyStandard(headers, RAW, SECRET, { toleranceS: NaN, now: () => NOW * 1000 }), false);
});
