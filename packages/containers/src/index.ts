// Containers: the driver contract, its implementations, and the stack that a branch of a job works
// in.
export { decorateContainer, decorateDriver, withVariables } from './decorate.ts';
export type {
  Attachment,
  CheckPlace,
  CommandExit,
  CommandSpec,
  Container,
  ContainerDriver,
  ContainerSpec,
  ContainerSummary,
  DriverFinding,
  Mount,
  NextCommand,
  OutputSink,
  OutputStream,
  PullPolicy,
  RunningCommand,
} from './driver.ts';
export { type Disposer, type EndingDriver, endingDriver } from './ending-driver.ts';
export {
  createFakeDriver,
  type FakeCommand,
  type FakeDriver,
  type FakeDriverOptions,
  type FakeOutcome,
} from './fake/driver.ts';
export type {
  BuildSpec,
  ImageFacts,
  ImageOperations,
  PruneOptions,
  PullOptions,
  RegistryOptions,
} from './image-operations.ts';
export { isImageId, qualifyImageName } from './images.ts';
export {
  attemptLabels,
  LABEL_ATTEMPT,
  LABEL_JOB,
  LABEL_OWNER,
  LABEL_RIVET,
  LABEL_WARM,
} from './labels.ts';
export { BUILD_REPOSITORY } from './podman/build-names.ts';
export { createPodmanDriver, type PodmanDriverOptions } from './podman/driver.ts';
