import { DAY_MS, readDuration } from '../../config/duration.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { argumentFault, readOptions, takeArgument, takeNoArguments } from '../../config/corefile/line-reader.ts';
import { readInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

/** What is null was not set: blocks that share a listener take it from the last block that sets it. */
export interface TimeoutsOptions {
  /** 3 s if nobody sets it */
  readonly readMs: number | null;
  /** 5 s if nobody sets it */
  readonly writeMs: number | null;
  /** 10 s if nobody sets it */
  readonly idleMs: number | null;
  /** queries a TCP connection; -1: unlimited, also if nobody sets it */
  readonly tcpQueriesMax: number | null;
}

/** `timeouts { read D; write D; idle D; maxtcpqueries N }`, at least one; a bare number is seconds. */
export default definePlugin('timeouts', (lines): TimeoutsOptions => {
  const found = new Map<string, number>();
  const readTimeout = (option: CorefileLine): void => {
    const token = takeArgument(option, `${option.name.text} DURATION`);
    const limits = { minMs: 1000, maxMs: DAY_MS, isBareSeconds: true };
    found.set(option.name.text, readDuration(token, option.name.text, limits));
  };
  for (const line of lines) {
    takeNoArguments(line);
    if ((line.options ?? []).length === 0) throw argumentFault(line.name, 'timeouts block with no timeouts specified');
    readOptions(
      line,
      {
        read: readTimeout,
        write: readTimeout,
        idle: readTimeout,
        maxtcpqueries: (option) => {
          const token = takeArgument(option, 'maxtcpqueries N');
          const count = readInteger(token, 'maxtcpqueries', -1);
          if (count === 0) throw argumentFault(token, 'maxtcpqueries 0, expected -1 (unlimited) or a positive integer');
          found.set('maxtcpqueries', count);
        },
      },
      (name) => `unknown option: '${name}'`,
    );
  }
  return {
    readMs: found.get('read') ?? null,
    writeMs: found.get('write') ?? null,
    idleMs: found.get('idle') ?? null,
    tcpQueriesMax: found.get('maxtcpqueries') ?? null,
  };
});
