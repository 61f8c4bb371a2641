// Names that mean nothing: globals that nobody sets, members that a module does not have.
import { nearest } from '@rivet/base';
import type { LintRule } from '../rule.ts';

export const unknownGlobal: LintRule = {
  name: 'unknown-global',
  finds: 'a global that neither Rivet nor the pipeline defines',
  check({ names, surface, ownGlobals, report }) {
    const known = new Set([...surface.globals, ...ownGlobals, '_ENV']);
    for (const identifier of names.globalReads) {
      const { name } = identifier;
      if (known.has(name)) continue;
      const local = names.locals.some((variable) => variable.name === name);
      report(identifier, {
        message: `nothing is called "${name}" here: it is nil`,
        hint: local
          ? `the local "${name}" of this file ends before this line; declare it further out`
          : (ABSENT[name] ?? 'define it, or correct the name'),
        misspelt: { name, known: [...known, ...names.locals.map((variable) => variable.name)] },
      });
    }
  },
};

/** What authors look for who know another Lua. */
const ABSENT: Readonly<Record<string, string>> = {
  io: 'a pipeline has no io: use the module fs for files in /workspace, process for commands',
  package: 'a pipeline has no package: require loads plugins and files of the pipeline',
  dofile: 'a pipeline has no dofile: use require with a file of the pipeline',
  loadfile: 'a pipeline has no loadfile: use require with a file of the pipeline',
  loadstring: 'Lua 5.3 has load in its place',
  unpack: 'Lua 5.3 has table.unpack in its place',
  setfenv: 'Lua 5.3 has no setfenv',
  getfenv: 'Lua 5.3 has no getfenv',
  collectgarbage: 'the memory of a pipeline is collected by itself',
};

const ABSENT_MEMBERS: Readonly<Record<string, string>> = {
  'os.execute': 'process.run and process.sh run commands, in a container',
  'os.remove': 'fs.remove removes files of /workspace',
  'os.rename': 'fs.move moves files of /workspace',
  'os.exit': 'error("why") ends a stage as failed, return ends it as succeeded',
  'string.dump': 'a pipeline has no bytecode',
};

export const unknownMember: LintRule = {
  name: 'unknown-member',
  finds: 'a function or field that a module does not have',
  check({ source, names, surface, ownGlobals, report }) {
    for (const node of source.nodes) {
      if (node.type !== 'MemberExpression' || node.base.type !== 'Identifier') continue;
      const module = node.base.name;
      const members = surface.modules.get(module);
      if (members === undefined || names.variables.has(node.base)) continue;
      const member = node.identifier.name;
      if (members.has(member) || ownGlobals.has(module)) continue;
      const near = nearest(member, members);
      report(node.identifier, {
        message: `the module "${module}" has no "${member}"`,
        hint:
          ABSENT_MEMBERS[`${module}.${member}`] ??
          `${module} has ${[...members].sort().join(', ')}`,
        ...(near === undefined ? {} : { misspelt: { name: member, known: [near] } }),
      });
    }
  },
};

export const globalAssignment: LintRule = {
  name: 'global-assignment',
  finds: 'a variable that is global because `local` was forgotten',
  check({ names, surface, report }) {
    for (const identifier of names.globalWrites) {
      const { name } = identifier;
      report(identifier, {
        message: surface.globals.has(name)
          ? `this replaces the global "${name}" of Rivet for the whole pipeline`
          : `"${name}" is a global variable: stages that run at the same time share it`,
        hint: surface.globals.has(name)
          ? 'give the variable another name and make it local'
          : `write local ${name}`,
      });
    }
  },
};
