'use strict';
// What an application does with the SDK for JavaScript, against a running server. Each line that is not as it
// should be ends the program with an error.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');

const ChatbotsSDK = require('../../sdks/js');

const person = { username: 'grace', email: 'grace@example.org', password: 'a long enough password' };

async function main() {
  const { client, key } = await signIn();
  await renewing();
  await paging(client);
  await refusals(client);
  await losing(key);
  const conversation = await talking(client);
  await streaming(client, conversation.id);
  await listening(client);
  await client.auth.logout();
  await assert.rejects(client.apiKeys.list(), ChatbotsSDK.AuthenticationError);
  console.log(JSON.stringify({ key, conversationId: conversation.id }));
}

async function signIn() {
  const client = new ChatbotsSDK();
  const { user } = await client.auth.register(person);
  assert.equal(user.username, person.username);
  await assert.rejects(client.chatbots.list(), ChatbotsSDK.AuthenticationError);
  await client.auth.login(person);
  const { key } = await client.apiKeys.create({ name: 'tour' });
  const [listed] = (await client.apiKeys.list()).items;
  assert.equal(listed.key, undefined);
  const { items } = await new ChatbotsSDK({ apiKey: key }).chatbots.list();
  assert.deepEqual(items, []);
  return { client, key };
}

async function renewing() {
  const kept = [];
  const first = await new ChatbotsSDK().auth.login(person);
  const expired = { accessToken: 'expired', refreshToken: first.refreshToken };
  const client = new ChatbotsSDK({ ...expired, onTokens: (tokens) => kept.push(tokens) });
  await Promise.all([client.chatbots.list(), client.templates.list(), client.conversations.list()]);
  assert.equal(kept.length, 1);
  await assert.rejects(new ChatbotsSDK(expired).chatbots.list(), ChatbotsSDK.AuthenticationError); // it was used
}

async function paging(client) {
  const made = await Promise.all([1, 2, 3, 4, 5].map((n) => client.chatbots.create({ name: `Bot ${n}` })));
  const seen = [];
  for await (const bot of client.chatbots.iterate({ pageSize: 2, fields: ['id'] })) seen.push(bot);
  assert.deepEqual(seen.map(({ id }) => id).sort(), made.map(({ id }) => id).sort());
  assert.deepEqual(Object.keys(seen[0]), ['id']);
  await Promise.all(made.map(({ id }) => client.chatbots.delete(id)));
  assert.equal((await client.chatbots.list()).pagination.total, 0);
}

async function refusals(client) {
  await assert.rejects(client.chatbots.get('bot_unknown'), ChatbotsSDK.NotFoundError);
  await assert.rejects(client.chatbots.create({}), (error) => {
    assert.ok(error instanceof ChatbotsSDK.ValidationError || error instanceof ChatbotsSDK.BadRequestError);
    return error.message.length > 0 && error.details.length > 0;
  });
}

// The connection breaks after the server did its work: the second try gets the first one's answer.
async function losing(apiKey) {
  let lost = 0;
  const fetch = async (...call) => {
    const response = await globalThis.fetch(...call);
    if (call[1].method !== 'GET' && lost++ % 2 === 0) throw new TypeError('the connection broke');
    return response;
  };
  const client = new ChatbotsSDK({ apiKey, fetch, retryDelayMs: 1 });
  const bot = await client.chatbots.create({ name: 'Only one' });
  const { items } = await client.chatbots.list();
  assert.deepEqual(items.map(({ id }) => id), [bot.id]);
  await client.chatbots.delete(bot.id);
  assert.equal((await client.chatbots.list()).pagination.total, 0);
}

async function talking(client) {
  const templates = client.templates.iterate();
  const { value: template } = await templates.next();
  const bot = await client.chatbots.create({ name: 'Support', templateId: template.id });
  await client.chatbots.deploy(bot.id);
  const conversation = await client.conversations.create({ chatbotId: bot.id });
  const { message, reply } = await client.conversations.sendMessage(conversation.id, { text: 'Hello' });
  assert.deepEqual([message.sender, message.text, reply.sender], ['user', 'Hello', 'bot']);
  const said = [];
  for await (const one of client.conversations.iterateMessages(conversation.id, { pageSize: 1 })) said.push(one.id);
  assert.ok(said.includes(message.id) && said.includes(reply.id));
  const { totalConversations } = await client.chatbots.analytics(bot.id);
  assert.equal(totalConversations, 1);
  return conversation;
}

async function streaming(client, id) {
  const events = [];
  for await (const event of client.conversations.stream(id, { text: 'Hello again' })) events.push(event);
  const last = events.at(-1);
  assert.deepEqual([last.type, last.message.text, last.reply.sender], ['message', 'Hello again', 'bot']);
}

async function listening(client) {
  const receiver = http.createServer().listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const url = `http://127.0.0.1:${receiver.address().port}/hook`;
  const webhook = await client.webhooks.create({ url, events: ['message.received'] });
  const arrival = once(receiver, 'request');
  const sent = await client.webhooks.test(webhook.id);
  const [request, response] = await arrival;
  const raw = Buffer.concat(await request.toArray());
  response.end();
  receiver.close();

  const { webhooks } = ChatbotsSDK;
  const payload = JSON.parse(raw);
  assert.ok(webhooks.verify(payload, payload.signature, webhook.secret));
  assert.ok(webhooks.verify(raw, payload.signature, webhook.secret));
  assert.ok(webhooks.verify(raw, request.headers['x-webhook-signature'], webhook.secret));
  assert.ok(webhooks.verifyStandard(request.headers, raw, webhook.secret));
  assert.ok(await webhooks.verifyStandardAsync(request.headers, raw, webhook.secret));
  assert.ok(!webhooks.verify(raw, payload.signature, `${webhook.secret}x`));
  assert.equal((await client.webhooks.deliveries(webhook.id)).items[0].id, sent.id);
  await client.webhooks.delete(webhook.id);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
