/**
 * Every operating fault skyshard reports has one of these codes. Callers branch on the code, never on the text.
 * The sentence is the reference: what it means and what to do.
 */
export const ERROR_CODES = {
  INTERNAL_ASSERTION: 'A bug: an invariant of the program does not hold. Report it with the log line.',
  CLI_USAGE: 'The command line is wrong: an unknown flag, a missing or malformed value.',
  MANIFEST_SYNTAX: 'A manifest is not valid YAML or JSON. The message names file, line and column.',
  MANIFEST_OBJECT: 'A manifest holds an object that Kubernetes would refuse. The message names file, line and field.',
  LABEL_SELECTOR: 'A label selector (labels, namespace_labels) cannot be read. The message names the column.',
  MANIFEST_READ: 'A manifest file or directory cannot be read.',
  BIND_FAILED: 'A listening address cannot be bound: in use, not local, or not permitted.',
  NATIVE_UNAVAILABLE: 'The native UDP transport cannot be loaded on this platform; use --transport dgram.',
  MEMORY_RESERVE: 'The shared buffer cannot be reserved, not even at its smallest size.',
  SNAPSHOT_FULL: 'The shared buffer is full: the change is not published and the last snapshot stays.',
  SNAPSHOT_CORRUPT: 'A snapshot fails verification: it is not published or not adopted.',
  SHARD_START: 'A shard thread did not start.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Where a fault lies in a text the operator wrote. Lines and columns count from 1. */
export interface TextPlace {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export class SkyshardError extends Error {
  readonly code: ErrorCode;
  readonly place: TextPlace | undefined;

  constructor(code: ErrorCode, message: string, options?: { place?: TextPlace; cause?: unknown }) {
    super(
      options?.place === undefined ? message : `${formatPlace(options.place)}: ${message}`,
      options?.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'SkyshardError';
    this.code = code;
    this.place = options?.place;
  }
}

/** `FILE:LINE:COL`, as far as known. */
export function formatPlace(place: TextPlace): string {
  let text = place.file;
  if (place.line !== undefined) text += `:${place.line}`;
  if (place.line !== undefined && place.column !== undefined) text += `:${place.column}`;
  return text;
}
