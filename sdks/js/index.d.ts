/** A client of the Chatbots Platform API. */
declare class ChatbotsSDK {
  constructor(options?: ChatbotsSDK.Options);

  readonly baseUrl: string;
  /** What the last answer said of the rate limit; null before the first. */
  readonly rateLimit: ChatbotsSDK.RateLimit | null;

  readonly auth: ChatbotsSDK.Auth;
  readonly apiKeys: ChatbotsSDK.ApiKeys;
  readonly chatbots: ChatbotsSDK.Chatbots;
  readonly conversations: ChatbotsSDK.Conversations;
  readonly templates: ChatbotsSDK.Collection<ChatbotsSDK.Template, ChatbotsSDK.NewTemplate>;
  readonly training: {
    readonly datasets: ChatbotsSDK.Collection<ChatbotsSDK.Dataset, ChatbotsSDK.NewDataset>;
    readonly jobs: ChatbotsSDK.Jobs;
  };
  readonly voice: ChatbotsSDK.Voice;
  readonly health: ChatbotsSDK.Health;
  readonly webhooks: ChatbotsSDK.Webhooks;

  static readonly webhooks: ChatbotsSDK.WebhookVerification;
}

declare namespace ChatbotsSDK {
  interface Options {
    apiKey?: string;
    accessToken?: string;
    /** With it the access token is renewed when it runs out. */
    refreshToken?: string;
    /** Called with new tokens, to store them: a refresh token can be used only once. */
    onTokens?: (tokens: Tokens) => void | Promise<void>;
    /** Default: the variable CHATBOTS_BASE_URL, else http://localhost:3000/api. */
    baseUrl?: string;
    /** For each try, and between two tokens of a stream; 0 is no limit. Default 30000. */
    timeoutMs?: number;
    /** Further tries after the first. Default 3. */
    retries?: number;
    /** Before the second try; doubled for each further one, with jitter. Default 250. */
    retryDelayMs?: number;
    /** When Retry-After asks for more, the error is thrown at once. Default 65000. */
    maxRetryAfterMs?: number;
    fetch?: typeof globalThis.fetch;
  }

  interface CallOptions {
    signal?: AbortSignal;
    timeoutMs?: number;
  }
  interface SendOptions extends CallOptions {
    /** The same key again is the same request: it is done once. Made by the SDK where none is given. */
    idempotencyKey?: string;
  }

  interface RateLimit {
    limit: number;
    remaining: number;
    resetAt: Date;
  }
  interface Page<T> {
    items: T[];
    pagination: {
      total: number;
      page: number;
      pageSize: number;
      pages: number;
      next: string | null;
      prev: string | null;
    };
  }
  interface PageQuery {
    page?: number;
    pageSize?: number;
    [filter: string]: string | number | boolean | readonly string[] | Date | undefined;
  }
  /** `fields` names the fields that are wanted. */
  interface FieldsQuery extends PageQuery {
    fields?: readonly string[];
  }

  interface Tokens {
    accessToken: string;
    refreshToken: string;
    expiresIn: number;
  }
  interface User {
    id: string;
    username: string;
    email: string;
  }
  interface ApiKey {
    id: string;
    name: string;
    scopes?: string[];
    createdAt?: string;
    expiresAt?: string | null;
    lastUsedAt?: string | null;
    [more: string]: unknown;
  }

  type ChatbotType = 'rule' | 'ai' | 'hybrid';
  interface Chatbot {
    id: string;
    name: string;
    description: string | null;
    type: ChatbotType;
    status: string;
    createdAt: string;
    updatedAt: string;
    [more: string]: unknown;
  }
  interface NewChatbot {
    name: string;
    description?: string;
    type?: ChatbotType;
    /** The content of this template is copied. */
    templateId?: string;
    content?: Record<string, unknown>;
  }
  interface Deployed {
    id: string;
    status: string;
    version?: string;
    environment?: string;
    /** What the server had to say of it. */
    warnings?: unknown[];
    [more: string]: unknown;
  }
  interface Version {
    id: string;
    number: number;
    [more: string]: unknown;
  }
  interface Content {
    content: Record<string, unknown>;
    /** Goes with the next change of it. */
    revision: number;
  }
  interface Analytics {
    chatbotId: string;
    totalConversations: number;
    totalMessages: number;
    intents: Record<string, number>;
    [more: string]: unknown;
  }

  interface Conversation {
    id: string;
    chatbotId: string;
    status: string;
    /** Where one conversation is read: its place among those that wait for a person, from 1; null unless it waits. */
    queue?: number | null;
    createdAt: string;
    updatedAt: string;
    [more: string]: unknown;
  }
  interface Message {
    id: string;
    conversationId: string;
    sender: 'user' | 'bot';
    text: string;
    intent: { name: string; confidence: number } | null;
    createdAt: string;
    [more: string]: unknown;
  }
  interface Exchange {
    message: Message;
    /** null while a person answers. */
    reply: Message | null;
    /** All of them, where the chatbot said several things. */
    replies?: Message[];
  }
  type StreamEvent = { type: 'token'; text: string } | ({ type: 'message' } & Exchange);

