// Writes browser.mjs, the SDK as one ES module without anything of Node.js: `npm run build`.
// `node build.mjs --check` only says whether it is up to date.

import { readFileSync, writeFileSync } from 'node:fs';

const ORDER = ['errors', 'platform_web', 'credentials', 'transport', 'stream', 'resources', 'webhooks', 'client'];
const NAMES = ['ConnectionError', 'TimeoutError', 'TrainingFailedError', 'ChatbotsError', 'BadRequestError',
  'AuthenticationError', 'ForbiddenError', 'NotFoundError', 'ConflictError', 'ValidationError', 'RateLimitError',
  'ServerError', 'webhooks'];
const target = new URL('browser.mjs', import.meta.url);

function wrapped(name) {
  const source = readFileSync(new URL(`src/${name}.js`, import.meta.url), 'utf8');
  const local = source.replace("'use strict';\n", '').replaceAll('platform_node.js', 'platform_web.js');
  return `parts['./${name}.js'] = (module, require) => {\n${local.trim()}\n};\n`;
}

const text = `// Made by build.mjs from src/; change it there.

const parts = {};
const made = {};

function load(name) {
  if (!(name in made)) {
    const module = { exports: {} };
    parts[name](module, load);
    made[name] = module.exports;
  }
  return made[name];
}

${ORDER.map(wrapped).join('\n')}
const ChatbotsSDK = load('./client.js');

export default ChatbotsSDK;
export const {
${NAMES.map((name) => `  ${name},\n`).join('')}} = ChatbotsSDK;
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('browser.mjs is not what src/ makes: run `npm run build`.');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
