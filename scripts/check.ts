// `npm run check`: the fast loop. Format, lint, types, unused code, tidy and unit tests, at the
// same time.
import { runStep, type Step, staticSteps } from './run-steps.ts';

const unitTests: Step = {
  name: 'tidy and unit tests',
  command: ['vitest', 'run', '--project', 'unit', '--reporter', 'dot'],
  mend: 'npx vitest run --project unit',
};

const results = await Promise.all([...staticSteps, unitTests].map((step) => runStep(step)));
process.exitCode = results.every(Boolean) ? 0 : 1;
