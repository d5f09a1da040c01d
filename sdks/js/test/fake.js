'use strict';
// A server that answers as it is told and keeps what it was asked.

const http = require('node:http');

/** `answer(request)` gives `{ status, json, headers }`, or takes the response into its own hands. */
async function serve(t, answer) {
  const asked = [];
  const server = http.createServer(async (message, response) => {
    const chunks = [];
    for await (const chunk of message) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const url = new URL(message.url, 'http://server');
    const request = {
      method: message.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: message.headers,
      json: body && JSON.parse(body),
      response,
    };
    asked.push(request);
    const given = await answer(request, asked.length);
    if (!given) return;
    response.writeHead(given.status ?? 200, { 'Content-Type': 'application/json', ...given.headers });
    response.end(given.text ?? (given.json === undefined ? '' : JSON.stringify(given.json)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${server.address().port}/api` };
}

const ok = (data, more = {}) => ({ json: { status: 'success', data }, ...more });
const refused = (code, message, more = {}) => ({
  status: code,
  json: { status: 'error', error: { code, message, details: more.details ?? [] } },
  headers: more.headers,
});

module.exports = { serve, ok, refused };
