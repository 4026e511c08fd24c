/** A response as a shard's memory holds it, for the tests of what is reported. */
import { QUERY_EVENT_FLAG } from '../../../src/observability/queries/query-event-ring.ts';
import type { QueryEventFacts, QueryEventWriter } from '../../../src/observability/queries/query-event-writer.ts';

export const CLIENT_AT = 64;
export const MESSAGE_AT = 128;
const ARENA_SIZE = 1024;

export interface EventDescription {
  /** text, or octets in wire form */
  readonly name: string | readonly number[];
  readonly id?: number;
  /** of the response, both octets */
  readonly flags?: number;
  readonly type?: number;
  readonly class?: number;
  readonly client?: readonly number[];
  /** whether there is a record in this section: an A record, an SOA */
  readonly hasAnswer?: boolean;
  readonly hasSoa?: boolean;
  /** an NS record in place of the SOA */
  readonly isDelegation?: boolean;
  readonly facts?: Partial<QueryEventFacts>;
  /** false: no response was sent */
  readonly isSent?: boolean;
}

const ANSWER = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 192, 0, 2, 9];
const SOA = [0xc0, 0x0c, 0, 6, 0, 1, 0, 0, 0, 5, 0, 22, 0, 0, ...Array<number>(20).fill(1)];

const NAME_SERVER = [0xc0, 0x0c, 0, 2, 0, 1, 0, 0, 0, 5, 0, 2, 0xc0, 0x0c];

/** An arena with the client's address and the message in it. */
export function arenaOf(one: EventDescription): { readonly arena: Uint8Array; readonly size: number } {
  const { id = 1, flags = 0x8500, type = 1, class: qclass = 1 } = one;
  const name =
    typeof one.name === 'string'
      ? [...one.name.split('.').flatMap((label) => (label === '' ? [] : [label.length, ...Buffer.from(label)])), 0]
      : one.name;
  const answer = one.hasAnswer === true ? ANSWER : [];
  const soa = one.hasSoa === true ? SOA : one.isDelegation === true ? NAME_SERVER : [];
  const u16 = (value: number): number[] => [value >>> 8, value & 0xff];
  const counts = [0, 1, 0, answer.length > 0 ? 1 : 0, 0, soa.length > 0 ? 1 : 0, 0, 0];
  const message = [...u16(id), ...u16(flags), ...counts, ...name, ...u16(type), ...u16(qclass), ...answer, ...soa];
  const arena = new Uint8Array(ARENA_SIZE).fill(0xee);
  arena.set(one.client ?? [192, 0, 2, 1], CLIENT_AT);
  arena.set(message, MESSAGE_AT);
  return { arena, size: message.length };
}

/** Add an event of a block with `log`: scope 1, listener 0, a plain query. */
export function addEvent(writer: QueryEventWriter, one: EventDescription): void {
  const { arena, size } = arenaOf(one);
  Object.assign(writer.facts, {
    flags: QUERY_EVENT_FLAG.LOG,
    scope: 1,
    listener: 0,
    clientPort: 39_120,
    queryFlags: 0x0100,
    udpSize: 0,
    querySize: size,
    rcode: (one.flags ?? 0) & 0x0f,
    error: 0,
    errorDetail: 0,
    upstreamSize: 0,
    ...one.facts,
  });
  writer.add(arena, MESSAGE_AT, one.isSent === false ? 0 : size, arena, CLIENT_AT, one.client?.length ?? 4);
}
