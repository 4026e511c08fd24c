/**
 * Every operating fault skyshard reports has one of these codes. Callers branch on the code, never on the text.
 * The sentence is the reference: what it means and what to do.
 */
export const ERROR_CODES = {
  INTERNAL_ASSERTION: 'A bug: an invariant of the program does not hold. Report it with the log line.',
  CLI_USAGE: 'The command line is wrong: an unknown flag, a missing or malformed value.',
  MANIFEST_SYNTAX: 'A manifest is not valid YAML or JSON. The message names file, line and column.',
  MANIFEST_OBJECT: 'A manifest holds an object that Kubernetes would refuse. The message names file, line and field.',
  API_RESPONSE:
    'What the API server sent cannot be read: cut off, garbled, or not what was asked for. It is asked again; if that goes on, something between the two changes the response.',
  API_OBJECT:
    'The API server sent an object that Kubernetes itself would refuse. The message names object and field; the object is not served.',
  LABEL_SELECTOR: 'A label selector (labels, namespace_labels) cannot be read. The message names the column.',
  MANIFEST_READ: 'A manifest file or directory cannot be read.',
  CONFIG_READ: 'The Corefile cannot be read, or it is larger than a Corefile can be.',
  CONFIG_SYNTAX: 'The Corefile cannot be read as server blocks, directives and options: braces, quotes, line ends.',
  CONFIG_IMPORT: 'An import of the Corefile cannot be followed: nothing there, an import of itself, or too many.',
  CONFIG_UNKNOWN_DIRECTIVE: 'The Corefile names a plugin that does not exist. The message names the place.',
  CONFIG_UNSUPPORTED: 'The Corefile asks for something CoreDNS has and skyshard will not have. The message names it.',
  CONFIG_ARGUMENT: 'A directive or an option of the Corefile has a wrong argument, or there is no such option.',
  CONFIG_CONFLICT:
    'Parts of the Corefile contradict each other: a zone served twice, a plugin given twice, unequal TLS.',
  API_ACCESS:
    'How to reach the API server cannot be made out: a kubeconfig, a certificate, a token. The message names file and field.',
  API_UNREACHABLE: 'The API server gives no answer, or breaks off. What was known last is served until it does.',
  API_UNAUTHORIZED: 'The API server does not accept the token or the client certificate.',
  API_FORBIDDEN: 'A right is missing. The message has the rule to add to the ClusterRole.',
  API_MISSING: 'The API server has no such resource: a CustomResourceDefinition is missing, or it is another server.',
  API_REFUSED: 'The API server answers with another error. The message has it.',
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
