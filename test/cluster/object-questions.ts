/** Every question that a set of objects has an answer to, worked out from the objects alone. */
import { TYPE } from '../../src/dns/iana.ts';
import type { RecordOptions } from '../../src/records/record-options.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';
import type { Expected } from '../oracle/expected.ts';
import { RecordModel } from '../oracle/record-model.ts';
import { parseAddress, reverseLabels } from '../wire/addresses.ts';
import type { OwedAnswer } from './owed-answers.ts';

const OWNER_LABEL = 'kubernetes.io/service-name';

/**
 * The answers that `options` owe for `objects`: those that servers with the same state have.
 *
 * @param former  objects whose names are asked too: what is gone has to be gone
 */
export function owedForObjects(
  objects: readonly RawObject[],
  options: RecordOptions,
  former: readonly RawObject[] = [],
): OwedAnswer[] {
  const model = new RecordModel(objects, options);
  const zone = options.zones.find((name) => !name.endsWith('.arpa'))!;
  const questions = new Map<string, { qname: string; qtype: number }>();
  for (const object of [...objects, ...former]) {
    for (const [name, types] of namesOf(object, zone)) {
      for (const qtype of types) questions.set(`${name} ${qtype}`, { qname: name, qtype });
    }
  }
  return [...questions].map(([line, { qname, qtype }]) => {
    const expected = model.ask(qname, qtype);
    const kept = keptByCoreDns(qtype, expected);
    return { question: { line, qname, qtype, kept }, expected };
  });
}

/** What CoreDNS does with aliases. */
function keptByCoreDns(qtype: number, { answer, authority }: Expected): string | undefined {
  if (!answer.some((record) => record.includes(' CNAME '))) return undefined;
  if (!ALIAS_TYPES.includes(qtype)) return 'the CNAME is given for A, AAAA and CNAME only';
  return authority.length === 0 ? undefined : 'an alias of a name without such records is left out';
}

type NameWithTypes = readonly [name: string, types: readonly number[]];

const ADDRESSES = [TYPE.A, TYPE.AAAA];
/** A Service that was no ExternalName, and is one now, is asked for SRV too. */
const ALIAS_TYPES: readonly number[] = [...ADDRESSES, TYPE.CNAME];

function namesOf(object: RawObject, zone: string): NameWithTypes[] {
  const { name, namespace } = object.metadata;
  switch (object.kind) {
    case 'Namespace':
      return [[`${name}.svc.${zone}.`, [TYPE.A]]];
    case 'Service': {
      const own = `${name}.${namespace}.svc.${zone}.`;
      if (object.spec.type === 'ExternalName') return [[own, [TYPE.A, TYPE.CNAME]]];
      const ports = (object.spec.ports ?? []).filter((port) => port.name !== undefined);
      const portNames = ports.map((port) => `_${port.name}._${(port.protocol ?? 'TCP').toLowerCase()}.${own}`);
      return [
        [own, [...ADDRESSES, TYPE.SRV]],
        ...portNames.map((port): NameWithTypes => [port, [TYPE.SRV]]),
        ...(object.spec.clusterIPs ?? []).flatMap(reverseName),
      ];
    }
    case 'EndpointSlice': {
      const owner = object.metadata.labels?.[OWNER_LABEL];
      if (owner === undefined) return [];
      return object.endpoints.flatMap(({ hostname, addresses }) =>
        addresses.flatMap((address): NameWithTypes[] => {
          const label = hostname ?? address.replaceAll(/[.:]/g, '-');
          return [[`${label}.${owner}.${namespace}.svc.${zone}.`, ADDRESSES], ...reverseName(address)];
        }),
      );
    }
    default:
      return [];
  }
}

function reverseName(address: string): NameWithTypes[] {
  const octets = parseAddress(address);
  return octets === undefined ? [] : [[`${reverseLabels(octets).join('.')}.`, [TYPE.PTR]]];
}
