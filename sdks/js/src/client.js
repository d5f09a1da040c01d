'use strict';

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
