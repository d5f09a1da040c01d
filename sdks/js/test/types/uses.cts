// The document's way to load the SDK, in TypeScript.
import ChatbotsSDK = require('chatbots-platform-sdk');

const client = new ChatbotsSDK({ accessToken: 'a token' });
const sent: Promise<ChatbotsSDK.Exchange> = client.conversations.sendMessage('cnv_1', { text: 'Hello' });
void sent;
