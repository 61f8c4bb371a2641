// Containers: the driver contract, its implementations, and the stack that a branch of a job works in.
export type {
  CommandExit,
  CommandSpec,
  Container,
  ContainerDriver,
  ContainerSpec,
  ContainerSummary,
  DriverFinding,
  Mount,
  OutputSink,
  OutputStream,
  PullPolicy,
  RunningCommand,
} from './driver.ts';
