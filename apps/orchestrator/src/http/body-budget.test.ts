// Large bodies are counted, for all and for each caller, and given back with the end of the answer.
import { EventEmitter } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { createBodyBudget } from './body-budget.ts';

const limits = { countedBytes: 10, totalBytes: 250, callerBytes: 100 };

function request(runnerId: string, headers: Record<string, string>, method = 'POST') {
  const principal = { kind: 'runner', runnerId, name: runnerId };
  return {
    ...{ method, headers, principal, ip: '::1' },
    routeOptions: { bodyLimit: 80 },
  } as unknown as FastifyRequest;
}

function reply() {
  const raw = new EventEmitter();
  return { raw, header: () => undefined } as unknown as FastifyReply & { raw: EventEmitter };
}

describe('the budget of bodies', () => {
  it('is shared by all, and nobody takes all of it', () => {
    const budget = createBodyBudget(limits);
    const answers = [];
    for (const caller of ['a', 'b', 'c']) {
      const answer = reply();
      budget.reserve(request(caller, { 'content-length': '80' }), answer);
      answers.push(answer);
    }
    const busy = expect.objectContaining({ code: 'RIVET_SERVER_BUSY' });
    const second = request('a', { 'content-length': '30' });
    expect(() => budget.reserve(second, reply())).toThrow(busy);
    expect(() => budget.reserve(request('d', { 'content-length': '20' }), reply())).toThrow(busy);
    expect(budget.bytes).toBe(240);
    for (const answer of answers) answer.raw.emit('close');
    expect(budget.bytes).toBe(0);
    budget.reserve(second, reply());
    expect(budget.bytes).toBe(30);
  });

  it('takes a body in chunks for the largest that it can be, and no body for more than that', () => {
    const budget = createBodyBudget(limits);
    budget.reserve(request('a', { 'transfer-encoding': 'chunked' }), reply());
    expect(budget.bytes).toBe(80);
    budget.reserve(request('b', { 'content-length': '9999' }), reply());
    expect(budget.bytes).toBe(160);
  });

  it('does not count what is small, or no body at all', () => {
    const budget = createBodyBudget(limits);
    budget.reserve(request('a', { 'content-length': '10' }), reply());
    budget.reserve(request('a', {}), reply());
    budget.reserve(request('a', { 'transfer-encoding': 'chunked' }, 'GET'), reply());
    expect(budget.bytes).toBe(0);
  });
});
