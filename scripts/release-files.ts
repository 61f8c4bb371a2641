// `npm run release-files`: the files of a release in dist/, from the commit that is checked out.
import { findAdvisories } from './release/advisories.ts';
import { makeRelease } from './release/make-release.ts';
import { run } from './release/run.ts';

const say = (text: string): void => void process.stdout.write(`release: ${text}\n`);
const fail = (text: string): void => {
  process.stderr.write(`release: ${text}\n`);
  process.exitCode = 1;
};

/** Where the source is, without a password that stands in the address. */
async function sourceOf(directory: string): Promise<string> {
  const given = process.env.RIVET_RELEASE_SOURCE;
  if (given !== undefined && given !== '') return given;
  const options = { cwd: directory, alsoOk: [1] };
  const remote = (await run('git', ['config', '--get', 'remote.origin.url'], options)).toString();
  if (!URL.canParse(remote.trim())) return 'urn:rivet:source';
  const url = new URL(remote.trim());
  url.username = '';
  url.password = '';
  return `git+${url.href}`;
}

async function main(): Promise<void> {
  const { argv, env } = process;
  const directory = process.cwd();
  const advisories = await findAdvisories(directory);
  if (advisories.kind === 'vulnerable') {
    return fail(
      `npm audit knows holes in packages of the lock file:\n  ${advisories.findings.join('\n  ')}`,
    );
  }
  if (advisories.kind === 'unknown') {
    const reason = `npm audit could not be asked (${advisories.reason})`;
    if (!argv.includes('--without-advisories')) {
      return fail(`${reason}. Set a registry that answers it, or add --without-advisories.`);
    }
    say(`${reason}: packages were NOT held against known holes`);
  } else {
    say(`npm audit knows no hole in ${advisories.packages} packages`);
  }
  const ref = env.RIVET_RELEASE_REF || 'HEAD';
  const key = env.RIVET_RELEASE_KEY || undefined;
  if (key === undefined) say('RIVET_RELEASE_KEY is not set: the provenance is not signed');
  const files = await makeRelease({
    directory,
    ref,
    target: 'dist',
    source: await sourceOf(directory),
    builder: env.RIVET_RELEASE_BUILDER || 'urn:rivet:builder:local',
    key,
  });
  for (const file of files) say(`wrote dist/${file}`);
}

await main().catch((error: unknown) =>
  fail(error instanceof Error ? error.message : String(error)),
);
