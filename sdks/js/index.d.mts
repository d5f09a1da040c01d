import ChatbotsSDK from './index.js';

export default ChatbotsSDK;
export import ChatbotsError = ChatbotsSDK.ChatbotsError;
export import BadRequestError = ChatbotsSDK.BadRequestError;
export import AuthenticationError = ChatbotsSDK.AuthenticationError;
export import ForbiddenError = ChatbotsSDK.ForbiddenError;
export import NotFoundError = ChatbotsSDK.NotFoundError;
export import ConflictError = ChatbotsSDK.ConflictError;
export import ValidationError = ChatbotsSDK.ValidationError;
export import RateLimitError = ChatbotsSDK.RateLimitError;
export import ServerError = ChatbotsSDK.ServerError;
export import ConnectionError = ChatbotsSDK.ConnectionError;
export import TimeoutError = ChatbotsSDK.TimeoutError;
export import TrainingFailedError = ChatbotsSDK.TrainingFailedError;
export declare const webhooks: ChatbotsSDK.WebhookVerification;
