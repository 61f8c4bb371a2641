// What a pipeline is: its files, its definition, its inputs, and what can be wrong with them.
// (Signatures first: the implementations follow.)
import type { RivetError } from '@rivet/base';
import type {
  LuaEngine,
  LuaFunction,
  LuaHost,
  LuaLimits,
  LuaModuleSpec,
  LuaValue,
  LuaVm,
  SourcePosition,
} from '@rivet/lua';
import type {
  DefinitionIssue,
  InputDefinition,
  InputValue,
  InputValues,
  PipelineBundle,
  PipelineDefinition,
} from '@rivet/protocol';

// ---- bundle

/** Bytes of one file and of all files of a bundle. */
export declare const SOURCE_BYTES_MAX: number;
export declare const BUNDLE_BYTES_MAX: number;

/**
 * Reads a pipeline file and the files below its folder that it reaches through `require("a.b")`.
 * `main` is the file's base name. CRLF becomes LF and a byte order mark is dropped.
 * @throws RIVET_PIPELINE_FILE_NOT_FOUND, _FILE_UNREADABLE, _FILE_NOT_TEXT, _FILE_OUTSIDE, _TOO_LARGE
 */
export declare function readBundle(path: string): Promise<PipelineBundle>;

/**
 * Holds a bundle that came over the wire against the rules: paths, sizes, text.
 * @throws RIVET_PIPELINE_BUNDLE_INVALID, RIVET_PIPELINE_TOO_LARGE
 */
export declare function checkBundle(bundle: PipelineBundle): void;

/** SHA-256 (hex) of main name and files, whatever their order. */
export declare function bundleDigest(bundle: PipelineBundle): string;

// ---- definition

/** The module `pipeline` of a pipeline file, with its trusted Lua source. */
export declare function definitionModules(): LuaModuleSpec[];

