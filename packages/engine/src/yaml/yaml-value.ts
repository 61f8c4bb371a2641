// Values of YAML as plain JSON on their way between the process and the module.

/** `n`: a number that JSON has no word for; `o`: the entries of a map, whatever its keys are. */
export type YamlValue =
  | null
  | boolean
  | number
  | string
  | readonly YamlValue[]
  | { readonly n: 'nan' | 'inf' | '-inf' }
  | { readonly o: readonly (readonly [key: string, value: YamlValue])[] };

/** What the process is asked. */
export type YamlRequest =
  | { readonly type: 'decode'; readonly text: string; readonly all: boolean }
  | { readonly type: 'encode'; readonly value: YamlValue; readonly pretty: boolean };

/** What is wrong with a text, and where; lines and columns count from 1. */
export interface YamlMistake {
  readonly reason: string;
  readonly line: number;
  readonly column: number;
}

/** What it answers. */
export type YamlAnswer =
  | { readonly type: 'decoded'; readonly value: YamlValue }
  | { readonly type: 'encoded'; readonly text: string }
  | { readonly type: 'mistake'; readonly mistake: YamlMistake }
  | { readonly type: 'limit'; readonly found: string; readonly limit: string };

export function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}
