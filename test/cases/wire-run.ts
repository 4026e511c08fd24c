/** Runs the wire cases against a subject. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDNS_OPTION, TYPE, typeName } from '../../src/dns/iana.ts';
import { buildQuery } from '../wire/query.ts';
import { decodeStrictly, type DecodedMessage } from '../wire/strict-message.ts';
import type { Subject } from './subject.ts';
import { WIRE_CASES, WIRE_OBJECTS, WIRE_OPTIONS, type WireCase, type WireExpectation } from './wire-cases.ts';

const UDP_SIZE_PLAIN = 512;
const UDP_SIZE_MAX = 1232;
const STREAM_SIZE_MAX = 65_535;
const HEADER_SIZE = 12;

export interface WireRun {
  /** the subject is asked over a stream: nothing has to be cut */
  readonly isStream?: boolean;
}

export function runWireCases(subject: Subject, { isStream = false }: WireRun = {}): void {
  test('the subject loads', async () => subject.load(WIRE_OBJECTS, WIRE_OPTIONS));
  for (const one of WIRE_CASES) {
    test(one.name, async () => {
      const response = await subject.ask(one.query);
      if (one.expect === undefined) {
        assert.equal(response, undefined, 'a response to what is owed none');
        return;
      }
      assert.ok(response !== undefined, 'no response');
      if (isStream) checkResponse(one, response, { ...one.expect, sizeMax: STREAM_SIZE_MAX, ...one.overStream });
      else checkResponse(one, response, one.expect);
    });
  }
  test('every message that ends too early is answered FORMERR or not at all', () => checkPrefixes(subject));
  test('a server cookie comes back and is accepted', () => checkCookieReturns(subject));
}

function checkResponse({ query }: WireCase, response: Uint8Array, expect: WireExpectation): void {
  const message = decodeStrictly(response);
  checkHeader(message, query, expect);
  const { question } = questionOf(query);
  if (expect.isQuestionEchoed === true) {
    assert.deepEqual(response.slice(HEADER_SIZE, HEADER_SIZE + question.length), question, 'question');
  }
  checkCount('answer', message.answer.length, expect.answerCount);
  checkCount('additional', message.additional.length, expect.additionalCount);
  if (expect.authorityTypes !== undefined) {
    const types = message.authority.map(({ type }) => typeName(type));
    assert.deepEqual(types, expect.authorityTypes.map(typeName), 'authority');
  }
  checkOpt(message, expect);
  const limit = expect.sizeMax ?? sizeLimit(message, query);
  assert.ok(response.length <= limit, `${response.length} octets, at most ${limit}`);
}

function checkHeader(message: DecodedMessage, query: Uint8Array, expect: WireExpectation): void {
  assert.equal(message.qr, true, 'QR');
  assert.equal(message.id, (query[0]! << 8) | query[1]!, 'id');
  assert.equal(message.opcode, (query[2]! >> 3) & 15, 'opcode');
  assert.equal(message.rd, (query[2]! & 1) !== 0, 'RD');
  assert.equal(message.ra, false, 'RA');
  assert.equal(message.z, false, 'Z');
  assert.equal(message.ad, false, 'AD');
  const rcodes = typeof expect.rcode === 'number' ? [expect.rcode] : expect.rcode;
  assert.ok(rcodes.includes(message.rcode), `rcode ${message.rcode}, wanted ${rcodes.join(' or ')}`);
  for (const flag of ['aa', 'tc', 'cd'] as const) {
    if (expect[flag] !== undefined) assert.equal(message[flag], expect[flag], flag);
  }
}

function checkCount(what: string, count: number, wanted: WireExpectation['answerCount']): void {
  if (wanted === undefined) return;
  const [min, max] = typeof wanted === 'number' ? [wanted, wanted] : wanted;
  assert.ok(count >= min && count <= max, `${count} ${what} records, wanted ${min} to ${max}`);
}

