// The index of images that Podman keeps, and what is believed of it.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageIndex, readNames } from './image-index.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const NAME = 'localhost/some/image:latest';

describe('reading an index', () => {
  it('takes the id of each name, and passes over what has another shape', () => {
    const images = [
      { id: A, names: [NAME, 'localhost/other:1'] },
      { id: B },
      { id: 'short', names: ['localhost/short:1'] },
      { id: B, names: [7, 'localhost/b:1'] },
    ];
    expect([...readNames(JSON.stringify(images))]).toEqual([
      [NAME, A],
      ['localhost/other:1', A],
      ['localhost/b:1', B],
    ]);
  });

  it('does not choose between two images with one name', () => {
    const images = [
      { id: A, names: [NAME] },
      { id: B, names: [NAME] },
    ];
    expect(readNames(JSON.stringify(images)).has(NAME)).toBe(false);
  });

  it.each(['', '{', 'null', '7'])('throws at %j', (text) => {
    expect(() => readNames(text)).toThrow();
  });
});

describe('an index of images', () => {
  let directory: string;
  let file: string;
  let cacheFile: string;
  const open = (machine = 'boot 1', env = {}) =>
    new ImageIndex({
      env: { HOME: directory, ...env },
      cacheFile,
      machine: async () => machine,
      storage: join(directory, 'storage'),
    });
  const write = (id: string, name = NAME) =>
    writeFileAtomically(file, JSON.stringify([{ id, names: [name] }]));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rivet-index-'));
    await mkdir(join(directory, 'storage/overlay-images'), { recursive: true });
    file = join(directory, 'storage/overlay-images/images.json');
    cacheFile = join(directory, 'cache/podman-images.json');
    await write(A);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is not believed before Podman has said the same', async () => {
    const index = open();
    expect(await index.find(NAME)).toBeUndefined();
    await index.confirm(NAME, B);
    expect(await index.find(NAME)).toBeUndefined();
    await index.confirm(NAME, A);
    expect(await index.find(NAME)).toBe(A);
    expect(await index.find('localhost/never:1')).toBeUndefined();
  });

  it('tells of a name that came to stand for another image, and of one that is gone', async () => {
    const index = open();
    await index.confirm(NAME, A);
    await write(B);
    expect(await index.find(NAME)).toBe(B);
    await write(B, 'localhost/renamed:1');
    expect(await index.find(NAME)).toBeUndefined();
    await rm(file);
    expect(await index.find('localhost/renamed:1')).toBeUndefined();
  });

  it('is remembered for the next process of the same boot and settings', async () => {
    await open().confirm(NAME, A);
    expect(await open().find(NAME)).toBe(A);
    expect(await open('boot 2').find(NAME)).toBeUndefined();
    expect(await open('boot 1', { STORAGE_DRIVER: 'vfs' }).find(NAME)).toBeUndefined();
    await writeFile(cacheFile, 'no JSON');
    expect(await open().find(NAME)).toBeUndefined();
    expect(await readFile(file, 'utf8')).toContain(A);
  });

  it('is found where the settings of the storage say', async () => {
    const elsewhere = join(directory, 'else where');
    await mkdir(join(elsewhere, 'vfs-images'), { recursive: true });
    await writeFile(
      join(elsewhere, 'vfs-images/images.json'),
      JSON.stringify([{ id: B, names: [NAME] }]),
    );
    await mkdir(join(directory, '.config/containers'), { recursive: true });
    await writeFile(
      join(directory, '.config/containers/storage.conf'),
      '[storage]\ndriver = "vfs"\ngraphroot = "$HOME/else where"\n',
    );
    const index = open();
    await index.confirm(NAME, B);
    expect(await index.find(NAME)).toBe(B);
  });

  it('is asked no more after it was wrong, until Podman has confirmed it again', async () => {
    const index = open();
    await index.confirm(NAME, A);
    index.doubt();
    expect(await index.find(NAME)).toBeUndefined();
    await index.confirm(NAME, A);
    expect(await index.find(NAME)).toBe(A);
  });
});
