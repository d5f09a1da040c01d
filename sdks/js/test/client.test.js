'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const ChatbotsSDK = require('..');
const { serve, ok, refused } = require('./fake.js');

const HASTE = { retryDelayMs: 1, timeoutMs: 2_000 };

function client(server, options = {}) {
  return new ChatbotsSDK({ apiKey: 'key', baseUrl: server.url, ...HASTE, ...options });
}

test('a call carries the key, and the answer is what the envelope holds', async (t) => {
  const server = await serve(t, () => ok({ id: 'bot_1', name: 'Support' }, { status: 201 }));

  const bot = await client(server).chatbots.create({ name: 'Support' });

  assert.deepEqual(bot, { id: 'bot_1', name: 'Support' });
  const [call] = server.asked;
  assert.deepEqual([call.method, call.path, call.json], ['POST', '/api/chatbots', { name: 'Support' }]);
  assert.equal(call.headers['x-api-key'], 'key');
  assert.match(call.headers['idempotency-key'], /^[0-9a-f]{32}$/);
});

test('every call of the document goes to its path', async (t) => {
  const server = await serve(t, ({ method }) => (method === 'DELETE' ? { status: 204 } : ok({ items: [] })));
  const sdk = client(server, { accessToken: 'token' });
  const calls = [
    [sdk.auth.register({ username: 'a' }), 'POST /api/auth/register'],
    [sdk.auth.mfa.setup(), 'POST /api/auth/mfa/setup'],
    [sdk.auth.mfa.verify('123456'), 'POST /api/auth/mfa/verify'],
    [sdk.apiKeys.create({ name: 'ci' }), 'POST /api/auth/api-keys'],
    [sdk.apiKeys.list(), 'GET /api/auth/api-keys'],
    [sdk.apiKeys.delete('k'), 'DELETE /api/auth/api-keys/k'],
    [sdk.chatbots.list(), 'GET /api/chatbots'],
    [sdk.chatbots.get('b/1'), 'GET /api/chatbots/b%2F1'],
    [sdk.chatbots.update('b', {}), 'PUT /api/chatbots/b'],
    [sdk.chatbots.delete('b'), 'DELETE /api/chatbots/b'],
    [sdk.chatbots.train('b', { datasetId: 'd' }), 'POST /api/chatbots/b/train'],
    [sdk.chatbots.deploy('b'), 'POST /api/chatbots/b/deploy'],
    [sdk.chatbots.rollback('b'), 'POST /api/chatbots/b/rollback'],
    [sdk.chatbots.versions('b'), 'GET /api/chatbots/b/versions'],
    [sdk.chatbots.content('b'), 'GET /api/chatbots/b/content'],
    [sdk.chatbots.replaceContent('b', { content: {} }), 'PUT /api/chatbots/b/content'],
    [sdk.chatbots.analytics('b'), 'GET /api/chatbots/b/analytics'],
    [sdk.conversations.list(), 'GET /api/conversations'],
    [sdk.conversations.create({ chatbotId: 'b' }), 'POST /api/conversations'],
    [sdk.conversations.get('c'), 'GET /api/conversations/c'],
    [sdk.conversations.messages('c'), 'GET /api/conversations/c/messages'],
    [sdk.conversations.sendMessage('c', { text: 'x' }), 'POST /api/conversations/c/messages'],
    [sdk.conversations.close('c'), 'POST /api/conversations/c/close'],
    [sdk.conversations.rate('c', 5), 'POST /api/conversations/c/rating'],
    [sdk.conversations.trace('c'), 'GET /api/conversations/c/trace'],
    [sdk.templates.update('t', {}), 'PUT /api/templates/t'],
    [sdk.training.datasets.create({ name: 'd', examples: [] }), 'POST /api/training/datasets'],
    [sdk.training.jobs.create({ chatbotId: 'b' }), 'POST /api/training/jobs'],
    [sdk.training.jobs.get('j'), 'GET /api/training/jobs/j'],
    [sdk.training.jobs.cancel('j'), 'POST /api/training/jobs/j/cancel'],
    [sdk.training.jobs.report('j'), 'GET /api/training/jobs/j/report'],
    [sdk.webhooks.delivery('w', 'd'), 'GET /api/webhooks/w/deliveries/d'],
    [sdk.voice.tts({ text: 'x' }), 'POST /api/voice/tts'],
    [sdk.voice.stt({ audio: new Uint8Array([255, 0]) }), 'POST /api/voice/stt'],
    [sdk.voice.voices(), 'GET /api/voice/voices'],
    [sdk.health.liveness(), 'GET /api/health/liveness'],
    [sdk.health.readiness(), 'GET /api/health/readiness'],
    [sdk.health.metrics(), 'GET /api/health/metrics'],
    [sdk.webhooks.create({ url: 'u', events: [] }), 'POST /api/webhooks'],
    [sdk.webhooks.test('w'), 'POST /api/webhooks/w/test'],
    [sdk.webhooks.rotateSecret('w'), 'POST /api/webhooks/w/rotate-secret'],
    [sdk.webhooks.deliveries('w'), 'GET /api/webhooks/w/deliveries'],
    [sdk.webhooks.replay('w', 'd'), 'POST /api/webhooks/w/deliveries/d/replay'],
    [sdk.webhooks.replay('w', { since: new Date(0) }), 'POST /api/webhooks/w/replay'],
  ];
  await Promise.all(calls.map(([call]) => call));

  const asked = server.asked.map(({ method, path }) => `${method} ${path}`).sort();
  assert.deepEqual(asked, calls.map(([, line]) => line).sort());
  const stt = server.asked.find(({ path }) => path === '/api/voice/stt');
  assert.deepEqual(stt.json, { audio: '/wA=' });
  const keys = server.asked.find(({ path }) => path === '/api/auth/api-keys');
  assert.equal(keys.headers.authorization, 'Bearer token');
});

