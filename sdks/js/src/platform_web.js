'use strict';
// What differs between browsers and Node.js.

function hmacSha256() {
  throw new Error('Browsers compute signatures asynchronously: use verifyAsync or verifyStandardAsync.');
}

// Takes as long for a wrong first byte as for a wrong last one.
function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i] ^ b[i];
  return difference === 0;
}

module.exports = {
  get webcrypto() {
    return globalThis.crypto;
  },
  hmacSha256,
  equal,
  environment: () => undefined,
  headers: {}, // browsers name themselves
};
