// Errors of the area "server": requests, the database, pipelines and jobs that the server keeps.
import { defineErrors } from './define.ts';

export const serverErrors = defineErrors({
  RIVET_SERVER_UNREACHABLE: {
    message: 'the Rivet server at {url} cannot be reached: {reason}',
    solve:
      'Start it with `rivet orchestrator start` (or `rivet dev`), or point RIVET_URL at the one that runs.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_SERVER_CERTIFICATE: {
    message: 'the certificate of the Rivet server at {url} is not trusted: {reason}',
    solve:
      'If an authority of your own has signed it, name its PEM file in RIVET_CA_FILE (`rivet runner start --ca-file`). Otherwise ask under a name that the certificate has, or renew it. Authorities that only the system knows do not count.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_SERVER_URL_INVALID: {
    message: '{found} is not the address of a Rivet server; expected http://host:port',
    solve: 'Write the address with its scheme, for example http://127.0.0.1:7450.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CA_INVALID: {
    message: 'the certificate authority in {source} cannot be used: {reason}',
    solve:
      'Name a file with the PEM certificate of the authority that signed the certificate of the server (RIVET_CA_FILE).',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_SERVER_ANSWER_INVALID: {
    message: '{url} answered {found}; expected JSON from a Rivet server',
    solve:
      'Check that the address is that of a Rivet server and not of another program or a proxy in front of it.',
    status: 502,
    exit: 3,
    fault: 'operator',
  },
  RIVET_SERVER_REFUSED: {
    message: '{detail}',
    solve: 'The server is of another version than this program; use the same version of both.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_SERVER_BUSY: {
    message: 'the server holds as many large requests as it can at the moment',
    solve: 'Send the request again in a moment, and fewer large ones at the same time.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_SERVER_STOPPING: {
    message: 'this orchestrator is stopping and takes no more requests',
    solve: 'Send the request again; another orchestrator, or this one after its restart, takes it.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_DATABASE_UNREACHABLE: {
    message: 'the database at {database} cannot be reached: {reason}',
    solve:
      'Start PostgreSQL, and check DATABASE_URL or RIVET_DATABASE_URL (host, port, user, password, database name). A pooler such as pgbouncer needs RIVET_DATABASE_DIRECT_URL beside it.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_DATABASE_URL_MISSING: {
    message: '{setting} is {found}; expected postgres://user:password@host:port/database',
    solve:
      'Set RIVET_DATABASE_URL (or DATABASE_URL) to a PostgreSQL 14 or newer, or use `rivet dev`, which brings its own.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_DATABASE_TOO_OLD: {
    message: 'the database is PostgreSQL {found}; expected {expected} or newer',
    solve: 'Upgrade PostgreSQL, or point DATABASE_URL at a newer server.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_DATABASE_SCHEMA_NEWER: {
    message: 'the database has the migration {found}, which this version of Rivet does not know',
    solve:
      'A newer version of Rivet has changed this database. Run that version, or restore a backup from before.',
    status: 503,
    exit: 2,
    fault: 'operator',
  },
  RIVET_DATABASE_SCHEMA_OLDER: {
    message: 'the database lacks the migration {missing}',
    solve: 'Run `rivet migrate`.',
    status: 503,
    exit: 2,
    fault: 'operator',
  },
  RIVET_DATABASE_MIGRATION_FAILED: {
    message: 'the migration {name} failed: {reason}',
    solve:
      'Nothing of it was kept. Mend what the reason names (often a missing right of the database user), then run `rivet migrate` again.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_PROTOCOL_MISMATCH: {
    message:
      'the {older} is too old: the runner speaks version {runner} of the protocol, the orchestrator {server}',
    solve:
      'Update the older of the two. Orchestrators are updated first, one after the other, and then the runners.',
    status: 409,
    exit: 3,
    fault: 'operator',
  },
  RIVET_DATABASE_MIGRATION_BLOCKED: {
    message: 'the migration {name} was not given its locks for {waited}: {blockers} held them',
    solve:
      'Nothing of it was kept, and others were let through meanwhile. Let what holds the locks end (a backup, a forgotten psql; `SELECT pg_terminate_backend(pid)` ends a session), then run `rivet migrate` again.',
    status: 503,
    exit: 3,
    fault: 'operator',
  },
  RIVET_DATABASE_FULL: {
    message: 'the database can store no more: {reason}',
    solve: 'Give the PostgreSQL server more disk space; running jobs wait and carry on.',
    status: 507,
    exit: 3,
    fault: 'operator',
  },
  RIVET_EMBEDDED_DATABASE_FAILED: {
    message: 'the embedded database in {directory} did not start: {reason}',
    solve: 'Read the log beside the data directory, or use a PostgreSQL of your own.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_EMBEDDED_DATABASE_BUSY: {
    message: 'the data directory {directory} is in use by process {pid}',
    solve: 'Stop that process first, or choose another data directory.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_EMBEDDED_DATABASE_MISSING: {
    message: 'there are no PostgreSQL programs for {platform}: {reason}',
    solve:
      'Run `npm install` again without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_EMBEDDED_DATABASE_VERSION: {
    message: 'the data directory {directory} is of PostgreSQL {found}; expected {expected}',
    solve:
      'Move the directory away to begin with an empty database, or move its data with pg_dump of the older version.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_LISTEN_INVALID: {
    message: 'RIVET_LISTEN is {found}; expected host:port such as 127.0.0.1:7450',
    solve: 'Write the host and the port, separated by a colon; port 0 takes a free one.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_LISTEN_PLAINTEXT: {
    message:
      'RIVET_LISTEN is {found}, which other machines can reach, and nothing encrypts what they send',
    solve:
      'Set RIVET_TLS_CERT and RIVET_TLS_KEY, or name the proxy that does TLS in RIVET_TRUSTED_PROXIES. On a network where nobody can listen in, RIVET_ALLOW_PLAINTEXT=yes does without.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_TLS_INVALID: {
    message: 'TLS is not possible with {files}: {reason}',
    solve:
      'Name the PEM files of a certificate (with its chain) in RIVET_TLS_CERT and of its key in RIVET_TLS_KEY; the user of the orchestrator must be able to read both.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_LISTEN_IN_USE: {
    message: 'cannot listen on {address}: {reason}',
    solve: 'Stop the program that uses the port, or choose another with RIVET_LISTEN.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_REQUEST_INVALID: {
    message: 'the request is not valid: {summary}',
    solve: 'Correct the named fields; the API is described at /api/openapi.json.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_HTTP: {
    message: 'this is not an HTTP request that the server takes: {problem}',
    solve: 'Send HTTP/1.1; behind a proxy, check what it sends.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_HOST: {
    message: 'the request is for the host {found}, which is not a name of this server',
    solve:
      'Set RIVET_PUBLIC_URL of the orchestrator to the address that people use, or add the name to RIVET_ALLOWED_HOSTS. A proxy in front must pass the header Host on.',
    status: 421,
    exit: 2,
    fault: 'operator',
  },
  RIVET_REQUEST_HEADERS_TOO_LARGE: {
    message: 'the headers are larger than {limit}',
    solve: 'Send fewer or shorter headers, and what is long in the body.',
    status: 431,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_SLOW: {
    message: 'the request did not come in time',
    solve: 'Send the headers within 10 seconds and the whole request within a minute.',
    status: 408,
    exit: 3,
    fault: 'user',
  },
  RIVET_REQUEST_JSON: {
    message: 'the body is not JSON: {problem}',
    solve: 'Send one JSON value in UTF-8 with the header content-type: application/json.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_TOO_LARGE: {
    message: 'the body is larger than {limit}',
    solve: 'Send less at a time.',
    status: 413,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_MEDIA_TYPE: {
    message: 'the content type is {found}; expected application/json',
    solve: 'Send the header content-type: application/json.',
    status: 415,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_METHOD: {
    message: '{method} is not possible on {path}; expected {allowed}',
    solve: 'Use one of the methods that the path has; see /api/openapi.json.',
    status: 405,
    exit: 2,
    fault: 'user',
  },
  RIVET_REQUEST_PATH: {
    message: 'there is nothing at {path}',
    solve: 'Check the path; see /api/openapi.json for all of them.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_CURSOR_INVALID: {
    message: 'the cursor {found} is not one that this list gave out',
    solve: 'Pass `next_cursor` of the page before unchanged, or leave it away for the first page.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_ID_AMBIGUOUS: {
    message: '{prefix} is the beginning of {count} ids: {examples}',
    solve: 'Write more characters of the id.',
    status: 409,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_NOT_FOUND: {
    message: 'there is no pipeline {ref}{suggestion}',
    solve: 'List the pipelines with `rivet pipeline list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_PIPELINE_VERSION_NOT_FOUND: {
    message: 'the pipeline {pipeline} has no version {version}; its versions are 1 to {latest}',
    solve: 'Choose one of its versions.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_PIPELINE_IN_USE: {
    message: 'the pipeline {pipeline} cannot be deleted: {count} of its jobs are not finished',
    solve: 'Wait for them or cancel them first.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_JOB_NOT_FOUND: {
    message: 'there is no job {id}',
    solve: 'List the jobs with `rivet job list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_JOB_FINISHED: {
    message: 'the job {id} has ended already: {state}',
    solve: 'Finished is final. To run it again, use retry.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_JOB_NOT_FINISHED: {
    message: 'the job {id} is {state}; only a finished job can be launched again',
    solve: 'Wait for its end, or cancel it first.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_JOB_ATTEMPT_NOT_FOUND: {
    message: 'the job {id} has no attempt {attempt}; it has {latest}',
    solve: 'Ask for one of its attempts, or leave the attempt away for the current one.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_LAUNCH_INPUTS_INVALID: {
    message: 'the inputs do not fit the pipeline {pipeline}: {summary}',
    solve: 'Correct the named inputs; `rivet pipeline show` lists what each of them takes.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_IDEMPOTENCY_KEY_REUSED: {
    message: 'the idempotency key {key} was used for another request',
    solve: 'Use a new key for a new request, and the same key only to repeat the same request.',
    status: 422,
    exit: 2,
    fault: 'user',
  },
  RIVET_LEASE_LOST: {
    message: 'attempt {attempt} of job {id} no longer belongs to this runner: {why}',
    solve: 'The runner stops that attempt; nothing of the report was stored.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_REPORT_GAP: {
    message: 'the {what} of the report begins with {found}; expected {expected}',
    solve: 'The runner sends again from the expected number; nothing of the report was stored.',
    status: 409,
    exit: 1,
    fault: 'rivet',
  },
  RIVET_RUNNER_CONNECT_OLD: {
    message: 'connect {found} of the runner {name} came after connect {latest}',
    solve:
      'Nothing was changed. The runner goes on counting from there by itself; a request that was delayed on its way has no effect.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_UNKNOWN: {
    message: 'the runner {name} has another session by now',
    solve:
      'The runner connects again by itself. When it happens over and over, two processes use the token of one runner.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
});
