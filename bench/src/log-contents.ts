// What the logs of the benchmark consist of: programs for awk, which print the same each time.

const LOG_LINES = 1_000_000;
/** Of a line on average, with its end. */
export const LOG_LINE_BYTES = 100;

export interface LogContent {
  readonly name: 'numbers' | 'build';
  /** Behind the name of the figure. */
  readonly title: string;
  readonly note: string;
  /** Has no single quote in it: it stands between two in a shell. */
  readonly program: string;
}

/** Hexadecimal numbers: each of them could be a secret in a dump. */
const numbers: LogContent = {
  name: 'numbers',
  title: '',
  note: 'hexadecimal numbers',
  program: `BEGIN {
  srand(7)
  for (i = 0; i < 500; i++) word[i] = sprintf("%x", rand() * 2147483647)
  for (i = 1; i <= ${LOG_LINES}; i++) {
    line = sprintf("%08d compiling", i)
    while (length(line) < ${LOG_LINE_BYTES - 1}) line = line " " word[int(rand() * 500)]
    print substr(line, 1, ${LOG_LINE_BYTES - 1})
  }
}`,
};

/**
 * What builds print: times, commands, warnings, tests, and a hash in every tenth line. Lines have
 * from half of the average to one and a half of it.
 */
const build: LogContent = {
  name: 'build',
  title: ' of a build',
  note: 'times, paths, commands, warnings, tests, hashes',
  program: `
function pick(list, count) { return list[1 + int(rand() * count)] }
function hash(digits, text) {
  for (text = ""; length(text) < digits; ) text = text sprintf("%04x", rand() * 65536)
  return text
}
function clock(ms) {
  return sprintf("2026-11-21T%02d:%02d:%02d.%03dZ", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000)
}
function told(kind, path) {
  if (kind == 0) return clock(i * 7) " INFO  [worker-" int(rand() * 8) "] compiled " path
  if (kind == 1) return "gcc -O2 -Wall -Iinclude -c " path ".c -o build/" path ".o"
  if (kind == 2) return path ".c:" int(rand() * 900) ":" int(rand() * 80) ": warning: unused variable"
  if (kind == 3) return " PASS  " path ".test.ts (" int(rand() * 90) " tests) " int(rand() * 4000) "ms"
  if (kind == 4) return "   Compiling " pick(name, names) " v1." int(rand() * 20) "." int(rand() * 9)
  return "fetched " path " sha1:" hash(40)
}
function phrase() { return " " pick(name, names) " " pick(verb, verbs) " " pick(path, paths) }
BEGIN {
  srand(7)
  names = split("engine store runner client parser table index cache stream worker socket", name)
  verbs = split("uses imports follows replaces extends checks reads writes keeps skips", verb)
  paths = 400
  for (i = 1; i <= paths; i++)
    path[i] = "packages/" pick(name, names) "/src/" pick(name, names) "-" pick(name, names)
  for (i = 1; i <= ${LOG_LINES}; i++) {
    wanted = ${LOG_LINE_BYTES / 2 - 1} + i * 37 % ${LOG_LINE_BYTES + 1}
    line = told(i % 10 == 0 ? 5 : int(rand() * 5), pick(path, paths))
    while (length(line) < wanted) line = line phrase()
    print substr(line, 1, wanted)
  }
}`,
};

export const logContents: readonly LogContent[] = [numbers, build];
