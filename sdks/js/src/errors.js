'use strict';

/** What went wrong, in the server's words; `status` is the HTTP status, 0 where there was no answer. */
class ChatbotsError extends Error {
  constructor(message, { status = 0, details = [], retryAfterS = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.details = details;
    this.retryAfterS = retryAfterS;
  }
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

/** No answer came in time. */
class TimeoutError extends ConnectionError {}

/** A training job ended without a model; `job` is the job as it ended. */
class TrainingFailedError extends ChatbotsError {
  constructor(job) {
    super(`Training job ${job.id} ended as ${job.status}: ${wordsOf(job.error)}`);
    this.job = job;
  }
}

function wordsOf(error) {
  if (typeof error === 'string' && error) return error;
  if (error && typeof error.message === 'string') return error.message;
  return error ? JSON.stringify(error) : 'the server gave no reason.';
}

const BY_STATUS = {
  400: BadRequestError,
  401: AuthenticationError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
  429: RateLimitError,
};

// The error of an answer; `body` is its text, in the error envelope or not.
function fromAnswer(status, headers, body) {
  const said = envelope(body);
  const Kind = BY_STATUS[status] ?? (status >= 500 ? ServerError : ChatbotsError);
  const message = said.message ?? `The server answered ${status} without saying why; look at baseUrl.`;
  return new Kind(message, {
    status,
    details: said.details ?? [],
    retryAfterS: secondsOf(headers.get('retry-after')),
  });
}

function envelope(body) {
  try {
    return JSON.parse(body).error ?? {};
  } catch {
    return {}; // a proxy's page
  }
}

// Retry-After is a number of seconds or a date.
function secondsOf(value) {
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

module.exports = {
  ChatbotsError,
  BadRequestError,
  AuthenticationError,
  ForbiddenError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  ConnectionError,
  TimeoutError,
  TrainingFailedError,
  fromAnswer,
};
