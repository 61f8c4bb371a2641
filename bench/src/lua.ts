// Lua work in Rivet's VM, beside three others in the same run.
import { fengariPeer, type LuaPeer, pucPeer, rivetPeer, wasmoonPeer } from './lua-peers.ts';
import { type LuaBenchProgram, programs } from './lua-programs.ts';
import { type Benchmark, type Row, ratioAtMost, row } from './measure.ts';

/** Plain fengari takes seconds for some of the programs. */
const ROUNDS_MAX = 7;
/** What Rivet's VM may take of PUC Lua's time, where it is promised. */
const TARGET = 5;

export const luaBenchmark: Benchmark = {
  name: 'lua',
  about: 'Lua work beside lua5.3, wasmoon and fengari',
  async run(rounds) {
    const rows: Row[] = [];
    for (const program of programs) {
      rows.push(...(await measureProgram(program, Math.min(rounds, ROUNDS_MAX))));
    }
    return rows;
  },
};

/** Runs a program in all machines by turns, after one run of each that is not measured. */
async function measureProgram(program: LuaBenchProgram, rounds: number): Promise<Row[]> {
  const ours = await rivetPeer(program.body);
  const peers = [
    await pucPeer(program.body),
    await wasmoonPeer(program.body),
    await fengariPeer(program.body),
  ];
  const machines = [ours, ...peers];
  try {
    const times = await measure(program.name, machines, rounds);
    return peers.map((peer) =>
      row({
        name: program.name,
        against: peer.name,
        unit: 'ms',
        ours: times.get(ours) ?? [],
        peer: times.get(peer) ?? [],
        ...(program.promised && peer === peers[0] && { target: ratioAtMost(TARGET) }),
      }),
    );
  } finally {
    for (const machine of machines) await machine.close();
  }
}

/** @throws when the machines do not agree on what the program returns */
async function measure(
  name: string,
  machines: readonly LuaPeer[],
  rounds: number,
): Promise<Map<LuaPeer, readonly number[]>> {
  const times = new Map(machines.map((machine) => [machine, [] as number[]]));
  const results = new Set<unknown>();
  for (let round = -1; round < rounds; round += 1) {
    for (const [machine, values] of times) {
      const { ms, result } = await machine.run();
      results.add(result);
      if (round >= 0) values.push(ms);
    }
  }
  if (results.size !== 1) {
    throw new Error(`${name}: the machines returned ${[...results].join(' and ')}`);
  }
  return times;
}
