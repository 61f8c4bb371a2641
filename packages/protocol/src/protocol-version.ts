// The version of what runners and orchestrators say to each other: which of them can work together.

/**
 * Of this program. One more whenever a runner begins to say, or to need, what orchestrators of
 * before do not know: those are updated first, so runners of before are understood by newer
 * orchestrators, and never the other way round. What a runner does without where it is not known,
 * as renewing leases apart from reports, does not count. 1 did not say its version, 2 had no packed
 * reports.
 */
export const PROTOCOL_VERSION = 3;

/** The oldest runners that an orchestrator works with. */
export const PROTOCOL_VERSION_MIN = 1;

/** With this header a runner says its version when it registers and connects. */
export const PROTOCOL_HEADER = 'rivet-protocol';
