import type { CorefileToken } from './corefile-token.ts';

/** The schemes that a key of a block can have in skyshard. */
export type ListenerScheme = 'dns' | 'tls' | 'https';

/** One zone that a block serves on one port. */
export interface ServerKey {
  readonly scheme: ListenerScheme;
  /** canonical: lower case, absolute */
  readonly zone: string;
  readonly port: number;
  /** where it stands; several zones of a network share it */
  readonly token: CorefileToken;
}
