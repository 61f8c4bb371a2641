// Reads what a pipeline asks of the installation: runner tags, secrets, further attempts.
import {
  AUDIENCE_LENGTH_MAX,
  AUDIENCE_PATTERN,
  type RetryCause,
  type RetryRule,
  type RunnerTag,
  retryCauses,
} from '@rivet/protocol';
import { fieldPath } from './issue-list.ts';
import { readSecretName } from './names.ts';
import {
  choiceReader,
  fieldOf,
  listReader,
  numberReader,
  optional,
  type Reader,
  readRecord,
  required,
  textReader,
  wrong,
} from './read-fields.ts';
import { showText } from './show-value.ts';

const readTag: Reader<RunnerTag> = (value, path, issues) => {
  const expected = 'a table such as { key = "os", value = "linux" }';
  const record = readRecord(value, path, issues, expected, ['key', 'value']);
  if (record === undefined) return undefined;
  const readKey = textReader({
    expected: 'letters, digits and . _ / -, beginning with a letter or digit',
    lengthMax: 100,
    pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  });
  const readValue = textReader({ expected: 'text; "*" means any value', lengthMax: 200 });
  const key = required(record, 'key', path, issues, 'the key of a tag, such as "os"', readKey);
  const tag = required(record, 'value', path, issues, 'text; "*" means any value', readValue);
  return key === undefined || tag === undefined ? undefined : { key, value: tag };
};

/** What a runner must have. */
export const readRunnerTags: Reader<RunnerTag[]> = listReader({
  expected: 'a list of tags such as { { key = "os", value = "linux" } }',
  countMax: 100,
  item: readTag,
  twice: (tag) => `the tag ${tag.key} = ${showText(tag.value)} is there twice`,
});

/** The secrets that the pipeline may read. */
export const readSecrets: Reader<string[]> = listReader({
  expected: 'a list of names such as { "NPM_TOKEN" }',
  countMax: 1000,
  item: readSecretName,
  twice: (name) => `the secret ${name} is there twice`,
});

/** Whom the pipeline may prove its identity to: the audiences of `job.id_token`. */
export const readIdTokens: Reader<string[]> = listReader({
  expected: 'a list of audiences such as { "sts.amazonaws.com" }',
  countMax: 20,
  item: textReader({
    expected: 'ASCII letters, digits and signs without blanks, as the receiver of the token wants',
    lengthMax: AUDIENCE_LENGTH_MAX,
    pattern: AUDIENCE_PATTERN,
  }),
  twice: (audience) => `the audience ${showText(audience)} is there twice`,
});

const retryOnExpected = `${retryCauses.join(', ')}, or an exit code from 1 to 255`;

const readRetryCause: Reader<RetryCause | number> = (value, path, issues) =>
  typeof value === 'number'
    ? numberReader(1, 255, true)(value, path, issues)
    : choiceReader(retryCauses)(value, path, issues);

/** When another attempt is made. */
export const readRetry: Reader<RetryRule> = (value, path, issues) => {
  const expected = 'a table such as { max = 2, on = { "runner_lost" } }';
  const record = readRecord(value, path, issues, expected, ['max', 'on']);
  if (record === undefined) return undefined;
  const maxExpected = 'a whole number from 0 to 10';
  const max = required(record, 'max', path, issues, maxExpected, numberReader(0, 10, true));
  const causes = listReader<RetryCause | number>({
    expected: `a list of causes: ${retryOnExpected}`,
    countMax: 100,
    item: readRetryCause,
    twice: (cause) => `the cause ${cause} is there twice`,
  });
  const given = fieldOf(record, 'on');
  if (Array.isArray(given) && given.length === 0) {
    const at = fieldPath(path, 'on');
    return wrong(
      issues,
      at,
      'on is empty: nothing would ever be retried',
      given,
      `one of ${retryOnExpected}`,
    );
  }
  const on = optional(record, 'on', path, issues, causes) ?? ['runner_lost', 'infrastructure'];
  return max === undefined ? undefined : { max, on };
};