test('an id that would change the path is refused', async () => {
  const sdk = new ChatbotsSDK({ apiKey: 'key' });
  for (const id of ['', '..', '.', undefined, null]) assert.throws(() => sdk.chatbots.get(id), TypeError);
});

test('a passing failure is repeated under the same key', async (t) => {
  const server = await serve(t, ({ response }, count) => {
    if (count === 1) return void response.destroy();
    return count === 2 ? refused(503, 'busy') : ok({ id: 'cnv_1' });
  });

  await client(server).conversations.create({ chatbotId: 'b' });

  assert.equal(server.asked.length, 3);
  assert.equal(new Set(server.asked.map(({ headers }) => headers['idempotency-key'])).size, 1);
});

test('a request that is still at work is asked for again', async (t) => {
  const busy = refused(409, 'in flight', { headers: { 'Retry-After': '0' } });
  const server = await serve(t, (_, count) => (count === 1 ? busy : ok({ id: 'cnv_1' })));

  assert.deepEqual(await client(server).conversations.create({ chatbotId: 'b' }), { id: 'cnv_1' });
});

test('what no repetition can mend is not repeated', async (t) => {
  for (const [code, Kind] of [
    [400, ChatbotsSDK.BadRequestError],
    [403, ChatbotsSDK.ForbiddenError],
    [404, ChatbotsSDK.NotFoundError],
    [409, ChatbotsSDK.ConflictError],
    [422, ChatbotsSDK.ValidationError],
    [500, ChatbotsSDK.ServerError],
  ]) {
    const server = await serve(t, () => refused(code, 'in words', { details: [{ field: 'name' }] }));

    const failed = client(server).chatbots.create({ name: 'x' });

    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof Kind && error instanceof ChatbotsSDK.ChatbotsError);
      assert.deepEqual([error.status, error.message, error.details], [code, 'in words', [{ field: 'name' }]]);
      return true;
    });
    assert.equal(server.asked.length, 1);
  }
});

test('registering and signing in are repeated only when nothing was done', async (t) => {
  const server = await serve(t, (_, count) => (count === 1 ? refused(429, 'slow', { headers: { 'Retry-After': '0' } }) : refused(502, 'gone')));

  await assert.rejects(client(server).auth.register({ username: 'a' }), ChatbotsSDK.ServerError);

  assert.equal(server.asked.length, 2);
});

test('Retry-After is honoured, and thrown when it asks for too much', async (t) => {
  const server = await serve(t, (_, count) =>
    count === 2 ? ok([]) : refused(429, 'slow down', { headers: { 'Retry-After': count === 1 ? '1' : '90' } }),
  );
  const sdk = client(server);
  const began = Date.now();

  await sdk.chatbots.list();

  assert.ok(Date.now() - began >= 1000);
  await assert.rejects(sdk.chatbots.list(), (error) => error instanceof ChatbotsSDK.RateLimitError && error.retryAfterS === 90);
});

test('a DELETE whose answer was lost has done its work', async (t) => {
  const server = await serve(t, ({ response }, count) => (count === 1 ? void response.destroy() : refused(404, 'none')));

  assert.equal(await client(server).chatbots.delete('b'), undefined);
  await assert.rejects(client(server).chatbots.delete('b'), ChatbotsSDK.NotFoundError);
});

