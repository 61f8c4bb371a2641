// How the registries of this installation are spoken to.

export interface RegistrySettings {
  /** Flags of `podman pull` and `podman push` for an image with this full name. */
  flags(name: string, authFile: string | undefined): readonly string[];
  /** Flags that hold images against the signature policy of the installation. */
  signatureFlags(): readonly string[];
}

/**
 * @param insecure registries without TLS, or without a known certificate
 * @param signaturePolicy path of a policy.json; Podman's own when undefined
 */
export function registrySettings(
  insecure: readonly string[],
  signaturePolicy: string | undefined,
): RegistrySettings {
  return {
    flags(name, authFile) {
      const registry = name.slice(0, name.indexOf('/'));
      return [
        ...(insecure.includes(registry) ? ['--tls-verify=false'] : []),
        ...(authFile === undefined ? [] : [`--authfile=${authFile}`]),
      ];
    },
    signatureFlags: () =>
      signaturePolicy === undefined ? [] : [`--signature-policy=${signaturePolicy}`],
  };
}
