// Reads the mounts of RUN in a Containerfile, and refuses those that lead out of the build.

const READ_ONLY = new Set(['ro', 'readonly']);
const TARGETS = new Set(['target', 'dst', 'destination']);
const SECRET_KEYS = new Set(['type', 'id', 'required', 'mode', 'uid', 'gid', ...TARGETS]);
const TMPFS_KEYS = new Set(['type', 'size', 'mode', ...TARGETS]);
const BIND_KEYS = new Set(['type', 'from', ...READ_ONLY, ...TARGETS]);

/**
 * The image or stage that a mount is from; undefined when it is from none. Podman follows links in
 * the source of a mount, and `..` in the id of a cache, on the machine itself; and what is in a
 * cache comes from other jobs. So whole contexts, images and stages can be mounted, to read,
 * besides secrets and memory.
 */
export function mountSource(
  mount: string,
): { readonly from: string | undefined } | { readonly problem: string } {
  const entries = mount.split(',').map((part) => {
    const [key = '', ...value] = part.split('=');
    return { key, value: value.join('='), hasValue: part.includes('=') };
  });
  const types = entries.filter(({ key }) => key === 'type').map(({ value }) => value);
  const [type = 'bind'] = types;
  const known = type === 'bind' ? BIND_KEYS : type === 'secret' ? SECRET_KEYS : TMPFS_KEYS;
  if (types.length > 1 || !['bind', 'secret', 'tmpfs'].includes(type)) {
    return { problem: `RUN --mount=${mount}: expected type=secret, type=tmpfs or type=bind` };
  }
  const wrong = entries.find(
    ({ key, value, hasValue }) =>
      !known.has(key) || (READ_ONLY.has(key) && hasValue && value !== 'true'),
  );
  if (wrong !== undefined) {
    const all = [...known].join(', ');
    return { problem: `RUN --mount=${mount}: of a mount of type ${type} a build knows ${all}` };
  }
  const sources = entries.filter(({ key }) => key === 'from').map(({ value }) => value);
  if (sources.length > 1) return { problem: `RUN --mount=${mount} names several sources` };
  return { from: sources[0] };
}