test('no answer in time is a TimeoutError, and an abort is the caller’s own reason', async (t) => {
  const server = await serve(t, () => undefined);
  const sdk = client(server, { timeoutMs: 30, retries: 1 });

  await assert.rejects(sdk.chatbots.list(), ChatbotsSDK.TimeoutError);
  assert.equal(server.asked.length, 2);
  const reason = new Error('enough');
  await assert.rejects(sdk.chatbots.list({}, { signal: AbortSignal.abort(reason) }), reason);
});

test('a server that is away is a ConnectionError', async () => {
  const sdk = new ChatbotsSDK({ baseUrl: 'http://127.0.0.1:9/api', retries: 0 });
  await assert.rejects(sdk.chatbots.list(), (error) => error instanceof ChatbotsSDK.ConnectionError && error.status === 0);
});

test('pages follow each other and keep what was asked', async (t) => {
  const server = await serve(t, ({ query }) => {
    const page = Number(query.page ?? 1);
    const next = page < 3 ? `/elsewhere/api/chatbots?page=${page + 1}&pageSize=2&fields=id` : null;
    return ok({ items: [{ id: `b${page}` }], pagination: { page, next, prev: null } });
  });

  const ids = [];
  for await (const bot of client(server).chatbots.iterate({ pageSize: 2, fields: ['id'] })) ids.push(bot.id);

  assert.deepEqual(ids, ['b1', 'b2', 'b3']);
  assert.deepEqual(server.asked[2].query, { page: '3', pageSize: '2', fields: 'id' });
  assert.ok(server.asked.every(({ path }) => path === '/api/chatbots'));
});

test('a next page that is the same page ends in an error', async (t) => {
  const server = await serve(t, () => ok({ items: [], pagination: { next: '/api/chatbots?page=1' } }));

  await assert.rejects(client(server).chatbots.pages().next().then(async () => {
    for await (const _ of client(server).chatbots.pages());
  }), TypeError);
});

function session(t, { refreshed = 'new' } = {}) {
  return serve(t, async ({ path, headers, json }) => {
    if (path === '/api/auth/refresh') {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (json.refreshToken !== 'refresh-1') return refused(401, 'used up');
      return ok({ accessToken: refreshed, refreshToken: 'refresh-2', expiresIn: 3600 });
    }
    return headers.authorization === 'Bearer new' ? ok({ items: [] }) : refused(401, 'expired');
  });
}

test('calls that find the token expired share one renewal', async (t) => {
  const server = await session(t);
  const kept = [];
  const sdk = client(server, { apiKey: undefined, accessToken: 'old', refreshToken: 'refresh-1', onTokens: (tokens) => kept.push(tokens.refreshToken) });

  await Promise.all([sdk.chatbots.list(), sdk.chatbots.list(), sdk.templates.list()]);

  assert.equal(server.asked.filter(({ path }) => path.endsWith('/refresh')).length, 1);
  assert.deepEqual(kept, ['refresh-2']);
});

test('a token that is refused again after its renewal is not renewed for ever', async (t) => {
  const server = await session(t, { refreshed: 'still wrong' });
  const sdk = client(server, { apiKey: undefined, accessToken: 'old', refreshToken: 'refresh-1' });

  await assert.rejects(sdk.chatbots.list(), ChatbotsSDK.AuthenticationError);

  assert.equal(server.asked.length, 3);
});

test('a session that ended says so', async (t) => {
  const server = await session(t);
  const sdk = client(server, { apiKey: undefined, refreshToken: 'stolen' });
  await assert.rejects(sdk.chatbots.list(), (error) => error instanceof ChatbotsSDK.AuthenticationError && error.message === 'used up');
});

test('of a key and a token the one that is accepted is used', async (t) => {
  const server = await serve(t, ({ headers }) => (headers.authorization === 'Bearer good' ? ok([]) : refused(401, 'unknown')));
  const sdk = client(server, { apiKey: 'wrong', accessToken: 'good' });

  await sdk.chatbots.list();
  await sdk.chatbots.list();

  assert.equal(server.asked.length, 3);
});

test('signing in gives the client its tokens; signing out takes them', async (t) => {
  const server = await serve(t, ({ path }) =>
    path === '/api/auth/login' ? ok({ accessToken: 'A', refreshToken: 'R', expiresIn: 3600 }) : path === '/api/auth/logout' ? { status: 204 } : ok([]),
  );
  const sdk = client(server, { apiKey: undefined });

  await sdk.auth.login({ username: 'ann', password: 'a password' });
  await sdk.chatbots.list();
  await sdk.auth.logout();
  await sdk.chatbots.list();

  assert.deepEqual(server.asked.map(({ headers }) => headers.authorization), [undefined, 'Bearer A', 'Bearer A', undefined]);
  assert.deepEqual(server.asked[2].json, { refreshToken: 'R' });
});

