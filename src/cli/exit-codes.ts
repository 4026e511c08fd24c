import type { ErrorCode } from '../base/skyshard-error.ts';

/** What the process ends with. */
export const EXIT = {
  /** stopped on request */
  STOPPED: 0,
  /** the command line, the configuration or the manifests are wrong */
  BAD_CONFIGURATION: 1,
  /** an address cannot be bound or a part did not start; also a second SIGINT */
  NOT_STARTED: 2,
  /** a bug */
  INTERNAL: 70,
} as const;

const EXIT_OF_ERROR: Readonly<Record<ErrorCode, number>> = {
  INTERNAL_ASSERTION: EXIT.INTERNAL,
  CLI_USAGE: EXIT.BAD_CONFIGURATION,
  MANIFEST_SYNTAX: EXIT.BAD_CONFIGURATION,
  MANIFEST_OBJECT: EXIT.BAD_CONFIGURATION,
  MANIFEST_READ: EXIT.BAD_CONFIGURATION,
  LABEL_SELECTOR: EXIT.BAD_CONFIGURATION,
  CONFIG_READ: EXIT.BAD_CONFIGURATION,
  CONFIG_SYNTAX: EXIT.BAD_CONFIGURATION,
  CONFIG_IMPORT: EXIT.BAD_CONFIGURATION,
  CONFIG_UNKNOWN_DIRECTIVE: EXIT.BAD_CONFIGURATION,
  CONFIG_UNSUPPORTED: EXIT.BAD_CONFIGURATION,
  CONFIG_ARGUMENT: EXIT.BAD_CONFIGURATION,
  CONFIG_CONFLICT: EXIT.BAD_CONFIGURATION,
  BIND_FAILED: EXIT.NOT_STARTED,
  NATIVE_UNAVAILABLE: EXIT.NOT_STARTED,
  MEMORY_RESERVE: EXIT.NOT_STARTED,
  SNAPSHOT_FULL: EXIT.NOT_STARTED,
  SNAPSHOT_CORRUPT: EXIT.INTERNAL,
  SHARD_START: EXIT.NOT_STARTED,
};

/** The exit code for a fault that ends the process, by its error code. */
export function exitCodeOf(code: ErrorCode): number {
  return EXIT_OF_ERROR[code];
}
