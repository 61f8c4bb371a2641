// Turns are given out by weight, exactly, and nobody saves any up.
import { expect, test } from 'vitest';
import { type Contender, FairShare } from './fair-share.ts';

const contender = (name: string, weight = 1): Contender => ({ name, weight, first: name });

/** Names in the order of `count` turns that are taken one by one. */
function takeTurns(share: FairShare, count: number): string {
  let order = '';
  for (let turn = 0; turn < count; turn += 1) {
    const [next] = share.next(1);
    if (next === undefined) return order;
    order += next.name;
    share.take(new Map([[next.name, 1]]));
  }
  return order;
}

function shareOf(...contenders: Contender[]): FairShare {
  const share = new FairShare();
  share.setContenders(contenders);
  return share;
}

test('equal weights take turns, who has waited longest first', () => {
  const share = shareOf({ ...contender('z'), first: '1' }, contender('b'), contender('a'));
  expect(takeTurns(share, 7)).toBe('zabzabz');
});

test('turns are as many as weights say, spread out', () => {
  const share = shareOf(contender('a', 1), contender('b', 2), contender('c', 4));
  expect(takeTurns(share, 14)).toBe('abccbccabccbcc');
});

test('many turns at once are those that one by one would be', () => {
  const contenders = [contender('a', 5), contender('b', 3), contender('c', 1)];
  const [single, batch] = [shareOf(...contenders), shareOf(...contenders)];
  const counts = new Map<string, number>();
  for (let round = 0; round < 10; round += 1) {
    for (const name of takeTurns(single, 9)) counts.set(name, (counts.get(name) ?? 0) + 1);
    batch.take(new Map(batch.next(9).map(({ name, count }) => [name, count])));
  }
  expect(counts).toEqual(
    new Map([
      ['a', 50],
      ['b', 30],
      ['c', 10],
    ]),
  );
  expect(takeTurns(batch, 9)).toBe(takeTurns(single, 9));
});

test('turns that are not taken stay owed', () => {
  const share = shareOf(contender('a'), contender('b'));
  for (let round = 0; round < 5; round += 1) share.take(new Map([['a', 1]]));
  expect(share.next(6)).toEqual([
    { name: 'a', first: 'a', count: 1 },
    { name: 'b', first: 'b', count: 5 },
  ]);
});

test('who had nothing to run has saved nothing up, and owes nothing for what it ran alone', () => {
  const share = shareOf(contender('a'), contender('b'));
  expect(takeTurns(share, 40)).toBe('ab'.repeat(20));
  share.setContenders([contender('a'), contender('b'), contender('c')]);
  // The last turn began with b: whoever comes now begins with it.
  expect(takeTurns(share, 5)).toBe('cabca');
});

test('who has come and gone begins anew', () => {
  const share = shareOf(contender('a'), contender('b'));
  takeTurns(share, 10);
  share.setContenders([contender('a')]);
  expect(share.isContended).toBe(false);
  expect(takeTurns(share, 10)).toBe('a'.repeat(10));
  share.setContenders([contender('a'), contender('b')]);
  const order = takeTurns(share, 6);
  expect([...order].filter((name) => name === 'b').length).toBe(3);
});

test('nobody is starved: the least weight gets its turn among the greatest ones', () => {
  const heavy = Array.from({ length: 9 }, (_, n) => contender(`${n}`, 1000));
  const share = shareOf(...heavy, contender('z'));
  const order = takeTurns(share, 9001);
  expect(order.indexOf('z')).toBeLessThanOrEqual(9);
  expect([...order].filter((name) => name === 'z').length).toBe(1);
  expect(takeTurns(share, 10)).toContain('z');
});

test('a search goes on where the last one ended, and forgets who has nothing', () => {
  const share = shareOf(contender('a'), contender('b'), contender('c'));
  share.advance('a', 'a5');
  share.advance('a', 'a3');
  share.drop('b');
  share.advance('b', 'b9');
  expect(share.next(2)).toEqual([
    { name: 'a', first: 'a5', count: 1 },
    { name: 'c', first: 'c', count: 1 },
  ]);
});
