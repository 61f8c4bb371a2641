// Every command of `rivet`, in the order of the help. Commands are loaded when they are asked for.
import type { Command } from './command.ts';

/** A command's place: `['job', 'list']` is `rivet job list`. */
export interface RegistryEntry {
  readonly path: readonly string[];
  /** One line, no full stop. The help of the whole program loads no command. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** The headings of the help and what stands under each. */
export interface RegistryGroup {
  readonly title: string;
  readonly entries: readonly RegistryEntry[];
}

const entry = (name: string, summary: string, load: () => Promise<Command>): RegistryEntry => ({
  path: name.split(' '),
  summary,
  load,
});

export const registry: readonly RegistryGroup[] = [
  {
    title: 'On this machine, without a server',
    entries: [
      entry(
        'init',
        'Write a first pipeline.lua, and type stubs for your editor',
        async () => (await import('./commands/init.ts')).init,
      ),
      entry(
        'check',
        'Check a pipeline file: every mistake at once, each with its line',
        async () => (await import('./commands/check.ts')).check,
      ),
      entry(
        'run',
        'Run a pipeline on this machine, without a server',
        async () => (await import('./commands/run.ts')).run,
      ),
      entry(
        'plan',
        'Show what a run would do: stages, order, conditions; starts nothing',
        async () => (await import('./commands/plan.ts')).plan,
      ),
      entry(
        'test',
        'Run the tests of pipelines: without containers, in no time',
        async () => (await import('./commands/test.ts')).test,
      ),
      entry(
        'dev',
        'Start everything on this machine: database, orchestrator, runner',
        async () => (await import('./commands/dev.ts')).dev,
      ),
      entry(
        'doctor',
        'Look whether this machine has what Rivet needs, each finding with its fix',
        async () => (await import('./commands/doctor.ts')).doctor,
      ),
    ],
  },
  {
    title: 'Signing in',
    entries: [
      entry(
        'login',
        'Sign in to a server',
        async () => (await import('./commands/login.ts')).login,
      ),
      entry(
        'logout',
        'Sign out of a server',
        async () => (await import('./commands/logout.ts')).logout,
      ),
      entry(
        'whoami',
        'Say who you are at the server, and what you may',
        async () => (await import('./commands/whoami.ts')).whoami,
      ),
      entry(
        'context list',
        'List the servers that you know, and where you are signed in',
        async () => (await import('./commands/context/list.ts')).contextList,
      ),
      entry(
        'context use',
        'Choose the server that commands go to',
        async () => (await import('./commands/context/use.ts')).contextUse,
      ),
      entry(
        'context rm',
        'Forget a server',
        async () => (await import('./commands/context/rm.ts')).contextRm,
      ),
    ],
  },
  {
    title: 'Plugins',
    entries: [
      entry(
        'plugin list',
        'List the plugins that pipelines here can use',
        async () => (await import('./commands/plugin/list.ts')).pluginList,
      ),
      entry(
        'plugin new',
        'Write a first plugin, with stubs and tests',
        async () => (await import('./commands/plugin/new.ts')).pluginNew,
      ),
      entry(
        'plugin test',
        'Check a plugin and run its tests',
        async () => (await import('./commands/plugin/test.ts')).pluginTest,
      ),
    ],
  },
  {
    title: 'Pipelines on the server',
    entries: [
      entry(
        'pipeline create',
        'Create a pipeline on the server, or its next version',
        async () => (await import('./commands/pipeline/create.ts')).pipelineCreate,
      ),
      entry(
        'pipeline list',
        'List the pipelines',
        async () => (await import('./commands/pipeline/list.ts')).pipelineList,
      ),
      entry(
        'pipeline show',
        'Show a pipeline: its inputs and stages',
        async () => (await import('./commands/pipeline/show.ts')).pipelineShow,
      ),
      entry(
        'pipeline delete',
        'Delete a pipeline; its jobs stay',
        async () => (await import('./commands/pipeline/delete.ts')).pipelineDelete,
      ),
      entry(
        'pipeline launch',
        'Launch a pipeline: queue a job',
        async () => (await import('./commands/pipeline/launch.ts')).pipelineLaunch,
      ),
    ],
  },
  {
    title: 'Jobs on the server',
    entries: [
      entry(
        'job list',
        'List jobs, newest first',
        async () => (await import('./commands/job/list.ts')).jobList,
      ),
      entry(
        'job show',
        'Show a job: state, inputs, stages, outputs',
        async () => (await import('./commands/job/show.ts')).jobShow,
      ),
      entry(
        'job logs',
        'Print the log of a job',
        async () => (await import('./commands/job/logs.ts')).jobLogs,
      ),
      entry(
        'job cancel',
        'Cancel a job',
        async () => (await import('./commands/job/cancel.ts')).jobCancel,
      ),
      entry(
        'job retry',
        'Launch a new job with the version and inputs of a finished one',
        async () => (await import('./commands/job/retry.ts')).jobRetry,
      ),
      entry(
        'job explain',
        'Say why a job waits, or why it ended as it did',
        async () => (await import('./commands/job/explain.ts')).jobExplain,
      ),
    ],
  },
  {
    title: 'Secrets on the server',
    entries: [
      entry(
        'secret set',
        'Set the value of a secret, or say which provider has it',
        async () => (await import('./commands/secret/set.ts')).secretSet,
      ),
      entry(
        'secret list',
        'List secrets, without their values',
        async () => (await import('./commands/secret/list.ts')).secretList,
      ),
      entry(
        'secret show',
        'Show what is known of a secret but its value',
        async () => (await import('./commands/secret/show.ts')).secretShow,
      ),
      entry(
        'secret rm',
        'Delete a secret with all its versions',
        async () => (await import('./commands/secret/rm.ts')).secretRm,
      ),
      entry(
        'secret grant',
        'Let pipelines have a secret',
        async () => (await import('./commands/secret/grant.ts')).secretGrant,
      ),
      entry(
        'secret revoke',
        'Take a secret back from pipelines',
        async () => (await import('./commands/secret/revoke.ts')).secretRevoke,
      ),
      entry(
        'secret versions',
        'List the versions of a secret',
        async () => (await import('./commands/secret/versions.ts')).secretVersions,
      ),
      entry(
        'secret rollback',
        'Make the value of an earlier version the current one',
        async () => (await import('./commands/secret/rollback.ts')).secretRollback,
      ),
      entry(
        'secret rotate',
        'Wrap everything that is sealed with the current master key',
        async () => (await import('./commands/secret/rotate.ts')).secretRotate,
      ),
    ],
  },
  {
    title: 'People and what they may',
    entries: [
      entry(
        'user add',
        'Make a user, with a temporary password',
        async () => (await import('./commands/user/add.ts')).userAdd,
      ),
      entry(
        'user list',
        'List the users',
        async () => (await import('./commands/user/list.ts')).userList,
      ),
      entry(
        'user show',
        'Show a user with their grants',
        async () => (await import('./commands/user/show.ts')).userShow,
      ),
      entry(
        'user set',
        'Give a user another role, or lock them out',
        async () => (await import('./commands/user/set.ts')).userSet,
      ),
      entry('user rm', 'Delete a user', async () => (await import('./commands/user/rm.ts')).userRm),
      entry(
        'user logout',
        'End all sessions of a user',
        async () => (await import('./commands/user/logout.ts')).userLogout,
      ),
      entry(
        'user reset-password',
        'Give a user a temporary password',
        async () => (await import('./commands/user/reset-password.ts')).userResetPassword,
      ),
      entry(
        'user change-password',
        'Change your own password',
        async () => (await import('./commands/user/change-password.ts')).userChangePassword,
      ),
      entry(
        'team add',
        'Make a team',
        async () => (await import('./commands/team/add.ts')).teamAdd,
      ),
      entry(
        'team list',
        'List the teams with their members',
        async () => (await import('./commands/team/list.ts')).teamList,
      ),
      entry(
        'team join',
        'Put users into a team',
        async () => (await import('./commands/team/join.ts')).teamJoin,
      ),
      entry(
        'team leave',
        'Take users out of a team',
        async () => (await import('./commands/team/leave.ts')).teamLeave,
      ),
      entry('team rm', 'Delete a team', async () => (await import('./commands/team/rm.ts')).teamRm),
      entry(
        'grant add',
        'Give a user or a team permissions by a pattern of names',
        async () => (await import('./commands/grant/add.ts')).grantAdd,
      ),
      entry(
        'grant list',
        'List the grants',
        async () => (await import('./commands/grant/list.ts')).grantList,
      ),
      entry(
        'grant rm',
        'Take a grant back',
        async () => (await import('./commands/grant/rm.ts')).grantRm,
      ),
      entry(
        'api-key create',
        'Make an API key for a program',
        async () => (await import('./commands/api-key/create.ts')).apiKeyCreate,
      ),
      entry(
        'api-key list',
        'List API keys, when they were used last and what they may',
        async () => (await import('./commands/api-key/list.ts')).apiKeyList,
      ),
      entry(
        'api-key revoke',
        'End an API key',
        async () => (await import('./commands/api-key/revoke.ts')).apiKeyRevoke,
      ),
      entry(
        'session list',
        'List where you are signed in',
        async () => (await import('./commands/session/list.ts')).sessionList,
      ),
      entry(
        'session end',
        'Sign out somewhere else',
        async () => (await import('./commands/session/end.ts')).sessionEnd,
      ),
      entry(
        'signing-key list',
        'List the keys that sign tokens',
        async () => (await import('./commands/signing-key/list.ts')).signingKeyList,
      ),
      entry(
        'signing-key rotate',
        'Replace the keys that sign tokens',
        async () => (await import('./commands/signing-key/rotate.ts')).signingKeyRotate,
      ),
    ],
  },
  {
    title: 'Running an installation',
    entries: [
      entry(
        'runner list',
        'List the runners',
        async () => (await import('./commands/runner/list.ts')).runnerList,
      ),
      entry(
        'runner show',
        'Show a runner: its tags, its pipelines, its load',
        async () => (await import('./commands/runner/show.ts')).runnerShow,
      ),
      entry(
        'runner token create',
        'Make a token that a runner registers with',
        async () => (await import('./commands/runner/token/create.ts')).runnerTokenCreate,
      ),
      entry(
        'runner token list',
        'List the tokens that runners register with',
        async () => (await import('./commands/runner/token/list.ts')).runnerTokenList,
      ),
      entry(
        'runner token delete',
        'Delete a token that runners register with',
        async () => (await import('./commands/runner/token/delete.ts')).runnerTokenDelete,
      ),
      entry(
        'runner pause',
        'Give runners no jobs for a while',
        async () => (await import('./commands/runner/pause.ts')).runnerPause,
      ),
      entry(
        'runner drain',
        'Let runners finish what they run, then end',
        async () => (await import('./commands/runner/drain.ts')).runnerDrain,
      ),
      entry(
        'runner resume',
        'Give runners jobs again that were paused or drained',
        async () => (await import('./commands/runner/resume.ts')).runnerResume,
      ),
      entry(
        'runner remove',
        'Take runners out of the installation',
        async () => (await import('./commands/runner/remove.ts')).runnerRemove,
      ),
      entry(
        'runner rotate',
        'Ask a runner to change its token',
        async () => (await import('./commands/runner/rotate.ts')).runnerRotate,
      ),
      entry(
        'runner revoke',
        'End a runner: its token is worth nothing any more',
        async () => (await import('./commands/runner/revoke.ts')).runnerRevoke,
      ),
      entry(
        'runner start',
        'Start a runner: it takes jobs and runs them in containers',
        async () => (await import('./commands/runner/start.ts')).runnerStart,
      ),
      entry(
        'orchestrator start',
        'Start an orchestrator: the API and the schedule, on a PostgreSQL database',
        async () => (await import('./commands/orchestrator/start.ts')).orchestratorStart,
      ),
      entry(
        'audit list',
        'List who did what, newest first',
        async () => (await import('./commands/audit/list.ts')).auditList,
      ),
      entry(
        'audit verify',
        'Check that nobody has changed the audit log',
        async () => (await import('./commands/audit/verify.ts')).auditVerify,
      ),
      entry(
        'migrate',
        'Bring the database to the version of this installation',
        async () => (await import('./commands/migrate.ts')).migrate,
      ),
      entry(
        'backup',
        'Write all that is in the database to a file, or check such a file',
        async () => (await import('./commands/backup.ts')).backup,
      ),
      entry(
        'restore',
        'Put a backup into an empty database',
        async () => (await import('./commands/restore.ts')).restore,
      ),
    ],
  },
];

/** All entries in order. */
export function allEntries(): readonly RegistryEntry[] {
  return registry.flatMap((group) => group.entries);
}

/** Names that may stand first, such as `run` and `job`. */
export function firstWords(): string[] {
  return [...new Set(allEntries().flatMap((known) => known.path.slice(0, 1)))];
}

/** The entries below a noun such as `job`; empty for a command of one word. */
export function entriesOf(noun: string): readonly RegistryEntry[] {
  return allEntries().filter((known) => known.path.length > 1 && known.path[0] === noun);
}
