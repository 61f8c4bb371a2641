// Secrets as people have them, and as somebody would choose them to confuse the search.
import type { Random } from '@rivet/base';

const ALPHABETS: readonly (readonly string[])[] = [
  [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'],
  [...'0123456789abcdef'],
  [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='],
  Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)),
  [...'aäöß日本🚀é\u00a0€'],
  [...'ab'],
  [...'aA=+/'],
  [...`"'\\ $&<>%`, 'a', 'é'],
  [...'0', '1', 'a', ' ', ','],
];
const LINE_ENDS = ['\n', '\r\n'];

/** One to three secrets; one may be part of another, overlap it or begin like it. */
export function randomSecrets(random: Random): string[] {
  const first = randomSecret(random);
  const secrets = [first];
  while (secrets.length < 3 && random.once(2)) secrets.push(relative(random, first));
  return secrets.filter((secret) => Buffer.byteLength(secret.trim()) >= 4);
}

/** At least four bytes when blanks around it are left out. */
function randomSecret(random: Random): string {
  for (;;) {
    const secret = random.once(8) ? severalLines(random) : oneLine(random);
    if (Buffer.byteLength(secret.trim()) >= 4) return secret;
  }
}

function oneLine(random: Random): string {
  const alphabet = random.pick(ALPHABETS);
  const length = random.once(10) ? random.between(60, 300) : random.between(4, 40);
  return Array.from({ length }, () => random.pick(alphabet)).join('');
}

/** As a key has them. */
function severalLines(random: Random): string {
  const lines = Array.from({ length: random.between(2, 6) }, () =>
    random.once(6) ? random.pick(['', '}', '--']) : oneLine(random),
  );
  return lines.join(random.pick(LINE_ENDS)) + random.pick(['', '\n']);
}

function relative(random: Random, secret: string): string {
  const letters = [...secret];
  const at = random.below(letters.length);
  const part = letters.slice(at, at + random.between(4, 12)).join('');
  switch (random.below(5)) {
    case 0:
      return part;
    case 1:
      return letters.slice(at).join('') + oneLine(random);
    case 2:
      return letters.slice(0, at).join('') + oneLine(random);
    case 3:
      return '****';
    default:
      return randomSecret(random);
  }
}
