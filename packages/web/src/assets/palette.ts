// The 256 colours of terminals as a style sheet, readable on the page's own backgrounds.

/** The sixteen that programs use most, as names of the style sheet, light and dark. */
const BASIC = 16;

/** `.fg-n` and `.bg-n` for every colour of the palette. */
export function paletteCss(): string {
  const rules: string[] = [];
  for (let index = 0; index < 256; index += 1) {
    const colour = index < BASIC ? `var(--ansi-${index})` : hex(index);
    // Colours of the cube are mixed towards the colour of text until they can be read on the page.
    const shown = index < BASIC ? colour : `color-mix(in srgb, ${colour} 72%, var(--ink))`;
    rules.push(`.fg-${index}{color:${shown}}.bg-${index}{background:${colour}}`);
  }
  return rules.join('\n');
}

function hex(index: number): string {
  if (index >= 232) return toHex(Array(3).fill(8 + (index - 232) * 10));
  const level = (part: number): number => (part === 0 ? 0 : 55 + part * 40);
  const cube = index - 16;
  return toHex([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map(level));
}

function toHex(parts: readonly number[]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}
