// `--database URL` of the commands that work with a database themselves.
import { text } from './command.ts';

export const databaseOption = text(
  'URL',
  'PostgreSQL; RIVET_DATABASE_URL or DATABASE_URL when absent (arguments show in process lists)',
);

/** What a program is told of it: none of the other addresses, which may be of another database. */
export function databaseSettings(
  url: string | undefined,
): Readonly<Record<string, string | undefined>> {
  if (url === undefined) return {};
  return {
    DATABASE_URL: url,
    RIVET_DATABASE_URL: undefined,
    RIVET_DATABASE_DIRECT_URL: undefined,
    RIVET_DATABASE_READER_URL: undefined,
  };
}
