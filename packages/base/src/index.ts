// Base: errors, services, durations and other things that know no noun of Rivet.
export { syncDirectory, writeFileAtomically } from './atomic-file.ts';
export { type BackoffOptions, backoffMs, retryPauseMs } from './backoff.ts';
export {
  BUILD_DIRECTORY,
  type BuildStamp,
  buildPlatform,
  describeSource,
  findBuild,
} from './build.ts';
export { DURATION_MS_MAX, formatDuration, parseDuration } from './duration.ts';
export {
  choiceSetting,
  durationSetting,
  firstLine,
  integerSetting,
  readSettings,
  type Setting,
  type Settings,
  type SettingsOf,
  sizeSetting,
  textSetting,
  unknownVariables,
} from './environment-variables.ts';
export { type ErrorCode, errorCatalogue, findErrorEntry } from './errors/catalogue.ts';
export type { ErrorEntry, Fault } from './errors/define.ts';
export {
  type Detail,
  type DetailsOf,
  describeThrown,
  isRivetError,
  RivetError,
  toRivetError,
} from './errors/rivet-error.ts';
export { freeBytes } from './free-bytes.ts';
export { findCycle, type Needs } from './graph.ts';
export { type ImageName, qualifyImage, readImageName } from './image-name.ts';
export {
  embeddedIpv4,
  type IpAddress,
  type IpNetwork,
  networkHas,
  parseIp,
  parseIpNetwork,
  specialAddress,
} from './ip-address.ts';
export { parseJsonObject } from './json-object.ts';
export { createLimiter } from './limiter.ts';
export { createLogger, type Logger, type LogLevel, silentLogger } from './logger.ts';
export { didYouMean, nearest } from './nearest.ts';
export { optimiseHotCode } from './optimised-code.ts';
export { type Program, programEntry, programSources } from './programs.ts';
export { releaseMemory } from './release-memory.ts';
export { REDACTED, SecretText } from './secret-text.ts';
export { createRandom, type Random } from './seeded-random.ts';
export { createService, type Service, type ServiceBody, startAll, stopAll } from './service.ts';
export { formatSize, parseSize } from './size.ts';
export { uuidAfter, uuidv7, uuidv7Series } from './uuid.ts';
export { sleep, unlessAborted, withDeadline } from './wait.ts';
export { Wakeup } from './wakeup.ts';
export { writeAll } from './write-all.ts';
