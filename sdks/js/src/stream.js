'use strict';
// Server-sent events, and the reply to a message as it is written.

const { ChatbotsError, ConnectionError } = require('./errors.js');

/** Yields `{ event, data }` for each event of a response. */
async function* serverSentEvents(response, clock) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let open = { event: '', data: [] };
  let rest = '';
  try {
    for (;;) {
      clock.again();
      const { done, value } = await reader.read();
      clock.rest();
      if (done) return; // what no blank line ended is incomplete
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (open.data.length) yield { event: open.event || 'message', data: open.data.join('\n') };
          open = { event: '', data: [] };
        } else {
          take(open, line);
        }
      }
    }
  } catch (error) {
    throw clock.explain(error);
  } finally {
    clock.stop();
    await reader.cancel().catch(() => undefined); // it may be broken already
  }
}

function take(open, line) {
  const colon = line.indexOf(':');
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (field === 'event') open.event = value;
  if (field === 'data') open.data.push(value);
}

/** Yields `{ type: 'token', text }` as they come, and at last `{ type: 'message', message, reply }`. */
async function* replyEvents(answer) {
  if (!/^text\/event-stream\b/.test(answer.headers.get('content-type') ?? '')) {
    yield* wholeReply(answer);
    return;
  }
  for await (const { event, data } of serverSentEvents(answer.response, answer.clock)) {
    if (event === 'token') yield { type: 'token', text: JSON.parse(data).text };
    if (event === 'error') throw errorOf(JSON.parse(data));
    if (event === 'message') {
      yield final(JSON.parse(data));
      return;
    }
  }
  throw new ConnectionError('The reply broke off. Send the message again with the same idempotencyKey.');
}

// A server that does not stream this reply answers as to any other message.
async function* wholeReply({ response, clock }) {
  try {
    yield final((await response.json()).data);
  } catch (error) {
    throw clock.explain(error);
  } finally {
    clock.stop();
  }
}

function final(exchange) {
  return { type: 'message', ...exchange };
}

function errorOf(value) {
  const said = value.error ?? value;
  return new ChatbotsError(said.message ?? 'The reply could not be made.', {
    status: Number.isInteger(said.code) ? said.code : 500,
    details: said.details ?? [],
  });
}

module.exports = { replyEvents };
