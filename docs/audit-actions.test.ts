// The page about the audit log lists exactly the actions that it can tell of.
import { readFileSync } from 'node:fs';
import { auditActions } from '@rivet/protocol';
import { expect, it } from 'vitest';

it('docs/operating/audit.md lists every action with what it means', () => {
  const page = readFileSync('docs/operating/audit.md', 'utf8').split('## Actions')[1] ?? '';
  const listed = [...page.matchAll(/^\| `(\w+\.\w+)` \| (.+) \|$/gm)].map((match) =>
    match.slice(1),
  );
  expect(listed).toEqual(Object.entries(auditActions));
});
