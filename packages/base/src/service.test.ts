// Services: started once, stopped once, in order, whatever fails.
import { describe, expect, it } from 'vitest';
import { createService, startAll, stopAll } from './service.ts';

function recorded(name: string, events: string[], fails: 'start' | 'stop' | undefined = undefined) {
  const verb = (word: 'start' | 'stop') => async (): Promise<void> => {
    events.push(`${word} ${name}`);
    if (fails === word) throw new Error(`${name} cannot ${word}`);
  };
  return createService(name, { start: verb('start'), stop: verb('stop') });
}

describe('a service', () => {
  it('starts once and stops once, however often it is told', async () => {
    const events: string[] = [];
    const service = recorded('a', events);
    await Promise.all([service.start(), service.start()]);
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
    expect(events).toEqual(['start a', 'stop a']);
  });

  it('can be stopped before it was started, and then does not start', async () => {
    const events: string[] = [];
    const service = recorded('a', events);
    await service.stop();
    await expect(service.start()).rejects.toThrow('a was stopped already');
    expect(events).toEqual([]);
  });
});

describe('several services', () => {
  it('stop in the opposite order', async () => {
    const events: string[] = [];
    const services = [recorded('a', events), recorded('b', events)];
    await startAll(services);
    await stopAll(services);
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('that run are stopped when one of them does not start', async () => {
    const events: string[] = [];
    const services = [recorded('a', events), recorded('b', events, 'start'), recorded('c', events)];
    await expect(startAll(services)).rejects.toThrow('b cannot start');
    expect(events).toEqual(['start a', 'start b', 'stop a']);
  });

  it('are all stopped when one of them fails to stop, and its error is told', async () => {
    const events: string[] = [];
    const services = [recorded('a', events), recorded('b', events, 'stop')];
    await startAll(services);
    await expect(stopAll(services)).rejects.toThrow('b cannot stop');
    expect(events).toContain('stop a');
  });
});
