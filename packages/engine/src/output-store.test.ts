// What the outputs of a job may take.
import { expect, it } from 'vitest';
import { createOutputStore } from './output-store.ts';

it('counts the names of outputs towards what all of them may take', async () => {
  const store = createOutputStore(() => {});
  const fill = async (): Promise<void> => {
    for (let count = 0; ; count += 1) await store.set(`${count}-${'n'.repeat(90)}`, 1);
  };
  await expect(fill()).rejects.toMatchObject({ code: 'RIVET_OUTPUT_TOO_LARGE' });
  expect(store.keys().length).toBeLessThan(12_000);
  for (const name of store.keys()) await store.clear(name);
  await store.set('again', 'x'.repeat(60_000));
});