test('a redirect is not followed with the credentials', async (t) => {
  const other = await serve(t, () => ok([]));
  const server = await serve(t, () => ({ status: 307, headers: { Location: `${other.url}/chatbots` } }));

  await assert.rejects(client(server).chatbots.list(), /elsewhere.*baseUrl/);

  assert.equal(other.asked.length, 0);
});

test('an answer that is none of this platform is said to be so', async (t) => {
  const server = await serve(t, () => ({ text: '<html>', headers: { 'Content-Type': 'text/html' } }));
  await assert.rejects(client(server).chatbots.list(), /baseUrl/);
});

test('a printed client shows no secret', () => {
  const sdk = new ChatbotsSDK({ apiKey: 's3cr3t-key', accessToken: 's3cr3t-token', refreshToken: 's3cr3t' });
  assert.ok(!require('node:util').inspect(sdk, { depth: 9 }).includes('s3cr3t'));
  assert.ok(!JSON.stringify(sdk).includes('s3cr3t'));
});

test('the rate limit of the last answer can be read', async (t) => {
  const headers = { 'X-RateLimit-Limit': '100', 'X-RateLimit-Remaining': '95', 'X-RateLimit-Reset': '1620000000' };
  const server = await serve(t, () => ok([], { headers }));
  const sdk = client(server);
  await sdk.chatbots.list();
  assert.deepEqual(sdk.rateLimit, { limit: 100, remaining: 95, resetAt: new Date(1620000000000) });
});

test('waiting for a job tells its progress, and fails with it', async (t) => {
  const states = [{ status: 'queued' }, { status: 'running' }, { status: 'running' }, { status: 'completed' }];
  const server = await serve(t, ({ path }, count) =>
    ok(path.endsWith('bad') ? { id: 'bad', status: 'failed', error: 'too few examples' } : { id: 'j', ...states[count - 1] }),
  );
  const sdk = client(server);
  const told = [];

  const job = await sdk.training.jobs.wait('j', { intervalMs: 1, onProgress: ({ status }) => void told.push(status) });

  assert.deepEqual([job.status, told], ['completed', ['queued', 'running', 'completed']]);
  await assert.rejects(sdk.training.jobs.wait('bad'), (error) => error instanceof ChatbotsSDK.TrainingFailedError && /too few examples/.test(error.message) && error.job.id === 'bad');
});

test('audio comes as bytes where bytes are asked for', async (t) => {
  const server = await serve(t, ({ response }) => {
    response.writeHead(200, { 'Content-Type': 'audio/wav' });
    response.end(Buffer.from([82, 73, 70, 70, 255]));
  });
  const { audio, contentType } = await client(server).voice.ttsAudio({ text: 'hi' });
  assert.deepEqual([[...audio], contentType], [[82, 73, 70, 70, 255], 'audio/wav']);
  assert.equal(server.asked[0].headers.accept, 'audio/*');
});

test('the base address comes from the options, else the environment, else the document', async (t) => {
  t.after(() => delete process.env.CHATBOTS_BASE_URL);
  assert.equal(new ChatbotsSDK().baseUrl, 'http://localhost:3000/api');
  process.env.CHATBOTS_BASE_URL = 'https://bots.example.com/chatbots/api/';
  assert.equal(new ChatbotsSDK().baseUrl, 'https://bots.example.com/chatbots/api');
  assert.equal(new ChatbotsSDK({ baseUrl: 'http://127.0.0.1:8000/api' }).baseUrl, 'http://127.0.0.1:8000/api');
  assert.throws(() => new ChatbotsSDK({ baseUrl: 'ftp://example.com' }), TypeError);
});

test('CommonJS, ES modules and the browser’s file offer the same', async () => {
  const [esm, browser] = await Promise.all([import('../index.mjs'), import('../browser.mjs')]);
  assert.equal(esm.default, ChatbotsSDK);
  assert.deepEqual(Object.keys(browser).sort(), Object.keys(esm).sort());
  for (const name of Object.keys(esm)) assert.ok(browser[name], name);
});

test('the browser’s file works without anything of Node.js', async (t) => {
  const server = await serve(t, () => ok({ id: 'bot_1' }));
  globalThis.crypto ??= require('node:crypto').webcrypto; // Node.js 18 has none, every browser does
  const { default: Browser } = await import('../browser.mjs');

  const bot = await new Browser({ apiKey: 'key', baseUrl: server.url }).chatbots.create({ name: 'x' });

  assert.deepEqual(bot, { id: 'bot_1' });
  const text = require('node:fs').readFileSync(require.resolve('../browser.mjs'), 'utf8');
  assert.ok(!/node:|\bprocess\b|\bBuffer\b/.test(text));
});
