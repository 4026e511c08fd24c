import { quoteText } from '../../config/corefile/corefile-token.ts';
import { readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  readOptions,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { U32_MAX } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readTlsFiles, type TlsFiles } from '../../config/tls-files.ts';

export interface EtcdOptions {
  /** canonical names */
  readonly zones: readonly string[];
  /** keys start with it */
  readonly path: string;
  readonly endpoints: readonly string[];
  readonly credentials: { readonly user: string; readonly password: string } | null;
  readonly tls: TlsFiles | null;
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
  /** addresses of the zone itself come from its apex key alone */
  readonly hasNoApexFallback: boolean;
  readonly minLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
}

/** `etcd [ZONES…] { … }`; the first one counts. */
export default definePlugin('etcd', ([line, second], block): EtcdOptions => {
  if (second !== undefined) block.warn(second.name, 'a second etcd in one block is ignored, as in CoreDNS');
  let path = 'skydns';
  let endpoints: readonly string[] = ['http://localhost:2379'];
  let credentials: EtcdOptions['credentials'] = null;
  let tls: TlsFiles | null = null;
  let fallthrough: readonly string[] | null = null;
  let hasNoApexFallback = false;
  let minLeaseTtlSeconds = 30;
  let maxLeaseTtlSeconds = 86_400;
  const leaseLimits = { maxMs: U32_MAX * 1000, isBareSeconds: true };
  readOptions(line, {
    path: (option) => {
      path = takeArgument(option, 'path KEY').text.replace(/^\/+/, '');
    },
    endpoint: (option) => {
      endpoints = takeArguments(option, 1, Infinity, 'endpoint URL…').map((token) => {
        const text = token.text.includes('://') ? token.text : `http://${token.text}`;
        if (!URL.canParse(text))
          throw argumentFault(token, `invalid endpoint ${quoteText(token.text)}, expected a URL`);
        return token.text;
      });
    },
    credentials: (option) => {
      const [user, password] = takeArguments(option, 2, 2, 'credentials USER PASSWORD');
      credentials = { user: user!.text, password: password!.text };
    },
    tls: (option) => {
      tls = readTlsFiles(takeArguments(option, 0, 3, 'tls [CERT KEY] [CA]'), block);
    },
    fallthrough: (option) => {
      fallthrough = block.readFallthrough(option.arguments);
    },
    no_apex_fallback: (option) => {
      takeNoArguments(option);
      hasNoApexFallback = true;
    },
    'min-lease-ttl': (option) => {
      const token = takeArgument(option, 'min-lease-ttl DURATION');
      minLeaseTtlSeconds = Math.floor(readDuration(token, 'min-lease-ttl', leaseLimits) / 1000);
    },
    'max-lease-ttl': (option) => {
      const token = takeArgument(option, 'max-lease-ttl DURATION');
      maxLeaseTtlSeconds = Math.floor(readDuration(token, 'max-lease-ttl', leaseLimits) / 1000);
    },
    stubzones: () => undefined,
    upstream: () => undefined,
    debug: () => undefined,
  });
  return {
    zones: block.readZonesOrKeys(line.arguments),
    path,
    endpoints,
    credentials,
    tls,
    fallthrough,
    hasNoApexFallback,
    minLeaseTtlSeconds,
    maxLeaseTtlSeconds,
  };
});
