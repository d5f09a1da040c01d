import ChatbotsSDK from './index.js';

export default ChatbotsSDK;
export const {
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
  webhooks,
} = ChatbotsSDK;
