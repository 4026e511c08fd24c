/** What a dataset should hold, kept in plain maps and told in the words of the dump: the oracle of the builder's tests. */
import { formatIPv4, formatIPv6 } from '../../../src/dns/address.ts';
import { formatName, parseRelativeName } from '../../../src/dns/name.ts';
import { reserveSharedBuffer } from '../../../src/memory/shared-buffer.ts';
import { SnapshotBuilder } from '../../../src/snapshot/builder.ts';
import type { BlockAllocatorOptions } from '../../../src/memory/block-allocator.ts';
import { dumpSnapshot } from '../../../src/snapshot/dump.ts';
import type { EntryContent, RecordSink } from '../../../src/snapshot/entry-content.ts';
import { KEY_SPACE, ZONE_KIND, type KeySpace, type ZoneKind } from '../../../src/snapshot/snapshot-layout.ts';

/** `whoami.default.svc` to a key. */
export function keyOf(text: string): Uint8Array {
  return parseRelativeName(text)!;
}

export function labelOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export function addressContent(...addresses4: number[]): EntryContent {
  return { kind: 'address', ports: [80], weight: 100, targetSkip: 0, addresses4, addresses6: [] };
}

export function setUpBuilder(sizeMax = 16 << 20, options: BlockAllocatorOptions & { hashSeed?: number } = {}) {
  const buffer = reserveSharedBuffer({ sizeMax, hashSeed: options.hashSeed ?? 12_345 });
  const builder = new SnapshotBuilder(buffer, options);
  return { buffer, builder, words: new Uint32Array(buffer) };
}

/** Lines of the names of all datasets, without the heads. */
export function nameLines(buffer: SharedArrayBuffer): string[] {
  return [...dumpSnapshot(buffer)]
    .filter((line) => line.startsWith('  ') && !/ {2}kubernetes | {2}no step/.test(line))
    .map((line) => line.trim());
}

/** A RecordSink that only remembers. */
export class SnapshotModel implements RecordSink {
  /** by key space and name */
  readonly names = new Map<string, string>();
  /** key space and address → service → targets */
  readonly pointers = new Map<string, Map<string, { readonly isOwn: boolean; readonly targets: string[] }>>();
  readonly servers = new Map<ZoneKind, string[]>();

  copy(): SnapshotModel {
    const copy = new SnapshotModel();
    for (const [name, line] of this.names) copy.names.set(name, line);
    for (const [address, services] of this.pointers) copy.pointers.set(address, new Map(services));
    for (const [zoneKind, servers] of this.servers) copy.servers.set(zoneKind, servers);
    return copy;
  }

  put(key: Uint8Array, content: EntryContent, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.names.set(`${keySpace} ${Buffer.from(key).toString('hex')}`, lineOf(key, content));
  }

  remove(key: Uint8Array, keySpace: KeySpace = KEY_SPACE.FORWARD): void {
    this.names.delete(`${keySpace} ${Buffer.from(key).toString('hex')}`);
  }

  point(
    keySpace: KeySpace,
    address: Uint8Array,
    serviceName: Uint8Array,
    labels: readonly Uint8Array[],
    isOwn: boolean,
  ): void {
    const owner = `${keySpace} ${formatName(address)}`;
    const services = this.pointers.get(owner) ?? new Map();
    const service = formatName(serviceName);
    const targets = isOwn ? [service] : labels.map((label) => `${Buffer.from(label).toString()}.${service}`);
    services.delete(service);
    if (targets.length > 0) services.set(service, { isOwn, targets });
    this.pointers.set(owner, services);
    if (services.size === 0) this.pointers.delete(owner);
  }

  nameServers(servers: Parameters<RecordSink['nameServers']>[0], zoneKind: ZoneKind = ZONE_KIND.CLUSTER): void {
    const title = zoneKind === ZONE_KIND.EXTERNAL ? 'external NS' : 'NS';
    const lines = servers.map(({ name, addresses4, addresses6 }) =>
      [title, formatName(name), ...addressTexts(addresses4, addresses6)].join('  '),
    );
    this.servers.set(zoneKind, lines);
  }

