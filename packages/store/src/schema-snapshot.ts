// The schema as text, for the committed snapshot: what the migrations really made.
import type { Database } from './database.ts';
import { repeatable } from './statement.ts';

const columns = repeatable(
  'snapshot_columns',
  // Partitions are named after the time at which they were made.
  `SELECT c.relname AS name, COALESCE(' PARTITION BY ' || pg_get_partkeydef(c.oid), '')
       -- How full its pages are and when it is vacuumed.
       || COALESCE(E'\n  WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options,
     string_agg('  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || CASE WHEN a.attgenerated = 's'
         THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
         ELSE COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') END,
       E',\n' ORDER BY a.attnum) AS body
   FROM pg_class c
   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   GROUP BY c.oid, c.relname ORDER BY c.relname`,
);
const constraints = repeatable(
  'snapshot_constraints',
  `SELECT conrelid::regclass::text AS name, conname, pg_get_constraintdef(oid) AS body
   FROM pg_constraint
   WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
     AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)
     -- Newer versions of PostgreSQL list NOT NULL here too; the columns say it already.
     AND contype <> 'n'
   ORDER BY 1, conname`,
);
const indexes = repeatable(
  'snapshot_indexes',
  `SELECT pg_get_indexdef(oid) AS body FROM pg_class
   WHERE relnamespace = 'public'::regnamespace AND relkind IN ('i', 'I') AND NOT relispartition
   ORDER BY relname`,
);
const functions = repeatable(
  'snapshot_functions',
  `SELECT pg_get_functiondef(oid) AS body FROM pg_proc
   WHERE pronamespace = 'public'::regnamespace ORDER BY proname`,
);
const triggers = repeatable(
  'snapshot_triggers',
  `SELECT pg_get_triggerdef(oid) AS body FROM pg_trigger
   WHERE NOT tgisinternal AND tgparentid = 0 ORDER BY tgname`,
);

/** Tables, constraints, indexes, functions and triggers as SQL, in an order that never changes. */
export async function readSchemaSnapshot(database: Database): Promise<string> {
  const tables = await database.query<{ name: string; options: string; body: string }>(columns);
  const rules = await database.query<{ name: string; conname: string; body: string }>(constraints);
  const statements = [
    ...tables.map((row) => `CREATE TABLE ${row.name} (\n${row.body}\n)${row.options};`),
    ...rules.map((row) => `ALTER TABLE ${row.name} ADD CONSTRAINT ${row.conname} ${row.body};`),
  ];
  for (const statement of [indexes, functions, triggers]) {
    const rows = await database.query<{ body: string }>(statement);
    statements.push(...rows.map(({ body }) => `${body.trimEnd()};`));
  }
  const header = '-- The schema that the migrations make. A test writes and compares it.';
  return `${[header, ...statements].join('\n\n')}\n`;
}
