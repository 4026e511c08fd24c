/**
 * The names and PTR records of endpoints that are known by their IPv4 address alone: the many of a large cluster, made from
 * numbers without a text or an array each.
 */
import type { PlainEndpoints } from '../cluster/cluster-state.ts';
import { NAME_SIZE_MAX, REVERSE_KEY4_SIZE_MAX, reverseKey4Into } from '../dns/name.ts';
import { ScratchOctets } from '../memory/scratch-octets.ts';
import type { RecordSink } from '../snapshot/entry-content.ts';
import { KEY_SPACE } from '../snapshot/snapshot-layout.ts';
import { plainContent } from './contents.ts';

const DASH = 0x2d;
/** `255-255-255-255` */
const LABEL_SIZE_MAX = 15;

const name = new ScratchOctets(1 + LABEL_SIZE_MAX + NAME_SIZE_MAX);
const reverse = new ScratchOctets(REVERSE_KEY4_SIZE_MAX);
const reverseOctets = reverse.ofSize(REVERSE_KEY4_SIZE_MAX);
/** as RecordSink.point takes them */
const labels: [Uint8Array] = [new Uint8Array(0)];
const label = new ScratchOctets(LABEL_SIZE_MAX);
const labelOctets = label.ofSize(LABEL_SIZE_MAX);

/**
 * Write `10-0-0-1.S.N.svc` and its PTR record for each address. None of them is another name of the Service.
 *
 * @param service  `S.N.svc` in relative wire form
 */
export function writePlainEndpoints(service: Uint8Array, { addresses, ports }: PlainEndpoints, sink: RecordSink): void {
  for (const address of addresses) {
    const labelSize = writeDashed(address, labelOctets);
    const key = name.ofSize(1 + labelSize + service.length);
    key[0] = labelSize;
    for (let at = 0; at < labelSize; at++) key[1 + at] = labelOctets[at]!;
    for (let at = 0; at < service.length; at++) key[1 + labelSize + at] = service[at]!;
    labels[0] = label.ofSize(labelSize);
    sink.put(key, plainContent(address, ports), KEY_SPACE.FORWARD);
    sink.point(KEY_SPACE.REVERSE4, reverse.ofSize(reverseKey4Into(address, reverseOctets)), service, labels, false);
  }
}

/** Write `10-0-0-1`. @returns its size */
function writeDashed(address: number, into: Uint8Array): number {
  let size = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const octet = (address >>> shift) & 0xff;
    if (octet >= 100) into[size++] = 0x30 + ((octet / 100) | 0);
    if (octet >= 10) into[size++] = 0x30 + (((octet / 10) | 0) % 10);
    into[size++] = 0x30 + (octet % 10);
    if (shift > 0) into[size++] = DASH;
  }
  return size;
}
