// Sorts what Podman says about a registry that did not do what was asked.
import { RivetError } from '@rivet/base';

/**
 * The error for what Podman wrote about a pull that failed; also for a push, whose other failures
 * are RIVET_CONTAINER_PODMAN_FAILED too.
 */
export function pullError(image: string, reason: string, stderr: string): RivetError {
  const details = { image, reason };
  if (/toomanyrequests|too many requests|rate limit|\b429\b/i.test(stderr)) {
    const [, seconds] = /retry[- ]after:?\s*(\d+)/i.exec(stderr) ?? [];
    return RivetError.of('RIVET_CONTAINER_REGISTRY_RATE_LIMITED', {
      ...details,
      retryAfterSeconds: seconds === undefined ? undefined : Number(seconds),
    });
  }
  if (/no space left on device|disk quota exceeded/i.test(stderr)) {
    return RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
      action: `pull the image ${image}`,
      reason,
      hint: 'The disk is full. Free some space: podman system prune, df -h.',
    });
  }
  if (
    /source image rejected|signature was required|signature.*(?:invalid|not accepted)/i.test(stderr)
  ) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_REJECTED', details);
  }
  if (
    /digest did not match|manifest verification failed|does not match (?:the |provided manifest )?digest/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_DIGEST', details);
  }
  if (
    /unauthorized|authentication required|access .*denied|\bdenied:|forbidden|\b40[13]\b/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_UNAUTHORIZED', details);
  }
  if (/manifest unknown|name unknown|not found|\b404\b|does not exist/i.test(stderr)) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', details);
  }
  if (
    /no such host|connection re(?:fused|set)|timeout|timed out|unreachable|no route|tls|x509|certificate|dial tcp|server misbehaving|deadline exceeded|\beof\b|proxyconnect|\b50[0234]\b|pinging container registry/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_REGISTRY_UNREACHABLE', details);
  }
  return RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
    action: `pull the image ${image}`,
    reason,
  });
}

/** Whether the same request may do better a little later. */
export function isPassing(error: RivetError): boolean {
  if (error.code === 'RIVET_CONTAINER_REGISTRY_RATE_LIMITED') return true;
  // What cannot be reached at all Podman has tried again itself; names and certificates stay wrong.
  return (
    error.code === 'RIVET_CONTAINER_REGISTRY_UNREACHABLE' &&
    /\b50[0234]\b|unexpected eof|connection reset/i.test(error.message)
  );
}
