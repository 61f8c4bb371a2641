// `node packages/engine/fuzz/main.ts [--cases N] [--seed N]`: searches for a secret that leaks.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzRedaction } from './fuzz-redaction.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
  },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
if (!(Number.isSafeInteger(cases) && cases > 0 && Number.isSafeInteger(seed) && seed >= 0)) {
  process.stderr.write('--cases and --seed take whole numbers\n');
  process.exit(2);
}

process.stderr.write(`fuzz: ${cases} cases from seed ${seed}\n`);
const beganAt = performance.now();
let toldAt = beganAt;
const report = fuzzRedaction({
  cases,
  seed,
  onRound(done) {
    if (performance.now() - toldAt < 30_000) return;
    toldAt = performance.now();
    process.stderr.write(`fuzz: ${done} cases\n`);
  },
});
const seconds = (performance.now() - beganAt) / 1000;
const forms = [...report.forms].sort((a, b) => b[1] - a[1]);
process.stdout.write(
  `${report.cases} cases, ${(report.bytes / 1e6).toFixed(0)} MB, ${seconds.toFixed(0)} s: ` +
    'no leak, nothing else changed\n' +
    `${report.compared} of them letter by letter\n${forms.map(([name, count]) => `${String(count).padStart(9)} ${name}\n`).join('')}`,
);