function checkOpt({ opt }: DecodedMessage, expect: WireExpectation): void {
  if (expect.opt === 'none') assert.equal(opt, undefined, 'OPT for a query without one');
  if (opt !== undefined) {
    assert.equal(opt.version, 0, 'EDNS version');
    assert.equal(opt.z, 0, 'EDNS Z');
    assert.equal(opt.udpSize, UDP_SIZE_MAX, 'UDP size');
  }
  if (expect.cookieSize !== undefined) {
    const data = opt?.options.find(({ code }) => code === EDNS_OPTION.COOKIE)?.data;
    assert.equal(data?.length, expect.cookieSize, 'size of the cookie');
    const client = Uint8Array.from({ length: 8 }, (_, i) => i + 1);
    assert.deepEqual(data?.slice(0, 8), client, 'client cookie');
  }
  if (expect.opt === undefined || expect.opt === 'none') return;
  assert.ok(opt !== undefined, 'no OPT');
  if (expect.opt.dnssecOk !== undefined) assert.equal(opt.dnssecOk, expect.opt.dnssecOk, 'DO');
  if (expect.opt.options !== undefined) {
    assert.deepEqual(
      opt.options.map(({ code }) => code),
      expect.opt.options,
      'options',
    );
  }
  if (expect.opt.ede !== undefined) {
    const ede = opt.options.find(({ code }) => code === EDNS_OPTION.EDE)?.data;
    assert.equal(ede === undefined ? undefined : (ede[0]! << 8) | ede[1]!, expect.opt.ede, 'EDE');
  }
}

/** What RFC 6891 §6.2.5 and the server's own limit allow. */
function sizeLimit(message: DecodedMessage, query: Uint8Array): number {
  if (message.opt === undefined) return UDP_SIZE_PLAIN;
  const { end } = questionOf(query);
  // OPT stands right behind the question in the cases whose answers are large.
  const isOpt = query[end] === 0 && query[end + 2] === TYPE.OPT;
  const asked = isOpt ? (query[end + 3]! << 8) | query[end + 4]! : UDP_SIZE_MAX;
  return Math.min(UDP_SIZE_MAX, Math.max(UDP_SIZE_PLAIN, asked));
}

/** The first question's octets and where it ends; for sound questions. */
function questionOf(query: Uint8Array): { question: Uint8Array; end: number } {
  let at = HEADER_SIZE;
  while (at < query.length && query[at] !== 0) at += 1 + query[at]!;
  const end = Math.min(at + 5, query.length);
  return { question: query.slice(HEADER_SIZE, end), end };
}

async function checkPrefixes(subject: Subject): Promise<void> {
  const whole = buildQuery({
    name: 'web.default.svc.cluster.local',
    type: TYPE.A,
    edns: { options: [{ code: EDNS_OPTION.COOKIE, data: new Uint8Array(8) }] },
  });
  for (let size = 0; size < whole.length; size++) {
    const response = await subject.ask(whole.slice(0, size));
    if (size < HEADER_SIZE) assert.equal(response, undefined, `${size} octets`);
    else assert.equal(decodeStrictly(response!).rcode, 1, `${size} octets`);
  }
}

async function checkCookieReturns(subject: Subject): Promise<void> {
  const ask = async (data: Uint8Array) => {
    const edns = { options: [{ code: EDNS_OPTION.COOKIE, data }] };
    const response = await subject.ask(buildQuery({ name: 'web.default.svc.cluster.local', type: TYPE.A, edns }));
    const message = decodeStrictly(response!);
    return { message, cookie: message.opt!.options.find(({ code }) => code === EDNS_OPTION.COOKIE)!.data };
  };
  const client = Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2]);
  const first = await ask(client);
  assert.deepEqual(first.cookie.slice(0, 8), client);
  const second = await ask(first.cookie);
  assert.equal(second.message.rcode, 0);
  assert.deepEqual(second.cookie.slice(0, 8), client);
  assert.equal(second.message.answer.length, 1);
}
