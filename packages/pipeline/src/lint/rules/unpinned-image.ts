// Images without a tag or digest: what they are changes under the pipeline.
import { readImageName } from '@rivet/base';
import type { Expression, Node } from 'luaparse';
import { globalCall, type LintedFile, type LintRule } from '../rule.ts';
import { literalText, tableField, walk } from '../syntax-tree.ts';

export const unpinnedImage: LintRule = {
  name: 'unpinned-image',
  finds: 'an image without a tag or a digest',
  check(file) {
    for (const { node } of walk(file.source.chunk)) {
      for (const written of imagesAt(file, node)) {
        const image = literalText(written);
        if (image === undefined || !isUnpinned(image)) continue;
        file.report(written, {
          message: `the image "${image}" has no tag or digest: what it is can change any day`,
          hint: `write "${image}:1.2" with the version you want, or ${image}@sha256:…`,
        });
      }
    }
  },
};

function imagesAt(file: LintedFile, node: Node): Expression[] {
  const call = globalCall(file, node);
  if (call?.name === 'container.with' || call?.name === 'container.pull') {
    // The table form is looked at as a table.
    return call.args.slice(0, 1);
  }
  if (node.type !== 'TableConstructorExpression') return [];
  const isStage = tableField(node, 'script') !== undefined;
  const container = isStage ? tableField(node, 'container') : undefined;
  const image = tableField(node, 'image');
  return [container, image].filter((value) => value !== undefined);
}

function isUnpinned(image: string): boolean {
  const name = readImageName(image);
  return !('problem' in name) && name.tag === undefined && name.digest === undefined;
}
