/** Headers of the PROXY protocol, version 2, sound and broken ones. */
import { u16 } from './query.ts';

export interface ProxyHeaderSpec {
  readonly version?: number;
  /** 0: LOCAL, 1: PROXY */
  readonly command?: number;
  readonly family?: number;
  /** 1: streams, 2: datagrams */
  readonly protocol?: number;
  /** 4 or 16 octets; the destination is 1s */
  readonly source?: readonly number[];
  readonly port?: number;
  /** octets behind the addresses */
  readonly more?: readonly number[];
}

export function proxyV2(spec: ProxyHeaderSpec): Buffer {
  const { version = 2, command = 1, source = [], port = 0, protocol = 1, more = [] } = spec;
  const family = spec.family ?? (source.length === 4 ? 1 : source.length === 16 ? 2 : 0);
  const addresses = source.length === 0 ? [] : [...source, ...source.map(() => 1), ...u16(port), ...u16(53)];
  const rest = [...addresses, ...more];
  return Buffer.from([
    ...Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    ...[(version << 4) | command, (family << 4) | protocol, ...u16(rest.length), ...rest],
  ]);
}
