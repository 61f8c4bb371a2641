// Errors of the area "http": requests of a script that could not be made, or were answered badly.
import { defineErrors } from './define.ts';

const author = { status: 422, exit: 1, fault: 'user' } as const;

export const httpErrors = defineErrors({
  RIVET_HTTP_URL: {
    message: '{function}: the URL {url} {reason}',
    solve: 'Give a URL such as "https://api.example.com/v1/items".',
    ...author,
  },
  RIVET_HTTP_DENIED: {
    message: '{request}: the policy of the {level} does not allow {what}: {rule}',
    solve: 'Ask another host, or widen `http` in the policy that is named.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_HTTP_ADDRESS: {
    message: '{request}: {host} is {address}, {kind}, which is not on the public internet',
    solve:
      'Where this is wanted, whoever runs Rivet lists the address or its network in `http.allow` of the file that RIVET_POLICY_FILE names, beside "*" for the rest.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_HTTP_DNS: {
    message: '{request}: the name of {host} could not be looked up: {reason}',
    solve: 'Check the spelling of the host, and that the machine of the runner can look it up.',
    ...author,
  },
  RIVET_HTTP_CONNECT: {
    message: '{request}: no connection to {host}: {reason}',
    solve:
      'Check that the service runs and that the runner may reach it; proxies of the environment are not used.',
    ...author,
  },
  RIVET_HTTP_TLS: {
    message: '{request}: no trusted connection to {host}: {reason}',
    solve:
      'Check the certificate of the server. A private authority is trusted when NODE_EXTRA_CA_CERTS of the runner names its file.',
    ...author,
  },
  RIVET_HTTP_BROKEN: {
    message: '{request}: the connection broke while {phase}: {reason}',
    solve: 'Try again; `retries` does so by itself.',
    ...author,
  },
  RIVET_HTTP_TIMEOUT: {
    message: '{request} did not end within its {option} of {limit}: it was {phase}',
    solve: 'Raise the option, or find out why the server is slow.',
    ...author,
  },
  RIVET_HTTP_TOO_LARGE: {
    message: '{request}: the answer is larger than max_bytes = {limit}{found}',
    solve: 'Raise `max_bytes`, or use http.download, which writes to a file.',
    ...author,
  },
  RIVET_HTTP_INVALID: {
    message: '{request}: the answer is not proper HTTP: {reason}',
    solve: 'Ask whoever looks after the server; `curl -v` shows what it sends.',
    ...author,
  },
  RIVET_HTTP_REDIRECT: {
    message: '{request}: {reason}',
    solve: 'Ask the final URL directly, or look at the redirect itself with `redirects = 0`.',
    ...author,
  },
  RIVET_HTTP_STATUS: {
    message: '{request} was answered with {answer}{body}',
    solve: 'Correct the request, or pass `check = false` and look at `status`.',
    ...author,
  },
  RIVET_HTTP_DIGEST: {
    message: '{request}: the sha256 of the file is {found}; expected {expected}',
    solve:
      'The file is not the one that was meant. Nothing was written; check the URL and the sum.',
    ...author,
  },
});
