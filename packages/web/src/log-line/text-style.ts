// Colours and styles of log text, as SGR parameters change them and as class names say them.

/** What text looks like. Colours are numbers of the 256-colour palette. */
export interface TextStyle {
  readonly foreground: number | undefined;
  readonly background: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly strike: boolean;
  readonly inverse: boolean;
}

export const PLAIN: TextStyle = {
  foreground: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

/** More in one sequence have no use. */
const CODES_MAX = 32;

const SWITCHES: Readonly<Record<number, Partial<TextStyle>>> = {
  0: PLAIN,
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  // 8, conceal, is left out: nothing of a log is hidden from who reads it.
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { foreground: undefined },
  49: { background: undefined },
};

/** The style after a sequence with `parameters`, such as `1;38;5;208`. Unknown codes do nothing. */
export function applySgr(style: TextStyle, parameters: string): TextStyle {
  let result = style;
  // A colon separates parts of one parameter; `38:2::r:g:b` has an empty part for a colour space.
  const codes = parameters.replace(/([34]8:2):\d*:(?=\d*:\d*:)/g, '$1:').split(/[;:]/, CODES_MAX);
  for (let index = 0; index < codes.length; index += 1) {
    const code = Number(codes[index]);
    if (code === 38 || code === 48) {
      const [colour, used] = readColour(codes.slice(index + 1, index + 5).map(Number));
      index += used;
      if (colour === undefined) continue;
      result = { ...result, [code === 38 ? 'foreground' : 'background']: colour };
    } else {
      result = { ...result, ...(SWITCHES[code] ?? basicColour(code)) };
    }
  }
  return result;
}

function basicColour(code: number): Partial<TextStyle> {
  if (code >= 30 && code <= 37) return { foreground: code - 30 };
  if (code >= 40 && code <= 47) return { background: code - 40 };
  if (code >= 90 && code <= 97) return { foreground: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { background: code - 100 + 8 };
  return {};
}

/** `[5, n]` or `[2, r, g, b]`: the colour, if it is one, and how many codes it took. */
function readColour([form, ...rest]: readonly number[]): [number | undefined, number] {
  if (form === 5) {
    const [index = Number.NaN] = rest;
    return [Number.isInteger(index) && index <= 255 ? index : undefined, 2];
  }
  if (form !== 2) return [undefined, 1];
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = rest;
  const valid = [red, green, blue].every((part) => part >= 0 && part <= 255);
  // The page allows no inline styles, so true colours become the nearest of the 6×6×6 cube.
  const level = (part: number): number => Math.round((part / 255) * 5);
  return [valid ? 16 + 36 * level(red) + 6 * level(green) + level(blue) : undefined, 4];
}

/** Class names of a style; none for plain text. */
export function styleClasses(style: TextStyle): string[] {
  const { bold, dim, italic, underline, strike, inverse } = style;
  const { foreground, background } = visibleColours(style);
  return [
    ...(foreground === undefined ? [] : [`fg-${foreground}`]),
    ...(background === undefined ? [] : [`bg-${background}`]),
    ...Object.entries({ bold, dim, italic, underline, strike, inverse })
      .filter(([, on]) => on)
      .map(([name]) => name),
  ];
}

/** Text in the colour of its background could not be read: the background goes. */
function visibleColours({ foreground, background }: TextStyle): Partial<TextStyle> {
  return foreground === background ? { foreground } : { foreground, background };
}
