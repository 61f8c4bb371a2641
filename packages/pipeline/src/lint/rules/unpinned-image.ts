// Images without a tag or digest: what they are changes under the pipeline.
import { readImageName } from '@rivet/base';
import type { Expression, TableConstructorExpression } from 'luaparse';
import type { LintedFile, LintRule } from '../rule.ts';
import { literalText, tableField } from '../syntax-tree.ts';

const TAKE_IMAGE = new Set(['container.with', 'container.pull']);

export const unpinnedImage: LintRule = {
  name: 'unpinned-image',
  finds: 'an image without a tag or a digest',
  check(file) {
    for (const written of writtenImages(file)) {
      const image = literalText(written);
      if (image === undefined || !isUnpinned(image)) continue;
      file.report(written, {
        message: `the image "${image}" has no tag or digest: what it is can change any day`,
        hint: `write "${image}:1.2" with the version you want, or ${image}@sha256:…`,
      });
    }
  },
};

/** What stands where an image is expected. */
function writtenImages({ calls, source }: LintedFile): Expression[] {
  // Their table form is looked at as a table.
  const called = calls.flatMap(({ name, args }) => (TAKE_IMAGE.has(name) ? args.slice(0, 1) : []));
  const inTables = source.nodes.flatMap((node) =>
    node.type === 'TableConstructorExpression' ? imagesOf(node) : [],
  );
  return [...called, ...inTables];
}

function imagesOf(table: TableConstructorExpression): Expression[] {
  const isStage = tableField(table, 'script') !== undefined;
  const container = isStage ? tableField(table, 'container') : undefined;
  const image = tableField(table, 'image');
  return [container, image].filter((value) => value !== undefined);
}

function isUnpinned(image: string): boolean {
  const name = readImageName(image);
  return !('problem' in name) && name.tag === undefined && name.digest === undefined;
}
