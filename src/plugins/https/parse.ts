import { argumentFault, readOptions, takeArgument, takeNoArguments } from '../../config/corefile/line-reader.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readInteger, U32_MAX } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface HttpsOptions {
  /** 0: no limit */
  readonly connectionsMax: number;
  /** HTTP/2 streams a connection; 0: the library's own limit */
  readonly streamsMax: number;
}

/** `https { max_connections N; max_streams N }`, each option once. */
export default definePlugin('https', (lines, block): HttpsOptions => {
  const found = new Map<string, number>();
  const readOnce = (option: CorefileLine): void => {
    const name = option.name.text;
    const token = takeArgument(option, `${name} N`);
    if (found.has(name)) throw argumentFault(option.name, `${name} already defined for this server block`);
    found.set(name, readInteger(token, name, 0, U32_MAX));
  };
  for (const line of lines) {
    takeNoArguments(line);
    readOptions(line, { max_connections: readOnce, max_streams: readOnce });
  }
  block.settings.httpsMaxStreams = found.get('max_streams') ?? null;
  return { connectionsMax: found.get('max_connections') ?? 200, streamsMax: found.get('max_streams') ?? 250 };
});
