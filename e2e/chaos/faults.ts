// The faults that chaos is made of. Each is done to the running system, lasts a while, and is
// undone by itself; docs/operating/faults.md says what must come of it.
import { type Random, sleep } from '@rivet/base';
import type { TcpProxy } from '@rivet/testing';
import type { Member } from './member.ts';
import type { ChaosOrchestrator, ChaosRunner, ChaosSystem } from './system.ts';

export interface Fault {
  readonly name: string;
  /** How often it is chosen, compared to the others. */
  readonly weight: number;
  /** Does it; resolves when it is over. What it chooses, it chooses by `random`. */
  strike(system: ChaosSystem, random: Random): Promise<void>;
}

/** Well below the lease: what lasts no longer costs no attempt. */
const SHORT_MS = 4000;
/** Above the lease of the system: whoever is away so long has lost its jobs. */
const LONG_MS = 22_000;
/** Too little to take a job, and enough for those that run. */
const DISK_LEFT_BYTES = 8 * 1024 ** 2;

const runnerOf = (system: ChaosSystem, random: Random): ChaosRunner => random.pick(system.runners);
const orchestratorOf = (system: ChaosSystem, random: Random): ChaosOrchestrator =>
  random.pick(system.orchestrators);

/** A proxy somewhere between two programs. */
function linkOf(system: ChaosSystem, random: Random): TcpProxy {
  return random.pick([
    ...system.runners.map(({ server }) => server),
    ...system.orchestrators.map(({ database }) => database),
    system.front,
  ]);
}

/** Does something to a link for a while. */
async function disturb(
  link: TcpProxy,
  ms: number,
  ...faults: Parameters<TcpProxy['set']>
): Promise<void> {
  link.set(...faults);
  await sleep(ms);
  link.mend();
}

/**
 * Whether to end a program: mostly those that have come up. On a machine that is slow at starting
 * them none would ever work otherwise, and nothing would be tried but starts.
 */
function isWorthwhile(member: Member, random: Random): boolean {
  return member.isReady || random.once(3);
}

/** Kills a program, which stays away for a while. */
async function takeAway(member: Member, ms: number, random: Random): Promise<void> {
  if (!isWorthwhile(member, random)) return;
  member.hold();
  member.signal('SIGKILL');
  await sleep(ms);
  member.release();
}

/** A program stands still for a while, and does not know of it. */
async function freeze(member: Member, ms: number): Promise<void> {
  member.signal('SIGSTOP');
  await sleep(ms);
  member.signal('SIGCONT');
}

/** A balancer notices that an orchestrator is gone, sooner or later, and sends clients elsewhere. */
function balance(system: ChaosSystem, random: Random): void {
  const other = random.pick(system.orchestrators);
  for (const link of [...system.runners.map(({ server }) => server), system.front]) {
    if (random.once(2)) link.retarget({ host: '127.0.0.1', port: other.port });
  }
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'a runner is killed',
    weight: 5,
    strike: (system, random) => takeAway(runnerOf(system, random), random.below(SHORT_MS), random),
  },
  {
    name: 'a runner is killed twice, while it cleans up or takes up its jobs',
    weight: 2,
    async strike(system, random) {
      const runner = runnerOf(system, random);
      runner.signal('SIGKILL');
      await sleep(300 + random.below(2000));
      runner.signal('SIGKILL');
    },
  },
  {
    name: 'a runner is away for longer than its lease',
    weight: 1,
    strike: (system, random) => takeAway(runnerOf(system, random), LONG_MS, random),
  },
  {
    name: 'a runner stands still for a moment',
    weight: 3,
    strike: (system, random) => freeze(runnerOf(system, random), random.below(SHORT_MS)),
  },
  {
    name: 'a runner stands still for longer than its lease',
    weight: 1,
    strike: (system, random) => freeze(runnerOf(system, random), LONG_MS),
  },
  {
    name: 'an orchestrator is killed',
    weight: 5,
    async strike(system, random) {
      const orchestrator = orchestratorOf(system, random);
      balance(system, random);
      await takeAway(orchestrator, random.below(SHORT_MS), random);
    },
  },
  {
    name: 'an orchestrator is restarted',
    weight: 3,
    async strike(system, random) {
      const orchestrator = orchestratorOf(system, random);
      if (isWorthwhile(orchestrator, random)) orchestrator.signal('SIGTERM');
    },
  },
  {
    name: 'an orchestrator stands still for a moment',
    weight: 3,
    strike: (system, random) => freeze(orchestratorOf(system, random), random.below(SHORT_MS)),
  },
  {
    name: 'the database crashes',
    weight: 2,
    strike: (system, random) => system.crashDatabase(random.below(SHORT_MS)),
  },
  {
    name: 'a standby is promoted',
    weight: 1,
    strike: (system) => system.promoteStandby(),
  },
  {
    name: 'the disk of a runner is nearly full',
    weight: 2,
    async strike(system, random) {
      const { disk } = runnerOf(system, random);
      await disk?.fill(DISK_LEFT_BYTES);
      await sleep(random.between(SHORT_MS, 3 * SHORT_MS));
      await disk?.free();
    },
  },
  {
    name: 'Podman is broken',
    weight: 2,
    async strike(system, random) {
      const { podman } = runnerOf(system, random);
      await podman.break();
      await sleep(random.below(2 * SHORT_MS));
      await podman.mend();
    },
  },
  {
    name: 'connections are cut',
    weight: 12,
    async strike(system, random) {
      linkOf(system, random).cut();
    },
  },
  {
    name: 'a link refuses connections',
    weight: 4,
    async strike(system, random) {
      const link = linkOf(system, random);
      link.break();
      await sleep(random.below(SHORT_MS));
      link.mend();
    },
  },
  {
    name: 'a link swallows everything',
    weight: 4,
    strike: (system, random) =>
      disturb(linkOf(system, random), random.below(SHORT_MS), { silent: true }),
  },
  {
    name: 'a link swallows the answers',
    weight: 4,
    strike: (system, random) =>
      disturb(linkOf(system, random), random.below(SHORT_MS), { silent: true }, 'down'),
  },
  {
    name: 'a link is slow',
    weight: 4,
    strike: (system, random) =>
      disturb(linkOf(system, random), random.below(SHORT_MS), {
        delayMs: random.between(20, 500),
        jitterMs: 100,
      }),
  },
  {
    name: 'a link is thin',
    weight: 2,
    strike: (system, random) =>
      disturb(linkOf(system, random), random.below(SHORT_MS), { bytesPerSecond: 2000 }),
  },
  {
    name: 'nobody learns whether a transaction was committed',
    weight: 6,
    async strike(system, random) {
      const { database } = orchestratorOf(system, random);
      database.cutAt('COMMIT');
      await sleep(500);
    },
  },
  {
    name: 'the answer to a runner is cut off',
    weight: 6,
    async strike(system, random) {
      const { server } = runnerOf(system, random);
      server.cutAt('HTTP/1.1 200');
      await sleep(500);
    },
  },
  {
    name: 'a runner is sent to another orchestrator',
    weight: 4,
    async strike(system, random) {
      const { server } = runnerOf(system, random);
      server.retarget({ host: '127.0.0.1', port: orchestratorOf(system, random).port });
      server.cut();
    },
  },
];
