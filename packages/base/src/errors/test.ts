// Errors of the area "test": what `rivet test` and `rivet plan` find before anything runs.
import { defineErrors } from './define.ts';

const author = { status: 422, exit: 1, fault: 'user' } as const;
const usage = { status: 400, exit: 2, fault: 'user' } as const;

export const testErrors = defineErrors({
  RIVET_TEST_EXPECTATION: {
    message: '{what}',
    solve: 'Look at what was expected and what it was: either the pipeline or the test is wrong.',
    ...author,
  },
  RIVET_TEST_UNMOCKED: {
    message: 'the pipeline did what no mock answers:\n{calls}',
    solve:
      'Put the lines into the case before it runs the pipeline, with the answers that it should get; mock.default answers every other command.',
    ...author,
  },
  RIVET_TEST_CALL_UNMOCKED: {
    message: '{what} is answered by no mock of the test',
    solve: 'Add the mock that the report of the test shows.',
    ...author,
  },
  RIVET_TEST_HOST_CALL: {
    message: '{call} has no effect in a test and no mock answers it',
    solve: 'Keep it out of what the case runs, for example with p:run({ stage = … }).',
    ...author,
  },
  RIVET_TEST_TIMEOUT: {
    message: 'the case did not end within {limit} of real time',
    solve:
      'Time that the pipeline waits costs nothing in a test: look for a loop that never ends, or raise --timeout.',
    ...author,
  },
  RIVET_TEST_PATH: {
    message: '{function}: {path} {problem}',
    solve: 'Give a relative path inside of the project, as seen from the folder of the test file.',
    ...author,
  },
  RIVET_TEST_FILE_NAME: {
    message: '{path} cannot be the name of a test file',
    solve: 'Use letters, digits, _ and - before .lua, such as pipeline_test.lua.',
    ...usage,
  },
  RIVET_TEST_NO_FILES: {
    message: 'there are no tests in {directory}',
    solve:
      'Name the test files, or call them something_test.lua or tests/something.lua; docs/guide/testing.md shows how to write one.',
    ...usage,
  },
  RIVET_PLAN_UNKNOWN: {
    message: '{function} is known only when the pipeline runs',
    solve: 'The plan says "maybe" for such a stage; its condition decides when its turn comes.',
    ...author,
  },
  RIVET_TEST_NO_CASES: {
    message: '{path} has no cases',
    solve: 'Add one: test.case("a sentence that says what holds", function() … end).',
    ...author,
  },
});
