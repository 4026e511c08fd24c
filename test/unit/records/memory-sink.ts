/** A RecordSink that keeps everything as text, for tests of the record model. */
import { formatIPv4, formatIPv6 } from '../../../src/dns/address.ts';
import { formatLabel, formatName, isRelativeName, labelsOf } from '../../../src/dns/name.ts';
import type { AddressSets, EntryContent, RecordSink } from '../../../src/snapshot/entry-content.ts';
import { KEY_SPACE, type KeySpace } from '../../../src/snapshot/snapshot-layout.ts';

export class MemorySink implements RecordSink {
  /** content by name, as text */
  readonly names = new Map<string, string>();
  /** `address service` → targets */
  readonly pointers = new Map<string, string>();
  servers: string[] = [];
  /** names and addresses that were written or removed, in order */
  touched: string[] = [];

  put(key: Uint8Array, content: EntryContent): void {
    const name = this.#nameOf(key);
    this.touched.push(name);
    this.names.set(name, formatContent(content));
  }

  remove(key: Uint8Array): void {
    const name = this.#nameOf(key);
    this.touched.push(name);
    this.names.delete(name);
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isClusterIp: boolean,
  ): void {
    const text = addressOfKey(keySpace, address);
    const key = `${text} ${this.#nameOf(serviceName)}`;
    this.touched.push(text);
    const targets = [...(isClusterIp ? ['cluster IP'] : []), ...labels.map((label) => formatLabel(label))];
    if (targets.length === 0) this.pointers.delete(key);
    else this.pointers.set(key, targets.join(' '));
  }

  nameServers(servers: readonly ({ readonly name: Uint8Array } & AddressSets)[]): void {
    this.servers = servers.map((server) => `${this.#nameOf(server.name)} ${formatAddresses(server).join(' ')}`);
  }

  /** Everything, in an order that does not depend on the way there. */
  dump(): Record<string, unknown> {
    const byKey = (map: Map<string, string>): Record<string, string> =>
      Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return { names: byKey(this.names), pointers: byKey(this.pointers), servers: this.servers };
  }

  /** Names left of `suffix`, sorted; '' is the suffix itself. */
  below(suffix: string): string[] {
    return [...this.names.keys()]
      .filter((name) => name === suffix || name.endsWith(`.${suffix}`))
      .map((name) => name.slice(0, -suffix.length).replace(/\.$/, ''))
      .toSorted();
  }

  #nameOf(key: Uint8Array): string {
    if (!isRelativeName(key)) throw new Error(`not a relative name: ${Buffer.from(key).toString('hex')}`);
    return formatName(key);
  }
}

/** `10.0.0.1 fd00::1 · srv 0 100 443 skip 11 · flags 1`, or one group a label for endpoints. */
function formatContent(content: EntryContent): string {
  switch (content.kind) {
    case 'ent':
      return 'ENT';
    case 'alias':
      return `CNAME ${formatName(content.target)}`;
    case 'raw':
      return content.rrsets
        .map(({ type, count, records }) => `TYPE${type} ${count} ${Buffer.from(records).toString('hex')}`)
        .join(' · ');
    case 'address': {
      const parts = [formatAddresses(content).join(' ') || 'no address'];
      if (content.ports.length > 0) {
        parts.push(`srv ${content.weight} ${content.ports.join('+')} skip ${content.targetSkip}`);
      }
      return withFlags(parts, content.flags);
    }
    case 'endpoints': {
      const parts = [formatAddresses(content).join(' ') || 'no address'];
      const groups = content.groups.map((group) => {
        const ports = content.portSets[group.portSet]!;
        return `${formatLabel(group.label)}:${ports.join('+')}=${formatAddresses(group).join('+')}`;
      });
      if (groups.length > 0) parts.push(`srv ${content.weight} ${groups.join(' ')} skip ${content.targetSkip}`);
      return withFlags(parts, content.flags);
    }
  }
}

function withFlags(parts: string[], flags: number | undefined): string {
  return [...parts, ...(flags === undefined || flags === 0 ? [] : [`flags ${flags}`])].join(' · ');
}

function formatAddresses({ addresses4, addresses6 }: AddressSets): string[] {
  const texts = addresses4.map(formatIPv4);
  for (let at = 0; at < addresses6.length; at += 4) texts.push(formatIPv6(addresses6, at));
  return texts;
}

function addressOfKey(keySpace: KeySpace, key: Uint8Array): string {
  const labels = [...labelsOf(key)].map((label) => formatLabel(label)).reverse();
  if (keySpace === KEY_SPACE.REVERSE4) return labels.join('.');
  const words = [0, 1, 2, 3].map((word) => Number.parseInt(labels.slice(word * 8, word * 8 + 8).join(''), 16));
  return formatIPv6(words);
}
