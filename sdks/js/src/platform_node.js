'use strict';
// What differs between Node.js and browsers; bundlers take platform_web.js instead.

const crypto = require('node:crypto');

const { version } = require('../package.json');

module.exports = {
  webcrypto: crypto.webcrypto, // Node.js 18 has no global one
  hmacSha256: (key, data) => new Uint8Array(crypto.createHmac('sha256', key).update(data).digest()),
  equal: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),
  environment: (name) => process.env[name],
  headers: { 'User-Agent': `chatbots-platform-sdk/${version} (node ${process.versions.node})` },
};
