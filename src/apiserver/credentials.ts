import type { Agent } from 'node:http';

/** What a request needs. Certificates and keys are PEM. */
export interface ApiCredentials {
  /** http or https; a path is kept in front of every request's */
  readonly server: URL;
  /** undefined: the system's */
  readonly authority?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** name to ask for and to check in the server's certificate, where it is not the host of `server` */
  readonly serverName?: string | undefined;
  readonly isInsecure?: boolean | undefined;
  /** Authorization, Impersonate-… */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** of a proxy in between */
  readonly agent?: Agent | undefined;
}

/**
 * Reads all anew, each time.
 *
 * @param isRefused  what was read last was not accepted
 * @throws SkyshardError API_ACCESS, naming file and field
 */
export type CredentialReader = (isRefused: boolean) => ApiCredentials | Promise<ApiCredentials>;

/** What was read to find faults in it is what the first request needs. */
export function startWith(first: ApiCredentials, read: CredentialReader): CredentialReader {
  let unused: ApiCredentials | undefined = first;
  return (isRefused) => {
    const credentials = isRefused ? undefined : unused;
    unused = undefined;
    return credentials ?? read(isRefused);
  };
}
