// The module `http`: requests of the script itself, made by the runner under its policy.

import type { SecretText } from '@rivet/base';
import type { LuaFunction, LuaRecord } from '@rivet/lua';
import { contentValue } from '../fs/content-value.ts';
import {
  type HostFunction,
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { bodyOptions, httpRequest, plainOptions, requestOptions } from '../http/http-options.ts';
import { readBody } from '../http/read-body.ts';
import { sendRequest } from '../http/send-request.ts';
import { statusFailure } from '../http/status-failure.ts';
import { luaFunction, textOrSecret, wrongValue } from '../value-readers.ts';
import { answerFields } from './http-answer.ts';
import { download } from './http-download.ts';
import { moduleSource } from './sources.ts';

/** The last argument of every function: what stands for null in `json`. */
const nullParameter = required('null', luaFunction);

type PlainOptions = Parameters<typeof httpRequest>[3];

/** Makes a request and gives the answer to the script. */
async function answer(
  call: ModuleCall,
  method: string,
  url: string | SecretText,
  options: PlainOptions | undefined,
  nullValue: LuaFunction,
): Promise<[LuaRecord]> {
  const request = httpRequest(call.name, method, url, options ?? {}, nullValue);
  const startedAt = performance.now();
  const { http } = call.job;
  const large = { slots: http.largeAnswers, signal: call.branch.signal };
  const response = await sendRequest(request, http.senderOf(call), {
    headers: () => ({}),
    stallMs: 0,
    take: (final, progress) =>
      readBody(final.exchange, request.shown, request.bytesMax, progress, large).then((body) => ({
        ...final,
        body,
      })),
  });
  const { status } = response.exchange;
  if (request.check && status >= 400) throw statusFailure(request.shown, status, response.body);
  const record = answerFields(request, response, performance.now() - startedAt);
  record.body = contentValue(response.body);
  return [record];
}

function plainFunction(method: string): HostFunction {
  return hostFunction(
    [required('url', textOrSecret), optional('options', plainOptions), nullParameter],
    (call, url, options, nullValue) => answer(call, method, url, options, nullValue),
    // Asking once more changes nothing there.
    { effect: true, interrupted: 'resume' },
  );
}

function bodyFunction(method: string): HostFunction {
  return hostFunction(
    [required('url', textOrSecret), optional('options', bodyOptions), nullParameter],
    (call, url, options, nullValue) => answer(call, method, url, options, nullValue),
    { effect: true },
  );
}

const request = hostFunction(
  [required('options', requestOptions), nullParameter],
  (call, { method, url, ...options }, nullValue) => {
    if (url === undefined) {
      throw wrongValue(null, 'a URL such as "https://api.example.com/v1/items"', {
        function: call.name,
        path: 'url',
      });
    }
    return answer(call, method ?? 'GET', url, options, nullValue);
  },
  { effect: true },
);

export const httpModule: HostModule = {
  name: 'http',
  functions: {
    request,
    get: plainFunction('GET'),
    head: plainFunction('HEAD'),
    post: bodyFunction('POST'),
    put: bodyFunction('PUT'),
    patch: bodyFunction('PATCH'),
    delete: bodyFunction('DELETE'),
    download,
  },
  source: moduleSource('http'),
};
