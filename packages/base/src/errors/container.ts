// Errors of the area "container".
import { defineErrors } from './define.ts';

export const containerErrors = defineErrors({
  RIVET_CONTAINER_PODMAN_MISSING: {
    message: 'the program "{program}" was not found; Rivet runs commands in containers with Podman',
    solve: 'Install Podman 4 or newer (Debian: apt-get install podman) and see that it is in PATH.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_PODMAN_TIMEOUT: {
    message: 'Podman did not finish "{action}" within {limit}',
    solve:
      'Run "podman info" by hand: when it hangs too, another process holds its lock or its storage is broken. "rivet doctor" shows more.',
    status: 504,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_PODMAN_FAILED: {
    message: 'Podman failed to {action}: {reason}',
    solve:
      'Run "rivet doctor" on this machine: it checks Podman and says how to mend what is wrong.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_PODMAN_GARBAGE: {
    message: 'Podman answered "{action}" with {found}; expected {expected}',
    solve:
      'Run the command by hand. A wrapper named podman that prints text of its own, or a version older than 4, does this.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_IMAGE_INVALID: {
    message: 'the image name {found} is not valid: {reason}',
    solve:
      'Write a name such as "alpine:3.20", "ghcr.io/owner/image:tag" or "name@sha256:" with 64 hexadecimal digits.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_IMAGE_NOT_FOUND: {
    message: 'the image "{image}" does not exist: {reason}',
    solve:
      'Check the name and the tag. With pull = "never" the image must be on the machine already.',
    status: 404,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_IMAGE_UNAUTHORIZED: {
    message: 'the registry refuses the image "{image}" without (other) credentials: {reason}',
    solve:
      'Log in on the machine that runs the job (podman login), or check the name: registries answer this way for images that do not exist too.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_REGISTRY_UNREACHABLE: {
    message: 'the image "{image}" could not be pulled, its registry cannot be reached: {reason}',
    solve:
      'Check the network, DNS and proxy of the machine that runs the job, or use an image that is on it (podman images); the set-up makes localhost/rivet/base:latest.',
    status: 502,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_REGISTRY_RATE_LIMITED: {
    message: 'the registry of the image "{image}" allows no more pulls for now: {reason}',
    solve: 'Wait, log in for a higher limit (podman login), or use a mirror of the image.',
    status: 429,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_IMAGE_REJECTED: {
    message: 'the signature policy of the installation rejects the image "{image}": {reason}',
    solve:
      'Use an image that is signed as the policy asks, or have `container.signature_policy` of the installation name a policy that accepts this one.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_IMAGE_DIGEST: {
    message: 'what the registry sent for the image "{image}" is not what its digest says: {reason}',
    solve:
      'Nothing of it was used. Check the digest; when it is right, the registry or something on the way to it is broken or hostile.',
    status: 502,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_BUILD_INVALID: {
    message: '{field} of the build is {found}; expected {expected}',
    solve: 'Correct the value.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_BUILD_FAILED: {
    message: 'building the image of {containerfile} failed: {reason}',
    solve: 'Look at the output of the build in the log.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_PUSH_FAILED: {
    message: 'the image could not be pushed to {image}: {reason}',
    solve: 'Check the name, the credentials and whether the registry can be reached.',
    status: 502,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_CONTAINERFILE: {
    message: '{function}: {containerfile}:{line}: {problem}',
    solve:
      'Write image names in the Containerfile as they are, or with ARGs that have a default or are given in `build_args`; docs/guide/containers.md says what a build may do.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_BUILD_SECRET: {
    message: '{function}: build_args.{name} is a secret, which would be stored in the image',
    solve:
      'Pass it in `secrets` and read it in a step: RUN --mount=type=secret,id=NAME cat /run/secrets/NAME.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_TAG_UNKNOWN: {
    message: '{function}: this job has no image {image}{nearest}',
    solve:
      'Build it with container.build, fetch it with container.pull, or name it with container.tag first; jobs do not see what others built.',
    status: 404,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_PUSH_NAME: {
    message: '{function}: {image} names no registry to push to',
    solve: 'Write the name with its registry: "registry.example.com/team/app:1.0".',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_VERIFY_UNAVAILABLE: {
    message:
      'the policy of the {owner} has container.verify, but the installation has no signature policy to verify images with',
    solve:
      'Set container.signature_policy in the policy file of the machine that runs the job to a policy.json, or leave `verify` out.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_PULL_TIMEOUT: {
    message: 'pulling the image "{image}" did not finish within {limit}',
    solve: 'Pull it once by hand (podman pull), or find out why the registry is slow.',
    status: 504,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_SPEC_INVALID: {
    message: '{field} of the container is {found}; expected {expected}',
    solve: 'Correct the value.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_NO_SHELL: {
    message: 'a container of the image "{image}" cannot start: {reason}',
    solve:
      'An image without a POSIX shell as /bin/sh works where the machine has catatonit (package "catatonit" or "podman-catatonit") or a static busybox (package "busybox-static"): install one of them. Or use an image that has a shell, such as the variant of this image made for debugging.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_ENTRYPOINT_FAILED: {
    message: 'the container of the image "{image}" ended before it could take commands: {reason}',
    solve:
      'An entrypoint given for a container must run the command line that follows it (exec "$@"). Leave the entrypoint out to run commands directly.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_USER_UNKNOWN: {
    message: 'the user "{user}" is not known in the image "{image}": {reason}',
    solve: 'Name a user of the image, or a number such as "1000" or "1000:1000".',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_LIMIT_UNSUPPORTED: {
    message: 'this machine cannot limit {limit} of a container: {reason}',
    solve:
      'Delegate the cgroup controllers to the user that runs Rivet (see "rivet doctor"), or leave the limit out.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_LOST: {
    message: 'the container "{container}" went away while a command was running: {reason}',
    solve:
      'Look for whoever removed it (podman rm, a restart of the machine) and for a lack of memory on the machine.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_AGENT_SILENT: {
    message: 'the container "{container}" did not take up the command within {limit}',
    solve:
      'The container may be out of processes or memory, or be paused. Raise its limits (pids, memory), or look at the load of the machine.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_PROCESS_REFUSED: {
    message:
      'the kernel refused the container "{container}" a process that the command needed; nothing of the command ran',
    solve:
      'The container, its user or the machine has as many processes as it may have, or no memory for another. End what runs there, raise the limit (`pids`, "ulimit -u", kernel.threads-max, the TasksMax of a service), or let the machine run fewer jobs at a time.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CONTAINER_OUTPUT_FORGED: {
    message:
      'the output of a command was {found} ahead of what was read of it, which no program can print: something in the container changed the file of its output',
    solve: 'Look for what writes below /.rivet in the container: those files are only for Rivet.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_CWD_MISSING: {
    message: 'the working directory "{cwd}" does not exist in the container or cannot be entered',
    solve: 'Create it first, or correct cwd: a relative path starts at /workspace.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_COMMAND_INVALID: {
    message: '{field} of the command is {found}; expected {expected}',
    solve: 'Correct the value. Text that can hold anything may be given as stdin or in a file.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_ARGUMENTS_TOO_LONG: {
    message: '{what} takes {found}; Linux lets a command have at most {limit}',
    solve: 'Give long text as stdin or in a file in /workspace instead.',
    status: 400,
    exit: 1,
    fault: 'user',
  },
  RIVET_CONTAINER_REMOVE_FAILED: {
    message: '{what} could not be removed: {reason}',
    solve: 'Remove it by hand (podman rm -f, podman unshare rm -rf) and look at the reason.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
});