  interface Template {
    id: string;
    name: string;
    description: string | null;
    type: ChatbotType;
    content: Record<string, unknown>;
    createdAt: string;
    updatedAt: string;
    [more: string]: unknown;
  }
  interface NewTemplate {
    name: string;
    description?: string;
    type?: ChatbotType;
    content?: Record<string, unknown>;
  }

  interface Example {
    text: string;
    intent: string;
    [more: string]: unknown;
  }
  interface Dataset {
    id: string;
    name: string;
    description: string | null;
    exampleCount: number;
    /** Where one dataset is read. */
    examples?: Example[];
    createdAt: string;
    updatedAt: string;
    [more: string]: unknown;
  }
  interface NewDataset {
    name: string;
    description?: string;
    examples: Example[];
    responses?: Record<string, string>;
    [more: string]: unknown;
  }
  interface Job {
    id: string;
    chatbotId: string;
    datasetId: string | null;
    status: 'queued' | 'running' | 'completed' | 'failed' | (string & {});
    createdAt: string;
    completedAt: string | null;
    /** 0 to 1. */
    progress?: number;
    error: unknown;
    [more: string]: unknown;
  }

  interface VoiceInfo {
    id: string;
    name: string;
    language: string;
    [more: string]: unknown;
  }
  interface Speech {
    text: string;
    voice?: string;
    format?: string;
    [more: string]: unknown;
  }
  interface Transcript {
    text: string;
    [more: string]: unknown;
  }

  interface Webhook {
    id: string;
    url: string;
    events: string[];
    createdAt: string;
    /** Where the server made it, and only in that answer. */
    secret?: string;
    [more: string]: unknown;
  }
  interface NewWebhook {
    url: string;
    events: string[];
    /** The server makes one where none is given. */
    secret?: string;
    [more: string]: unknown;
  }
  interface Delivery {
    id: string;
    [more: string]: unknown;
  }

  interface Listing<T> {
    list(query?: FieldsQuery, options?: CallOptions): Promise<Page<T>>;
    get(id: string, options?: CallOptions): Promise<T>;
    iterate(query?: FieldsQuery, options?: CallOptions): AsyncGenerator<T, void, undefined>;
    pages(query?: FieldsQuery, options?: CallOptions): AsyncGenerator<Page<T>, void, undefined>;
  }
  interface Collection<T, New> extends Listing<T> {
    create(fields: New, options?: SendOptions): Promise<T>;
    /** What is absent stays as it is. */
    update(id: string, fields: Partial<New>, options?: CallOptions): Promise<T>;
    delete(id: string, options?: CallOptions): Promise<void>;
  }