export interface EvaluationOptions {
  /** The host modules a script sees besides `pipeline` (the engine's `coreModules()`). */
  readonly modules: readonly LuaModuleSpec[];
  /** Global functions that are aliases of module functions, such as `print`. */
  readonly globals?: Readonly<Record<string, string>>;
  /** Performs host calls of stage functions later on; every call is refused while evaluating. */
  readonly host?: LuaHost;
  /** Those of creation (2 s of CPU, 64 MB) when absent. */
  readonly limits?: LuaLimits;
  /** `math.random` is seeded from it. */
  readonly seed?: string;
  /** What `os.getenv` answers. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The functions of an evaluated pipeline, callable on its VM. */
export interface PipelineFunctions {
  /** By name of the stage, in the order of the file. */
  readonly stages: ReadonlyMap<
    string,
    { readonly script: LuaFunction; readonly condition: LuaFunction | undefined }
  >;
  /** `validate` functions by name of the input. */
  readonly inputs: ReadonlyMap<string, LuaFunction>;
}

export type EvaluatedPipeline =
  | {
      readonly ok: true;
      readonly definition: PipelineDefinition;
      readonly functions: PipelineFunctions;
      /** Open; whoever asked for it closes it. */
      readonly vm: LuaVm;
    }
  | { readonly ok: false; readonly issues: DefinitionIssue[] };

/**
 * Runs the pipeline file and validates what it returns. A Lua error or a reached limit is an issue
 * too. The VM is closed unless the pipeline is valid.
 * @throws RIVET_PIPELINE_BUNDLE_INVALID, RIVET_PIPELINE_TOO_LARGE, and whatever is no fault of the file
 */
export declare function evaluatePipeline(
  engine: LuaEngine,
  bundle: PipelineBundle,
  options: EvaluationOptions,
): Promise<EvaluatedPipeline>;

export type CheckedPipeline =
  | { readonly ok: true; readonly definition: PipelineDefinition }
  | { readonly ok: false; readonly issues: DefinitionIssue[] };

/** `evaluatePipeline` for creation and `rivet check`: closes the VM. */
export declare function checkPipeline(
  engine: LuaEngine,
  bundle: PipelineBundle,
  options: EvaluationOptions,
): Promise<CheckedPipeline>;

/** The issues as one error for a program that can't go on. Message: how many, and the first. */
export declare function pipelineInvalid(issues: readonly DefinitionIssue[]): RivetError;

/** Differences of two definitions as sentences; empty when they are the same. */
export declare function diffDefinitions(a: PipelineDefinition, b: PipelineDefinition): string[];

/**
 * What each stage waits for, by name: its `needs`, or the stage before it in the file when it has
 * none. Stages come in the order of the file. `rivet run --dry-run` and the engine go by it.
 */
export declare function stageDependencies(
  definition: PipelineDefinition,
): ReadonlyMap<string, readonly string[]>;

// ---- inputs

export type InputTextResult =
  | { readonly ok: true; readonly value: InputValue }
  | { readonly ok: false; readonly issue: DefinitionIssue };

/**
 * The typed value of text from a flag, a form or a prompt: true/false/yes/no/1/0, decimal numbers,
 * lists with commas or as a JSON array. Only the form is checked here; `InputChecker` checks the rules.
 */
export declare function inputFromText(definition: InputDefinition, text: string): InputTextResult;

/** Like `inputFromText` for `name=value` pairs; repeating a list input adds items. */
export declare function inputsFromText(
  definition: PipelineDefinition,
  pairs: readonly (readonly [name: string, text: string])[],
): { readonly values: InputValues; readonly issues: DefinitionIssue[] };

export type InputCheck =
  | { readonly ok: true; readonly values: InputValues }
  | {
      readonly ok: false;
      readonly issues: DefinitionIssue[];
      /** Names of the required inputs without a value; they are among the issues too. */
      readonly missing: string[];
    };

/** Checks input values against a pipeline's rules, its Lua patterns and `validate` functions. */
export interface InputChecker {
  /** Every mistake at once, or the values with defaults filled in. Paths are `inputs.<name>`. */
  check(values: unknown): Promise<InputCheck>;
  /** The first mistake in one value: for a prompt that asks again. */
  checkOne(name: string, value: InputValue): Promise<DefinitionIssue | undefined>;
  /** Closes the VM, if one was needed. */
  close(): Promise<void>;
}

/**
 * Opens a VM only when a value must be held against a pattern or a `validate` function.
 * @throws from `check`: RIVET_PIPELINE_INVALID when the bundle no longer evaluates
 */
export declare function createInputChecker(
  engine: LuaEngine,
  bundle: PipelineBundle,
  definition: PipelineDefinition,
  options: EvaluationOptions,
): InputChecker;

/** RIVET_INPUT_MISSING when nothing but values is missing, RIVET_INPUT_INVALID otherwise; `details.issues` has all. */
export declare function inputsInvalid(check: InputCheck & { ok: false }): RivetError;

/** The required inputs that `given` has no value for, in the order of the file. */
export declare function missingInputs(
  definition: PipelineDefinition,
  given: Readonly<Record<string, unknown>>,
): InputDefinition[];

/** The values with `***` in place of those of secret inputs. */
export declare function maskSecretInputs(
  definition: PipelineDefinition,
  values: InputValues,
): InputValues;

// ---- issues for people

/** Colours text; the identity without colour. */
export interface IssueStyle {
  readonly error: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

/** Issues for a terminal: path, file:line:column, source line with caret, found, expected, nearest. */
export declare function renderIssues(
  issues: readonly DefinitionIssue[],
  style?: IssueStyle,
): string;

// ---- validation without a VM

/** Validates the value that the file returned. Positions and files give issues their lines. */
export declare function validateDefinition(
  value: LuaValue | undefined,
  context?: {
    /** By path without the leading value number: `stages[2].needs[1]`. */
    readonly positions?: ReadonlyMap<string, SourcePosition>;
    readonly files?: Readonly<Record<string, string>>;
  },
): {
  readonly definition: PipelineDefinition | undefined;
  readonly functions: PipelineFunctions | undefined;
  readonly issues: DefinitionIssue[];
};
