/** Asks primaries for the serial of a zone, and for the zone. */
import { randomInt } from 'node:crypto';
import { CLASS, TYPE } from '../dns/iana.ts';
import { HEADER_SIZE, NSCOUNT_AT, QDCOUNT_AT } from '../dns/wire-header.ts';
import { faultOfRdata } from '../dns/records/rdata-shape.ts';
import { askPrimary, type Primary } from './primary-connection.ts';
import { type AskedQuestion, readAnswers } from './response-records.ts';
import { TransferFault } from './transfer-fault.ts';
import { type HeldZone, type Transferred, ZoneReader } from './zone-reader.ts';
import { readZoneTimes } from './zone-serial.ts';

/** How long the answer to one question may take, and a transfer, ms. */
const ANSWER_MS = 5000;
const TRANSFER_MS = 600_000;

/** Steps through work with pauses for the event loop. */
export type RunSteps = <Result>(steps: Generator<void, Result>) => Promise<Result>;

/**
 * Ask for the serial of a zone: over TCP, where nobody answers in the primary's place.
 *
 * @param zone  wire form, lower-cased
 * @throws TransferFault
 */
export async function askSerial(zone: Uint8Array, primary: Primary, signal: AbortSignal): Promise<number> {
  const asked = { id: randomInt(0x1_0000), zone, qtype: TYPE.SOA };
  for await (const message of askPrimary(primary, queryFor(asked, undefined), signal, ANSWER_MS)) {
    for (const { type, rdata } of readAnswers(message, asked)) {
      if (type === TYPE.SOA && faultOfRdata(type, rdata) === undefined) return readZoneTimes(rdata).serial;
    }
    break;
  }
  throw new TransferFault('no SOA record in the answer');
}

/**
 * Transfer a zone: AXFR, or IXFR where one is held.
 *
 * @param zone  wire form, lower-cased
 * @param held  with `soa`, the data of its SOA record
 * @throws TransferFault, ZoneFault
 */
export async function transferZone(
  zone: Uint8Array,
  primary: Primary,
  held: (HeldZone & { readonly soa: Uint8Array }) | undefined,
  run: RunSteps,
  signal: AbortSignal,
): Promise<Transferred> {
  const asked = { id: randomInt(0x1_0000), zone, qtype: held === undefined ? TYPE.AXFR : TYPE.IXFR };
  const reader = new ZoneReader(asked, held);
  for await (const message of askPrimary(primary, queryFor(asked, held?.soa), signal, TRANSFER_MS)) {
    await run(reader.take(message));
    if (reader.isComplete) break;
  }
  return run(reader.finish());
}

/** @param soa  data of the SOA record of what is held, for IXFR */
function queryFor({ id, zone, qtype }: AskedQuestion, soa: Uint8Array | undefined): Uint8Array {
  const head = Buffer.alloc(HEADER_SIZE);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(1, QDCOUNT_AT);
  const question = Buffer.alloc(4);
  question.writeUInt16BE(qtype, 0);
  question.writeUInt16BE(CLASS.IN, 2);
  if (soa === undefined) return Buffer.concat([head, zone, question]);
  head.writeUInt16BE(1, NSCOUNT_AT);
  // Owner, TYPE, CLASS, TTL and RDLENGTH; the owner is the question's name.
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc000 | HEADER_SIZE, 0);
  fixed.writeUInt16BE(TYPE.SOA, 2);
  fixed.writeUInt16BE(CLASS.IN, 4);
  fixed.writeUInt16BE(soa.length, 10);
  return Buffer.concat([head, zone, question, fixed, soa]);
}
