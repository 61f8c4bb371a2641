// Finds where in a template its values stand, and refuses places where escaping cannot help.

/**
 * Where a value stands: in text, in a quoted attribute, at the beginning of one that holds an
 * address, further on in its path, or in what comes after the path.
 */
export type Place = 'text' | 'attribute' | 'url' | 'url-segment' | 'url-part';

const URL_ATTRIBUTES = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'poster',
  'cite',
  'hx-get',
  'hx-post',
  'hx-put',
  'hx-delete',
  'hx-push-url',
]);

/** Attributes whose value is a program, a style sheet or a document. */
const CODE_ATTRIBUTE =
  /^(on|hx-on|hx-vars$|hx-vals$|hx-headers$|hx-trigger$|style$|srcdoc$|srcset$)/;

/** Elements whose content is no text in which entities are read. */
const RAW_ELEMENTS = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'noscript', 'xmp']);
/** Of those, the ones in which escaped text is shown as it should be. */
const ESCAPABLE_ELEMENTS = new Set(['textarea', 'title']);

type State =
  | { readonly in: 'text' }
  | { readonly in: 'raw'; readonly element: string }
  | { readonly in: 'comment' }
  | { readonly in: 'tag'; readonly element: string }
  | {
      readonly in: 'value';
      readonly element: string;
      readonly attribute: string;
      readonly quote: string;
      /** Whether nothing of the value has been written yet. */
      readonly empty: boolean;
      /** Whether the path of an address is over. */
      readonly query: boolean;
    };

/**
 * The place of each value of a template.
 * @throws TypeError for a template in which a value stands where no escaping makes it safe
 */
export function placesOf(strings: readonly string[]): Place[] {
  const places: Place[] = [];
  let state: State = { in: 'text' };
  for (const [index, part] of strings.entries()) {
    state = advance(state, part);
    if (index === strings.length - 1) break;
    places.push(placeIn(state));
    if (state.in === 'value') state = { ...state, empty: false };
  }
  if (state.in !== 'text') throw new TypeError(`the template ends inside ${describe(state)}`);
  return places;
}

function placeIn(state: State): Place {
  if (state.in === 'text') return 'text';
  if (state.in === 'raw' && ESCAPABLE_ELEMENTS.has(state.element)) return 'attribute';
  if (state.in !== 'value' || CODE_ATTRIBUTE.test(state.attribute)) {
    throw new TypeError(`a value cannot stand inside ${describe(state)}`);
  }
  if (!URL_ATTRIBUTES.has(state.attribute)) return 'attribute';
  if (state.empty) return 'url';
  return state.query ? 'url-part' : 'url-segment';
}

function describe(state: State): string {
  switch (state.in) {
    case 'text':
      return 'text';
    case 'comment':
      return 'a comment';
    case 'raw':
      return `<${state.element}>`;
    case 'tag':
      return `the tag <${state.element}> outside of a quoted attribute`;
    case 'value':
      return `the attribute ${state.attribute} of <${state.element}>`;
  }
}

/** The state after `part`, which begins in `state`. */
function advance(state: State, part: string): State {
  let current = state;
  let rest = part;
  while (rest !== '') {
    const [next, taken] = step(current, rest);
    current = next;
    rest = rest.slice(taken);
  }
  return current;
}

function step(state: State, rest: string): [State, number] {
  switch (state.in) {
    case 'text':
      return stepText(rest);
    case 'comment': {
      const end = rest.indexOf('-->');
      return end < 0 ? [state, rest.length] : [{ in: 'text' }, end + 3];
    }
    case 'raw': {
      const end = rest.toLowerCase().indexOf(`</${state.element}`);
      return end < 0 ? [state, rest.length] : [{ in: 'text' }, end];
    }
    case 'tag':
      return stepTag(state.element, rest);
    case 'value': {
      const end = rest.indexOf(state.quote);
      const query = state.query || /[?#]/.test(rest);
      if (end < 0) return [{ ...state, empty: false, query }, rest.length];
      return [{ in: 'tag', element: state.element }, end + 1];
    }
  }
}

function stepText(rest: string): [State, number] {
  const begin = rest.indexOf('<');
  if (begin < 0) return [{ in: 'text' }, rest.length];
  if (rest.startsWith('<!--', begin)) return [{ in: 'comment' }, begin + 4];
  const name = /^<[/!]?([a-zA-Z][\w-]*)/.exec(rest.slice(begin));
  if (name === null)
    throw new TypeError(`"<" begins no tag here: ${rest.slice(begin, begin + 20)}`);
  // The content of a closing tag's element is over.
  const element = (rest[begin + 1] === '/' ? '/' : '') + (name[1] ?? '').toLowerCase();
  return [{ in: 'tag', element }, begin + name[0].length];
}

function stepTag(element: string, rest: string): [State, number] {
  if (rest.startsWith('>')) {
    return [RAW_ELEMENTS.has(element) ? { in: 'raw', element } : { in: 'text' }, 1];
  }
  const attribute = /^([a-zA-Z_:][\w:.-]*)=(["'])/.exec(rest);
  if (attribute === null) {
    const skipped = /^([\s/]+|[a-zA-Z_:][\w:.-]*(?!=|[\w:.-]))/.exec(rest);
    if (skipped === null) {
      throw new TypeError(`the tag <${element}> has an attribute without quotes: ${rest}`);
    }
    return [{ in: 'tag', element }, skipped[0].length];
  }
  const [whole, name = '', quote = ''] = attribute;
  const begun = { empty: true, query: false };
  const value: State = { in: 'value', element, attribute: name.toLowerCase(), quote, ...begun };
  return [value, whole.length];
}
