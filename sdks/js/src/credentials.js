'use strict';
// What a client shows the server: an API key, an access token that is renewed in time, or both.

const { AuthenticationError } = require('./errors.js');

const EARLY_MS = 30_000; // renewed that long before it runs out, when the client knows when that is

class Credentials {
  constructor({ apiKey, accessToken, refreshToken, onTokens }) {
    Object.defineProperties(this, {
      apiKey: { value: apiKey }, // not enumerable: a client that is printed shows no secret
      tokens: { value: { accessToken, refreshToken, expiresAt: Infinity } },
      refused: { value: new Set() },
      renewal: { value: null, writable: true },
      onTokens: { value: onTokens },
    });
  }

  /**
   * The kinds to try, in that order: another one is tried where the first is refused. Calls about the account
   * itself take no API keys.
   */
  kinds(aboutAccount) {
    const { accessToken, refreshToken } = this.tokens;
    const held = { apiKey: Boolean(this.apiKey), accessToken: Boolean(accessToken || refreshToken) };
    if (aboutAccount && held.accessToken) return ['accessToken'];
    const kinds = ['apiKey', 'accessToken'].filter((kind) => held[kind]);
    const trusted = kinds.filter((kind) => !this.refused.has(kind));
    return trusted.length ? trusted : kinds;
  }

  headers(kind) {
    if (kind === 'apiKey') return { 'X-API-KEY': this.apiKey };
    return this.tokens.accessToken ? { Authorization: `Bearer ${this.tokens.accessToken}` } : {};
  }

  /** A key that was refused while the token was not: later calls begin with the token. */
  refuse(kind) {
    this.refused.add(kind);
  }

  keep({ accessToken, refreshToken, expiresIn }) {
    this.tokens.accessToken = accessToken;
    this.tokens.refreshToken = refreshToken ?? this.tokens.refreshToken;
    this.tokens.expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.refused.delete('accessToken');
  }

  forget() {
    Object.assign(this.tokens, { accessToken: undefined, refreshToken: undefined, expiresAt: Infinity });
  }

  get stale() {
    const { accessToken, refreshToken, expiresAt } = this.tokens;
    return Boolean(refreshToken) && (!accessToken || Date.now() > expiresAt - EARLY_MS);
  }

  /**
   * Whether there is another access token than `used` now. Calls that need one at the same time share one
   * renewal, since a refresh token may be used only once.
   */
  async renew(used, refresh) {
    if (this.tokens.accessToken !== used) return Boolean(this.tokens.accessToken);
    if (!this.tokens.refreshToken) return false;
    this.renewal ??= this.exchange(refresh).finally(() => {
      this.renewal = null;
    });
    await this.renewal;
    return true;
  }

  async exchange(refresh) {
    try {
      const tokens = await refresh(this.tokens.refreshToken);
      this.keep(tokens);
      await this.onTokens?.(tokens);
    } catch (error) {
      if (error instanceof AuthenticationError) this.tokens.refreshToken = undefined; // it ended: sign in again
      throw error;
    }
  }
}

module.exports = { Credentials };
