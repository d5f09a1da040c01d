// Compiled, never run: what TypeScript says of the SDK. Lines below `@ts-expect-error` must not compile.
import ChatbotsSDK, { NotFoundError, webhooks } from 'chatbots-platform-sdk';

const client = new ChatbotsSDK({ apiKey: 'a key', baseUrl: 'http://localhost:8000/chatbots/api', retries: 2 });

const bot: ChatbotsSDK.Chatbot = await client.chatbots.create({ name: 'Support', type: 'hybrid' });
await client.chatbots.update(bot.id, { description: 'Answers customers' });
for await (const one of client.chatbots.iterate({ pageSize: 50, fields: ['id', 'name'] })) one.name.trim();

const job = await client.chatbots.train(bot.id, { datasetId: 'dts_1' });
await client.training.jobs.wait(job.id, { onProgress: ({ status }) => console.log(status) });

for await (const event of client.conversations.stream('cnv_1', { text: 'Hello' })) {
  if (event.type === 'token') event.text.trim();
  else event.reply?.text.trim();
}
try {
  await client.chatbots.get('bot_1');
} catch (error) {
  if (error instanceof NotFoundError) error.details.map(String);
}
const genuine: boolean = ChatbotsSDK.webhooks.verify('{}', 'sha256=', 'a secret');
const recent: boolean = await webhooks.verifyStandardAsync(new Headers(), '{}', 'a secret', { toleranceS: 60 });
console.log(genuine, recent);

// @ts-expect-error a chatbot has a name
await client.chatbots.create({ description: 'nameless' });
// @ts-expect-error there is no such type of chatbot
await client.chatbots.create({ name: 'Support', type: 'magic' });
// @ts-expect-error a message is an object
await client.conversations.sendMessage('cnv_1', 'Hello');
// @ts-expect-error Standard Webhooks sign the raw body, not a parsed one
webhooks.verifyStandard({}, { event: 'message.received' }, 'a secret');
