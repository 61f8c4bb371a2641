// For tests: texts that try to be SQL, patterns, paths or templates where they should be values.

const openings = [
  "'",
  '"',
  "\\'",
  "')",
  "'))",
  '`',
  '$$',
  '$tag$',
  "E'\\'",
  "U&'\\0027",
  '\u02bc',
  '\uff07',
  '\u2019',
  '\u00bf\u0027',
  '1',
  '-1',
];
const statements = [
  ' OR 1=1',
  " OR 'a'='a",
  '; DROP TABLE users CASCADE',
  '; SELECT pg_sleep(60)',
  ' UNION SELECT NULL, name, password_hash FROM users',
  ' AND 1=CAST((SELECT version()) AS integer)',
  '||(SELECT pg_sleep(60))||',
  "; COPY users TO PROGRAM 'id'",
  "; UPDATE users SET role = 'admin'",
  '; DELETE FROM pipelines',
  ") ON CONFLICT DO UPDATE SET role='admin'",
  '; SET ROLE postgres',
  "; SELECT lo_import('/etc/passwd')",
];
const endings = ['--', ' -- -', '/*', ';', '#', "'", '$$', '\\'];

const others = [
  ...['%', '_', '%%%', '*', '**', '[a-z]', '\\', '\\\\', '\\%', '^', '.*', '~'],
  ...['NULL', 'null', 'true', 'undefined', 'NaN', '{}', '[]', '{"$gt":""}', '[null]', '0', '-0'],
  ...['$1', '$99', '$1::text', ':name', '?', '??', '@@version', '@a', '{1}'],
  ...['\n', '\r\n', '\t', ' ', '\u00a0', '\u2028', '\u200b', '\ufeff', '\u202eabc', '\u0001'],
  ...['a\0b', '\0', '\ufffe', '\u{10ffff}', '\u{1f4a3}', 'e\u0301', `a${'\u0301'.repeat(100)}`],
  ...['..', '../../etc/passwd', '%2e%2e', '%00', '..\\..\\x', '/etc/passwd', 'file:///etc/passwd'],
  ...['$(id)', '`id`', '| id', '; id', '&& id', '-rf', '--help', '{{7*7}}', '<%= 7*7 %>'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'prototype'],
  ...["'".repeat(150), '('.repeat(150), '%'.repeat(200), 'x'.repeat(201), 'x'.repeat(50_000)],
];

/** All well-formed; more than 250. */
export const hostileStrings: readonly string[] = [
  ...openings.flatMap((opening, row) =>
    statements.map(
      (statement, column) => opening + statement + (endings[(row + column) % endings.length] ?? ''),
    ),
  ),
  ...others,
];
