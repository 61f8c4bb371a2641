// What a job was launched by: grants of secrets say for which of these they are.
import { type Static, Type } from 'typebox';

/** `manual`: a person who is signed in; `api`: a program with an API key. */
export const launchEvents = ['manual', 'api'] as const;

export const LaunchEvent = Type.Enum(launchEvents);
export type LaunchEvent = Static<typeof LaunchEvent>;
