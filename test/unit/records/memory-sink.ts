/**
 * A RecordSink that keeps everything as text, for tests of the record model. What is not of the cluster zones is marked:
 * `ext:web.shop`, `set:web.shop.svc`, `client:10.1.0.1`.
 */
import { formatIPv4, formatIPv6 } from '../../../src/dns/address.ts';
import { formatLabel, formatName, isRelativeName, labelsOf } from '../../../src/dns/name.ts';
import type { AddressSets, EntryContent, RecordSink } from '../../../src/snapshot/entry-content.ts';
import { KEY_SPACE, ZONE_KIND, type KeySpace, type ZoneKind } from '../../../src/snapshot/snapshot-layout.ts';

export class MemorySink implements RecordSink {
  /** content by name, as text */
  readonly names = new Map<string, string>();
  /** `address service` → targets */
  readonly pointers = new Map<string, string>();
  servers: string[] = [];
  externalServers: string[] = [];
  /** names and addresses that were written or removed, in order */
  touched: string[] = [];

  put(key: Uint8Array, content: EntryContent, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    const name = this.#markedNameOf(key, keySpace);
    this.touched.push(name);
    this.names.set(name, formatContent(content));
  }

  remove(key: Uint8Array, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    const name = this.#markedNameOf(key, keySpace);
    this.touched.push(name);
    this.names.delete(name);
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    const text = addressOfKey(keySpace, address);
    const key = `${text} ${this.#nameOf(serviceName)}`;
    this.touched.push(text);
    const targets = [
      ...(isOwn ? [text.startsWith('ext:') ? 'external IP' : 'cluster IP'] : []),
      ...labels.map((label) => formatLabel(label)),
    ];
    if (targets.length === 0) this.pointers.delete(key);
    else this.pointers.set(key, targets.join(' '));
  }

  nameServers(
    servers: readonly ({ readonly name: Uint8Array } & AddressSets)[],
    zoneKind: ZoneKind = ZONE_KIND.CLUSTER,
  ): void {
    const lines = servers.map((server) => [this.#nameOf(server.name), ...formatAddresses(server)].join(' '));
    if (zoneKind === ZONE_KIND.EXTERNAL) this.externalServers = lines;
    else this.servers = lines;
  }

  /** Everything, in an order that does not depend on the way there. */
  dump(): Record<string, unknown> {
    const byKey = (map: Map<string, string>): Record<string, string> =>
      Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const { servers, externalServers } = this;
    return { names: byKey(this.names), pointers: byKey(this.pointers), servers, externalServers };
  }

  /** Names left of `suffix`, sorted; '' is the suffix itself. */
  below(suffix: string): string[] {
    return [...this.names.keys()]
      .filter((name) => name === suffix || name.endsWith(`.${suffix}`))
      .map((name) => name.slice(0, -suffix.length).replace(/\.$/, ''))
      .toSorted();
  }

  #markedNameOf(key: Uint8Array, keySpace: KeySpace): string {
    if (keySpace === KEY_SPACE.CLIENT) return `client:${addressOfOctets(key)}`;
    const mark = keySpace === KEY_SPACE.EXTERNAL ? 'ext:' : keySpace === KEY_SPACE.CLUSTERSET ? 'set:' : '';
    return mark + this.#nameOf(key);
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
    case 'alias': {
      const { target, ports = [], weight } = content;
      return [`CNAME ${formatName(target)}`, ...(ports.length > 0 ? [`srv ${weight} ${ports.join('+')}`] : [])].join(
        ' · ',
      );
    }
    case 'client':
      return [content.namespace, content.name].map((octets) => formatLabel(octets)).join('/');
    case 'raw':
    case 'rrsets':
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
    case 'plainEndpoints': {
      const { addresses, byLabel, ports, weight, targetSkip } = content;
      const parts = [addresses.map(formatIPv4).join(' ')];
      const groups = byLabel.map((address) => {
        const text = formatIPv4(address);
        return `${text.replaceAll('.', '-')}:${ports.join('+')}=${text}`;
      });
      if (ports.length > 0) parts.push(`srv ${weight} ${groups.join(' ')} skip ${targetSkip}`);
      return withFlags(parts, 0);
    }
    case 'endpoints': {
      const parts = [formatAddresses(content).join(' ') || 'no address'];
      const groups = content.groups.map((group) => {
        const ports = content.portSets[group.portSet]!;
        return `${formatName(group.name)}:${ports.join('+')}=${formatAddresses(group).join('+')}`;
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
  const mark = keySpace >= KEY_SPACE.EXTERNAL ? 'ext:' : '';
  if (labels.length === 4) return mark + labels.join('.');
  const words = [0, 1, 2, 3].map((word) => Number.parseInt(labels.slice(word * 8, word * 8 + 8).join(''), 16));
  return mark + formatIPv6(words);
}

function addressOfOctets(octets: Uint8Array): string {
  const view = new DataView(octets.buffer, octets.byteOffset);
  return octets.length === 4
    ? formatIPv4(view.getUint32(0))
    : formatIPv6([0, 4, 8, 12].map((at) => view.getUint32(at)));
}
