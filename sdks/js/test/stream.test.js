'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const ChatbotsSDK = require('..');
const { serve, ok, refused } = require('./fake.js');

const FINAL = { message: { id: 'm1', text: 'hi' }, reply: { id: 'm2', text: 'Grüß dich' } };

function streaming(t, chunks, end = (response) => response.end()) {
  return serve(t, async ({ response }) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    for (const chunk of chunks) {
      response.write(chunk);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    end(response);
  });
}

async function read(server, options = {}) {
  const sdk = new ChatbotsSDK({ apiKey: 'key', baseUrl: server.url, retryDelayMs: 1, ...options });
  const events = [];
  for await (const event of sdk.conversations.stream('c', { text: 'hi' })) events.push(event);
  return events;
}

test('tokens come as they are written, the whole reply at last', async (t) => {
  const token = Buffer.from('event: token\ndata: {"text":"Grüß"}\n\n');
  const cut = token.indexOf(0xc3) + 1; // in the middle of a letter
  const server = await streaming(t, [
    token.subarray(0, cut),
    token.subarray(cut),
    ': still there\r\n\r\nevent:token\r',
    '\ndata:{"text":\r\ndata:" dich"}\r\n\r\nevent: unknown\ndata: no json\n\n',
    `event: message\ndata: ${JSON.stringify(FINAL)}\n\n`,
  ]);

  const events = await read(server);

  assert.deepEqual(events, [
    { type: 'token', text: 'Grüß' },
    { type: 'token', text: ' dich' },
    { type: 'message', ...FINAL },
  ]);
  assert.equal(server.asked[0].headers.accept, 'text/event-stream');
  assert.ok(server.asked[0].headers['idempotency-key']);
});

test('an error in the stream is thrown', async (t) => {
  const server = await streaming(t, ['event: error\ndata: {"code":503,"message":"The model is away."}\n\n']);
  await assert.rejects(read(server), (error) => error.status === 503 && error.message === 'The model is away.');
});

test('a stream that breaks off is no reply', async (t) => {
  const half = 'event: token\ndata: {"text":"a"}\n\nevent: message\ndata: {"mess';
  await assert.rejects(read(await streaming(t, [half])), ChatbotsSDK.ConnectionError);
  const cut = await streaming(t, [half], (response) => response.destroy());
  await assert.rejects(read(cut), ChatbotsSDK.ConnectionError);
});

test('a stream that falls silent ends in time, and one that is read slowly does not', async (t) => {
  const silent = await streaming(t, ['event: token\ndata: {"text":"a"}\n\n'], () => undefined);
  await assert.rejects(read(silent, { timeoutMs: 50 }), ChatbotsSDK.TimeoutError);

  const server = await streaming(t, ['event: token\ndata: {"text":"a"}\n\n', `event: message\ndata: ${JSON.stringify(FINAL)}\n\n`]);
  const sdk = new ChatbotsSDK({ apiKey: 'key', baseUrl: server.url, timeoutMs: 100 });
  let last;
  for await (const event of sdk.conversations.stream('c', { text: 'hi' })) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    last = event.type;
  }
  assert.equal(last, 'message');
});

test('leaving the loop closes the connection', { timeout: 10_000 }, async (t) => {
  let closed;
  const gone = new Promise((resolve) => {
    closed = resolve;
  });
  const server = await serve(t, ({ response }) => {
    response.on('close', closed);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('event: token\ndata: {"text":"a"}\n\n');
  });
  const sdk = new ChatbotsSDK({ apiKey: 'key', baseUrl: server.url });

  for await (const _ of sdk.conversations.stream('c', { text: 'hi' })) break;

  await gone;
});

test('a server that does not stream is understood too, and its refusals are', async (t) => {
  assert.deepEqual(await read(await serve(t, () => ok(FINAL, { status: 201 }))), [{ type: 'message', ...FINAL }]);
  await assert.rejects(read(await serve(t, () => refused(404, 'none'))), ChatbotsSDK.NotFoundError);
});
