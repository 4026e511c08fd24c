/**
 * The step of the chain that verifies signed queries (RFC 8945 §5.2): what is not signed right is refused, what is has a
 * session, by which the response is signed when all else of it is done. What is behind a CNAME record of our own, or is asked
 * for an answer in the making, is part of a query that was verified, or was not, where its chain began.
 */
import { RCODE } from '../../dns/iana.ts';
import { HEADER_SIZE } from '../../dns/wire-header.ts';
import type { SnapshotReader } from '../../snapshot/reader.ts';
import { TsigKeys, type TsigSecret } from '../../tsig/tsig-keys.ts';
import { TSIG_ERROR } from '../../tsig/tsig-record.ts';
import { verifyRequest } from '../../tsig/tsig-session.ts';
import type { QueryClient } from '../answerer-options.ts';
import { Programs } from '../programs.ts';
import { type Query, TSIG_MISPLACED, TSIG_NONE } from '../query.ts';
import type { Response } from '../response.ts';
import { STEP_RESULT } from './step-result.ts';

/** What is evaluated: plain data, which goes to the answering threads as JSON. */
export interface TsigProgram {
  /** the name lies in one of the plugin's zones; else only where a TSIG record stands is looked at */
  readonly isCovered: boolean;
  /** qtypes that are refused without a signature */
  readonly requiredTypes: 'all' | readonly number[];
  readonly requiredOpcodes: 'all' | readonly number[];
}

/** Of all server blocks of a listener, in the order in which the last one counts. */
export interface TsigKeysProgram {
  readonly keys: readonly TsigSecret[];
}

export class TsigStep {
  private readonly reader: SnapshotReader;
  private readonly query: Query;
  private readonly response: Response;
  private readonly programs: Programs<TsigProgram>;
  private readonly keys: Programs<TsigKeys>;

  constructor(reader: SnapshotReader, query: Query, response: Response) {
    this.reader = reader;
    this.query = query;
    this.response = response;
    this.programs = new Programs(reader, (text) => parseJson<TsigProgram>(text));
    this.keys = new Programs(reader, (text) => new TsigKeys(parseJson<TsigKeysProgram>(text).keys));
  }

  /**
   * @param programAt  word index of the PROGRAM
   * @returns STEP_RESULT: NEXT or DONE
   */
  answer(programAt: number, client: QueryClient): number {
    const { query, response } = this;
    if (client.tsig !== undefined || client.isVerified) return STEP_RESULT.NEXT;
    const tsigAt = response.ownerOffset === HEADER_SIZE ? query.tsigAt : TSIG_NONE;
    if (tsigAt === TSIG_MISPLACED) return this.refuse(RCODE.FORMERR);
    const program = this.programs.at(programAt);
    if (!program.isCovered) return STEP_RESULT.NEXT;
    if (tsigAt === TSIG_NONE) return this.isRequired(program) ? this.refuse(RCODE.REFUSED) : STEP_RESULT.NEXT;
    const { bytes, messageAt } = response;
    const message = { octets: bytes, at: messageAt, size: client.messageSize, recordAt: tsigAt };
    const session = verifyRequest(message, this.keysOf(client.listener), Math.floor(Date.now() / 1000));
    if (session === undefined) return this.refuse(RCODE.FORMERR);
    client.tsig = session;
    client.tsigSize = session.recordSize;
    response.limit -= session.recordSize;
    return session.error === TSIG_ERROR.NONE ? STEP_RESULT.NEXT : this.refuse(RCODE.NOTAUTH);
  }

  private keysOf(listener: number): TsigKeys {
    const keysAt = this.reader.listenerKeysAt(listener);
    return keysAt === 0 ? NO_KEYS : this.keys.at(keysAt);
  }

  private isRequired({ requiredTypes, requiredOpcodes }: TsigProgram): boolean {
    const { qtype, opcode } = this.query;
    if (requiredTypes === 'all' || requiredOpcodes === 'all') return true;
    return requiredTypes.includes(qtype) || requiredOpcodes.includes(opcode);
  }

  private refuse(rcode: number): number {
    this.response.rcode = rcode;
    return STEP_RESULT.DONE;
  }
}

const NO_KEYS = new TsigKeys([]);

function parseJson<Value>(text: Uint8Array): Value {
  return JSON.parse(Buffer.from(text).toString('utf8')) as Value;
}
