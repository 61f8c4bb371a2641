// Asks the mocks of a test, and keeps what they were asked, did not know, or broke on.
import type { LuaRecord, LuaValue } from '@rivet/lua';

type MockKind = 'process' | 'http' | 'image';

/**
 * Asks the mocks of the test: the answer of a command or a request (undefined: none matches), and
 * the mock that gave it.
 */
export type Ask = (
  kind: MockKind,
  request: LuaRecord,
) => Promise<{ readonly reply: LuaValue; readonly mock: string } | undefined>;

export interface MockLog {
  /**
   * What a mock answers, as `read` understands it; undefined when none does.
   * @param line the line of the test that would answer it
   */
  ask<T>(
    kind: MockKind,
    request: LuaRecord,
    read: (reply: LuaValue, mock: string) => T,
    line: string,
  ): Promise<T | undefined>;
  /** Lines that say what no mock answered, and what would. */
  readonly unmocked: readonly string[];
  /** What the functions of the test raised, and answers that are none. */
  readonly broken: readonly unknown[];
}

export function createMockLog(ask: Ask): MockLog {
  const unmocked: string[] = [];
  const broken: unknown[] = [];
  return {
    unmocked,
    broken,
    async ask(kind, request, read, line) {
      try {
        const answer = await ask(kind, request);
        if (answer !== undefined) return read(answer.reply, answer.mock);
      } catch (error) {
        broken.push(error);
        throw error;
      }
      const { file, source_line: at, line: shown } = request;
      const where = file === null ? '' : `${String(file)}:${String(at)}: `;
      unmocked.push(`  ${where}${String(shown)}\n    ${line}`);
      return undefined;
    },
  };
}

/** A text as Lua would be written. */
export function luaText(text: string): string {
  const single = text.includes('"') && !text.includes("'");
  return single
    ? `'${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}'`
    : JSON.stringify(text);
}
