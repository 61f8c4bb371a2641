// What a job tells about itself in Markdown, for its page.
import { formatSize, RivetError } from '@rivet/base';

const SUMMARY_BYTES_MAX = 1024 * 1024;

/** The summary of a job; what is added stands below what is there. */
export interface JobSummary {
  /** @throws RIVET_SUMMARY_TOO_LARGE */
  add(markdown: string): Promise<void>;
}

/** @param tell called with the whole summary when it has changed */
export function createJobSummary(tell: (markdown: string) => void | Promise<void>): JobSummary {
  let summary = '';
  return {
    async add(markdown) {
      const whole = summary === '' ? markdown : `${summary}\n${markdown}`;
      const size = Buffer.byteLength(whole);
      if (size > SUMMARY_BYTES_MAX) {
        const limit = formatSize(SUMMARY_BYTES_MAX);
        throw RivetError.of('RIVET_SUMMARY_TOO_LARGE', { found: formatSize(size), limit });
      }
      summary = whole;
      await tell(summary);
    },
  };
}
