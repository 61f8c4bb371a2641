// Makes docs/errors.md from the error catalogue, so that neither can say what the other does not.
import { type ErrorEntry, errorCatalogue, type Fault } from '@rivet/base';

const whoMends: Readonly<Record<Fault, string>> = {
  user: 'who wrote the pipeline or typed the command',
  operator: 'who looks after the installation',
  rivet: 'us: it is a defect',
};

/** The text of docs/errors.md. */
export function renderErrorsPage(): string {
  const rows = Object.entries<ErrorEntry>(errorCatalogue)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, entry]) => renderEntry(code, entry));
  return `${introduction}\n${rows.join('\n')}`;
}

const introduction = `# Errors

Every error of Rivet has a code. This page is made from the catalogue in \`packages/base/src/errors\` by
\`npm run docs\`; a test fails when the two differ. \`{words}\` in a message stand for what was found.

The HTTP status is that of the [problem document](https://www.rfc-editor.org/rfc/rfc9457) an API call is
answered with; the exit code is that of the \`rivet\` command: 1 the job or the command failed, 2 usage,
3 the server cannot be reached, 4 not found, 5 not signed in or not allowed, 130 interrupted.
`;

function renderEntry(code: string, entry: ErrorEntry): string {
  return `## ${code}

> ${entry.message.replaceAll('\n', '\n> ')}

**How to solve.** ${entry.solve}

Mended by ${whoMends[entry.fault]} · HTTP ${entry.status} · exit code ${entry.exit}
`;
}
