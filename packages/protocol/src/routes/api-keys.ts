// Routes of API keys.
import * as apiKeys from '../api/api-keys.ts';
import { route } from './route.ts';

export const apiKeyRoutes = {
  createApiKey: route({
    method: 'POST',
    path: '/api-keys',
    permission: 'signed-in',
    summary: 'Make an API key, which is shown this once',
    body: apiKeys.CreateApiKeyRequest,
    response: apiKeys.NewApiKey,
  }),
  listApiKeys: route({
    method: 'GET',
    path: '/api-keys',
    permission: 'signed-in',
    summary: "List one's own API keys, newest first; administrators can see others'",
    query: apiKeys.ApiKeyListQuery,
    response: apiKeys.ApiKeyList,
  }),
  revokeApiKey: route({
    method: 'DELETE',
    path: '/api-keys/:id',
    permission: 'signed-in',
    summary: 'Revoke an API key at once, and those that were made with it',
    params: apiKeys.ApiKeyRef,
  }),
} as const;
