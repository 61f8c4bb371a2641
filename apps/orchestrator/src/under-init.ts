// Imported before all else by what can be the first process of a container.
import { runUnderInit } from '@rivet/processes';

runUnderInit();