  interface Auth {
    register(
      details: { username: string; email: string; password: string },
      options?: CallOptions,
    ): Promise<{ user: User }>;
    /** Signs in; the client goes on with the tokens of the answer. */
    login(
      details: { username: string; password: string; mfaCode?: string },
      options?: CallOptions,
    ): Promise<Tokens>;
    /** Renews the tokens now; the client does it by itself when they run out. */
    refresh(): Promise<{ accessToken: string; refreshToken: string }>;
    /** Ends the session; the client forgets its tokens. */
    logout(options?: CallOptions): Promise<void>;
    readonly mfa: {
      setup(options?: CallOptions): Promise<{ secret: string; otpauthUrl: string; qrCode?: string }>;
      verify(code: string, options?: CallOptions): Promise<{ enabled: boolean; recoveryCodes?: string[] }>;
    };
  }
  interface ApiKeys {
    /** `key` of the answer is shown this once. */
    create(
      fields: { name: string; scopes?: string[]; expiresAt?: Date | string },
      options?: SendOptions,
    ): Promise<ApiKey & { key: string }>;
    list(query?: PageQuery, options?: CallOptions): Promise<Page<ApiKey>>;
    delete(id: string, options?: CallOptions): Promise<void>;
  }
  interface Chatbots extends Collection<Chatbot, NewChatbot> {
    /** Starts a training job; `training.jobs.wait` waits for its end. */
    train(id: string, fields: { datasetId: string; [more: string]: unknown }, options?: SendOptions): Promise<Job>;
    deploy(
      id: string,
      fields?: { channel?: string; version?: string; environment?: string; note?: string },
      options?: SendOptions,
    ): Promise<Deployed>;
    /** Lets answer again what answered before. */
    rollback(id: string, fields?: { environment?: string }, options?: SendOptions): Promise<Deployed>;
    versions(id: string, query?: PageQuery, options?: CallOptions): Promise<Page<Version>>;
    /** The draft of what it says. */
    content(id: string, options?: CallOptions): Promise<Content>;
    /** With `revision` only while nobody else changed it since. */
    replaceContent(
      id: string,
      fields: { content: Record<string, unknown>; revision?: number },
      options?: CallOptions,
    ): Promise<Content>;
    analytics(
      id: string,
      query?: { from?: Date | string; to?: Date | string },
      options?: CallOptions,
    ): Promise<Analytics>;
  }
  interface Conversations extends Listing<Conversation> {
    create(fields: { chatbotId: string; [more: string]: unknown }, options?: SendOptions): Promise<Conversation>;
    /** One page of messages, oldest first. */
    messages(id: string, query?: PageQuery, options?: CallOptions): Promise<Page<Message>>;
    iterateMessages(
      id: string,
      query?: PageQuery,
      options?: CallOptions,
    ): AsyncGenerator<Message, void, undefined>;
    sendMessage(
      id: string,
      content: { text: string; [more: string]: unknown },
      options?: SendOptions,
    ): Promise<Exchange>;
    /** The same, with the reply's tokens as they come; the last event holds both messages. */
    stream(
      id: string,
      content: { text: string; [more: string]: unknown },
      options?: SendOptions,
    ): AsyncGenerator<StreamEvent, void, undefined>;
    close(id: string, options?: SendOptions): Promise<Conversation>;
    /** How good it was, 1 to 5. */
    rate(id: string, rating: number, options?: SendOptions): Promise<Conversation>;
    /** Everything that happened in it, and why. */
    trace(id: string, options?: CallOptions): Promise<Record<string, unknown>>;
  }
  interface Jobs extends Listing<Job> {
    create(fields: { chatbotId: string; datasetId: string }, options?: SendOptions): Promise<Job>;
    cancel(id: string, options?: SendOptions): Promise<Job>;
    /** What a finished training found out. */
    report(id: string, options?: CallOptions): Promise<Record<string, unknown>>;
    /** The job when it is completed. Throws TrainingFailedError when it ends otherwise. */
    wait(
      id: string,
      options?: CallOptions & { intervalMs?: number; onProgress?: (job: Job) => void | Promise<void> },
    ): Promise<Job>;
  }
  interface Voice {
    /** The audio in base64. */
    tts(fields: Speech, options?: CallOptions): Promise<{ audio: string; contentType: string }>;
    ttsAudio(fields: Speech, options?: CallOptions): Promise<{ audio: Uint8Array; contentType: string | null }>;
    stt(
      fields: { audio: Uint8Array | ArrayBuffer | string; contentType?: string; [more: string]: unknown },
      options?: CallOptions,
    ): Promise<Transcript>;
    voices(query?: PageQuery & { language?: string }, options?: CallOptions): Promise<Page<VoiceInfo>>;
  }
  interface Health {
    liveness(options?: CallOptions): Promise<Record<string, unknown>>;
    /** Throws ServerError while the server is not ready. */
    readiness(options?: CallOptions): Promise<Record<string, unknown>>;
    metrics(options?: CallOptions): Promise<Record<string, unknown>>;
  }
  interface Webhooks extends Collection<Webhook, NewWebhook> {
    /** Sends a ping to the webhook. */
    test(id: string, options?: SendOptions): Promise<Delivery>;
    /** A secret that the server makes is in the answer, this once; the old one signs along for a day. */
    rotateSecret(id: string, fields?: { secret?: string }, options?: SendOptions): Promise<Webhook>;
    deliveries(id: string, query?: PageQuery, options?: CallOptions): Promise<Page<Delivery>>;
    /** One delivery with its body and attempts. */
    delivery(id: string, deliveryId: string, options?: CallOptions): Promise<Delivery>;
    iterateDeliveries(
      id: string,
      query?: PageQuery,
      options?: CallOptions,
    ): AsyncGenerator<Delivery, void, undefined>;
    /** One delivery again, or everything since a moment. */
    replay(
      id: string,
      what: string | { since: Date | string; delivered?: boolean },
      options?: SendOptions,
    ): Promise<Record<string, unknown>>;
  }

  type Body = string | Uint8Array | ArrayBuffer;
  type HeaderBag = { get(name: string): string | null } | Record<string, string | string[] | undefined>;
  interface StandardOptions {
    /** How old a delivery may be. Default 300. */
    toleranceS?: number;
    /** The time in milliseconds; Date.now by default. */
    now?: () => number;
  }
  interface WebhookVerification {
    /** Checks the field `signature` of the body or the header X-Webhook-Signature; false when it does not fit. */
    verify(payload: Body | object, signature: string | null | undefined, secret: string): boolean;
    /** The same through WebCrypto. */
    verifyAsync(payload: Body | object, signature: string | null | undefined, secret: string): Promise<boolean>;
    /** Checks the headers of Standard Webhooks, and that they are recent. */
    verifyStandard(headers: HeaderBag, rawBody: Body, secret: string, options?: StandardOptions): boolean;
    /** The same through WebCrypto. */
    verifyStandardAsync(
      headers: HeaderBag,
      rawBody: Body,
      secret: string,
      options?: StandardOptions,
    ): Promise<boolean>;
  }

  /** What went wrong, in the server's words. */
  class ChatbotsError extends Error {
    /** The HTTP status; 0 where there was no answer. */
    readonly status: number;
    readonly details: unknown[];
    readonly retryAfterS: number | null;
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
  class TimeoutError extends ConnectionError {}
  class TrainingFailedError extends ChatbotsError {
    readonly job: Job;
  }
}

export = ChatbotsSDK;