  /** What the dump's lines should be, in any order; PTR targets of a name sorted. */
  lines(): string[] {
    const lines = [...this.names.values(), ...[...this.servers.values()].flat()];
    const parents = new Set<string>();
    for (const [owner, services] of this.pointers) {
      const [keySpace, address] = owner.split(' ') as [string, string];
      const targets = [...services.values()].flatMap((service) => service.targets).map((target) => `PTR ${target}`);
      const isFirstOnly = Number(keySpace) <= KEY_SPACE.REVERSE6 && [...services.values()].some(({ isOwn }) => isOwn);
      lines.push([address, ...targets.sort(), ...(isFirstOnly ? ['(only the first is answered)'] : [])].join('  '));
      const labels = address.split('.');
      for (let index = 1; index < labels.length; index++) parents.add(`${keySpace} ${labels.slice(index).join('.')}`);
    }
    for (const parent of parents) lines.push(`${parent.split(' ')[1]}  ENT`);
    return lines.sort();
  }
}

/** The dump's lines in the order of SnapshotModel.lines. */
export function comparableLines(buffer: SharedArrayBuffer): string[] {
  return nameLines(buffer)
    .map((line) => {
      const parts = line.split('  ');
      const targets = parts.filter((part) => part.startsWith('PTR ')).sort();
      return targets.length < 2 ? line : [parts[0], ...targets, ...parts.slice(1 + targets.length)].join('  ');
    })
    .sort();
}

function lineOf(key: Uint8Array, content: EntryContent): string {
  if (content.kind !== 'client') return [formatName(key), ...recordsOf(key, content)].join('  ');
  const words = [0, 4, 8, 12].map((offset) => Buffer.from(key).readUInt32BE(key.length === 4 ? 0 : offset));
  const address = key.length === 4 ? formatIPv4(words[0]!) : formatIPv6(words);
  return `${address}  ${Buffer.from(content.namespace).toString()}/${Buffer.from(content.name).toString()}`;
}

function recordsOf(key: Uint8Array, content: EntryContent): string[] {
  switch (content.kind) {
    case 'ent':
      return ['ENT'];
    case 'address': {
      const target = formatName(key.subarray(content.targetSkip));
      const srv = content.ports.map((port) => `SRV 0 ${content.weight} ${port} ${target}`);
      return [...addressTexts(content.addresses4, content.addresses6), ...srv];
    }
    case 'endpoints': {
      const base = formatName(key.subarray(content.targetSkip));
      const srv = content.groups.flatMap((group) =>
        content.portSets[group.portSet]!.map(
          (port) => `SRV 0 ${content.weight} ${port} ${formatName(group.name)}.${base}`,
        ),
      );
      return [...addressTexts(content.addresses4, content.addresses6), ...srv];
    }
    case 'plainEndpoints': {
      const base = formatName(key.subarray(content.targetSkip));
      const srv = content.byLabel.flatMap((address) =>
        content.ports.map(
          (port) => `SRV 0 ${content.weight} ${port} ${formatIPv4(address).replaceAll('.', '-')}.${base}`,
        ),
      );
      return [...addressTexts(content.addresses, []), ...srv];
    }
    case 'alias':
      return [
        `CNAME ${formatName(content.target)}`,
        ...(content.ports ?? []).map((port) => `SRV 0 ${content.weight ?? 0} ${port} ${formatName(content.target)}`),
      ];
    case 'client':
    case 'raw':
    case 'rrsets':
      throw new Error('not in the model');
  }
}

function addressTexts(addresses4: readonly number[], addresses6: readonly number[]): string[] {
  const texts6 = Array.from({ length: addresses6.length / 4 }, (_, index) => formatIPv6(addresses6, index * 4));
  return [
    ...(addresses4.length === 0 ? [] : [`A ${addresses4.map(formatIPv4).join(' ')}`]),
    ...(texts6.length === 0 ? [] : [`AAAA ${texts6.join(' ')}`]),
  ];
}

export { KEY_SPACE };
