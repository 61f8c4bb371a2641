// The Podman driver passes the suite of all drivers on the real Podman of this machine.
import { describeDriver } from '../driver-conformance.ts';
import { createPodmanDriver } from './driver.ts';

describeDriver('the Podman driver', {
  create: () => createPodmanDriver({ defaultImage: 'localhost/rivet/base:latest' }),
  successor: () => createPodmanDriver(),
  image: 'localhost/rivet/base:latest',
  missingImage: 'localhost/rivet/missing:latest',
});
