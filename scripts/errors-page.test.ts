// Holds docs/errors.md equal to the error catalogue, and the catalogue to its own rules.
import { readFileSync } from 'node:fs';
import { type ErrorEntry, errorCatalogue } from '@rivet/base';
import { describe, expect, it } from 'vitest';
import { renderErrorsPage } from './errors-page.ts';

describe('the error catalogue', () => {
  it('is what docs/errors.md says (mend with: npm run docs)', () => {
    expect(readFileSync('docs/errors.md', 'utf8')).toBe(renderErrorsPage());
  });

  it.each(Object.entries<ErrorEntry>(errorCatalogue))('%s can be acted on', (code, entry) => {
    expect(code).toMatch(/^RIVET_[A-Z0-9]+(_[A-Z0-9]+)*$/);
    expect(entry.solve, 'says what to do, as a sentence').toMatch(/^[A-Z"`].*[.?]$/s);
    expect([1, 2, 3, 4, 5, 130]).toContain(entry.exit);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThan(600);
  });
});
