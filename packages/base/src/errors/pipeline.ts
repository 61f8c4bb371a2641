// Errors of the area "pipeline": files, definitions and inputs.
import { defineErrors } from './define.ts';

export const pipelineErrors = defineErrors({
  RIVET_PIPELINE_FILE_NOT_FOUND: {
    message: 'there is no file {path}',
    solve: 'Give the path of a pipeline file; `rivet init` writes one to start from.',
    status: 404,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_FILE_UNREADABLE: {
    message: '{path} cannot be read: {reason}',
    solve: 'Give the path of a readable file that holds the Lua text of a pipeline.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_FILE_NOT_TEXT: {
    message: '{path} {problem}; expected Lua source as UTF-8 text',
    solve: 'Save the file as UTF-8 text in your editor.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_FILE_OUTSIDE: {
    message: '{path} is a link to {target}, outside of the pipeline’s folder {folder}',
    solve: 'Put a copy of the file into the folder of the pipeline.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_TOO_LARGE: {
    message: '{what} is too large: {found}; the limit is {limit}',
    solve: 'Move data out of the Lua files: a stage can read it from /workspace.',
    status: 413,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_BUNDLE_INVALID: {
    message: 'the bundle of the pipeline is not valid: {problem}',
    solve:
      'Send the main file and the files it requires by their relative paths, as `rivet pipeline create` does.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_PIPELINE_INVALID: {
    message: 'the pipeline is not valid: {summary}',
    solve: 'Correct what is listed; `rivet check FILE` shows every mistake with its line.',
    status: 422,
    exit: 2,
    fault: 'user',
  },
  RIVET_INPUT_INVALID: {
    message: 'the inputs are not valid: {summary}',
    solve: 'Correct the values that are listed, for example with --input name=value.',
    status: 422,
    exit: 2,
    fault: 'user',
  },
  RIVET_INPUT_MISSING: {
    message: 'these inputs are required and have no value: {names}',
    solve: 'Give each a value with --input name=value, or in a file with --input-file.',
    status: 422,
    exit: 2,
    fault: 'user',
  },
});
