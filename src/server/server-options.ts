/** What the server is asked to do. */
import type { CompanionOptions } from './companion.ts';

/** The command line fills it. */
export interface ServerOptions {
  /** the Corefile; undefined: the built-in configuration, for which bindAddresses counts */
  readonly corefile: string | undefined;
  /** makes the Corefile out of something else, in the place of either */
  readonly makeCorefile?: (() => Promise<MadeText>) | undefined;
  /** stands beside the server */
  readonly companion?: CompanionOptions | undefined;
  /** files and folders of Kubernetes objects, which take the place of the API server; empty: none do */
  readonly manifests: readonly string[];
  /** for `kubernetes` without `endpoint` and `kubeconfig`; undefined: the API server of the cluster around is asked */
  readonly kubeconfig: { readonly file: string; readonly context: string | null } | undefined;
  /** IP addresses to listen on, without duplicates; empty: all of both families */
  readonly bindAddresses: readonly string[];
  readonly dnsPort: number;
  readonly shards: number | 'auto';
  readonly transport: 'auto' | 'mmsg' | 'dgram';
  /** 16 octets; undefined: random for this process */
  readonly cookieSecret: Uint8Array | undefined;
}

/** A Corefile that nobody wrote. */
export interface MadeText {
  /** how messages call it */
  readonly name: string;
  readonly text: string;
  readonly warnings: readonly string[];
}
