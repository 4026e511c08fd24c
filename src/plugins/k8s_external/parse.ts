import { argumentFault, countFault, readOptions, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { canonicalName } from '../../config/zone-name.ts';

export interface K8sExternalOptions {
  /** canonical names; the first is the one PTR answers name */
  readonly zones: readonly string[];
  /** label below each zone that holds its name server */
  readonly apex: string;
  readonly ttlSeconds: number;
  /** headless Services are answered too */
  readonly hasHeadless: boolean;
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
}

/** `k8s_external [ZONES…] { apex LABEL; ttl N; headless; fallthrough [Z…] }`, beside `kubernetes`; the last one counts. */
export default definePlugin('k8s_external', (lines, block): K8sExternalOptions => {
  let zones: readonly string[] = [];
  let apex = 'dns';
  let ttlSeconds = 5;
  let hasHeadless = false;
  let fallthrough: readonly string[] | null = null;
  for (const line of lines) {
    zones = block.readZonesOrKeys(line.arguments);
    readOptions(line, {
      apex: (option) => {
        const [token] = option.arguments;
        if (token === undefined) throw countFault(option.name, 'apex LABEL');
        if (canonicalName(token.text) === undefined)
          throw argumentFault(token, 'apex is no label, expected such as dns');
        apex = token.text.toLowerCase();
      },
      ttl: (option) => {
        const [token] = option.arguments;
        if (token === undefined) throw countFault(option.name, 'ttl SECONDS');
        ttlSeconds = readInteger(token, 'ttl', 0, 3600);
      },
      headless: (option) => {
        takeNoArguments(option);
        hasHeadless = true;
      },
      fallthrough: (option) => {
        fallthrough = block.readFallthrough(option.arguments);
      },
    });
  }
  if (!block.directiveNames.has('kubernetes')) {
    throw argumentFault(lines[0].name, 'kubernetes plugin not loaded, expected kubernetes in the same server block');
  }
  return { zones, apex, ttlSeconds, hasHeadless, fallthrough };
});
