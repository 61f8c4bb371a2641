// The processes that a test has started, whatever part of the product started them.
import { readdirSync, readFileSync } from 'node:fs';

/** The ids of the processes that this one has started, and whose end it has not heard of. */
export function childProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        // The name in parentheses may hold spaces and parentheses.
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return parent === String(process.pid);
      } catch {
        // It is gone.
        return false;
      }
    });
}
