// How many jobs can be launched a second in batches of 100, beside graphile-worker's `add_jobs`.
import { makeWorkerUtils, Logger as WorkerLogger } from 'graphile-worker';
import { withInstallation } from './installation.ts';
import { KeepAliveConnection } from './keep-alive-connection.ts';
import { alternate, type Benchmark, ratioAtLeast, row } from './measure.ts';
import { plainPipeline } from './plain-pipeline.ts';

const BATCH = 100;
const BATCHES = 20;
const AT_ONCE = 4;

export const launchBenchmark: Benchmark = {
  name: 'launches',
  about: `launches a second in batches of ${BATCH}`,
  async run(rounds) {
    return withInstallation({}, async ({ createPipeline, databaseUrl, orchestrators, token }) => {
      const pipeline = await createPipeline(plainPipeline);
      const url = orchestrators[0]?.url ?? '';
      const connections = Array.from({ length: AT_ONCE }, () => new KeepAliveConnection({ url }));
      const logger = new WorkerLogger(() => () => undefined);
      const options = { connectionString: databaseUrl, logger, maxPoolSize: AT_ONCE };
      const utils = await makeWorkerUtils(options);
      await utils.migrate();
      const launches = Array.from({ length: BATCH }, () => ({ pipeline }));
      const launch = async (lane: number): Promise<void> => {
        const answer = await connections[lane]?.post('/api/jobs/launch', token, { launches });
        if (answer?.status === 200) return;
        throw new Error(`a launch was answered ${JSON.stringify(answer)}`);
      };
      const jobs = Array.from({ length: BATCH }, () => ({ identifier: 'nothing', payload: {} }));
      const add = async (): Promise<void> => {
        await utils.addJobs(jobs);
      };
      const one = await alternate(
        rounds,
        () => perSecond(1, launch),
        () => perSecond(1, add),
      );
      const many = await alternate(
        rounds,
        () => perSecond(AT_ONCE, launch),
        () => perSecond(AT_ONCE, add),
      );
      for (const connection of connections) await connection.close();
      await utils.release();
      const against = 'graphile-worker add_jobs';
      return [
        row({
          ...{ name: `launches in batches of ${BATCH}`, against, unit: '1/s', ...one },
          target: ratioAtLeast(0.7),
        }),
        row({ name: `the same, ${AT_ONCE} batches at once`, against, unit: '1/s', ...many }),
      ];
    });
  },
};

/** Jobs a second, with `lanes` batches under way at any time. */
async function perSecond(lanes: number, add: (lane: number) => Promise<void>): Promise<number> {
  const start = performance.now();
  const work = async (lane: number): Promise<void> => {
    for (let batch = 0; batch < BATCHES; batch += 1) await add(lane);
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)));
  return (lanes * BATCHES * BATCH * 1000) / (performance.now() - start);
}
