/**
 * Random zones in Knot, which signs them, and transferred from there: the same questions to both, with their signatures and
 * proofs. Where this server differs it is meant to, and `differences` says where.
 */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { rcodeName, TYPE, typeName } from '../../src/dns/iana.ts';
import { readMessageName } from '../../src/dns/message-name.ts';
import { formatName, lowerCaseName } from '../../src/dns/name.ts';
import { RDATA_NAMES } from '../../src/dns/records/rdata-names.ts';
import { parseType } from '../../src/dns/records/record-words.ts';
import { AA, ANCOUNT_AT, FLAGS_HIGH_AT, FLAGS_LOW_AT, HEADER_SIZE } from '../../src/dns/wire-header.ts';
import { buildQuery } from '../wire/query.ts';
import { startKnotPrimary } from './knot.ts';
import { randomQuestion, randomZone, Seeded } from './random-zones.ts';
import { freePort, missingPrograms, spawnNode, temporaryFolder } from './skyshard-process.ts';

const ADDRESS = '127.0.0.1';
const ZONES = 12;
const QUESTIONS = 600;

interface Sections {
  readonly rcode: string;
  readonly isAuthoritative: boolean;
  /** `OWNER TTL TYPE DATA`, sorted; names in lower case and written out */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

function readSections(message: Buffer): Sections {
  let at = nameAt(message, HEADER_SIZE).end + 4;
  const read = (index: number): string[] =>
    Array.from({ length: message.readUInt16BE(ANCOUNT_AT + 2 * index) }, () => {
      const owner = nameAt(message, at);
      const type = message.readUInt16BE(owner.end);
      const start = owner.end + 10;
      at = start + message.readUInt16BE(owner.end + 8);
      return `${owner.text} ${message.readUInt32BE(owner.end + 4)} ${typeName(type)} ${dataText(message, type, start, at)}`;
    })
      .filter((line) => !line.includes(` ${typeName(TYPE.OPT)} `))
      .toSorted();
  const [answer, authority, additional] = [read(0), read(1), read(2)] as const;
  const isAuthoritative = (message[FLAGS_HIGH_AT]! & AA) !== 0;
  return { rcode: rcodeName(message[FLAGS_LOW_AT]! & 15), isAuthoritative, answer, authority, additional };
}

function dataText(message: Buffer, type: number, start: number, end: number): string {
  const names = RDATA_NAMES.get(type);
  if (names === undefined) return message.toString('hex', start, end);
  let at = start + names.before;
  const words = [message.toString('hex', start, at)];
  for (let left = names.names; left > 0; left--) {
    const name = nameAt(message, at);
    words.push(name.text);
    at = name.end;
  }
  return `${words.join(' ')} ${message.toString('hex', at, end)}`;
}

function nameAt(message: Buffer, at: number): { readonly text: string; readonly end: number } {
  const name = readMessageName(message, 0, at, message.length);
  assert.ok(name !== undefined, `no name at ${at}`);
  return { text: formatName(lowerCaseName(name.name)), end: name.end };
}

async function ask(socket: dgram.Socket, port: number, query: Uint8Array): Promise<Sections> {
  for (let attempt = 0; attempt < 5; attempt++) {
    socket.send(query, port, ADDRESS);
    try {
      const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer];
      return readSections(message);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    }
  }
  return assert.fail(`no answer from port ${port}`);
}

/** What of a response differs that should not. */
function differences(own: Sections, other: Sections, zone: string): string[] {
  // An alias that goes round: what the others answer in part is SERVFAIL here, as CoreDNS has it.
  if (own.rcode === 'SERVFAIL' && other.answer.some((line) => line.includes(' CNAME '))) return [];
  const found: string[] = [];
  if (own.rcode !== other.rcode) found.push(`rcode ${own.rcode}`);
  if (own.isAuthoritative !== other.isAuthoritative) found.push(`AA ${own.isAuthoritative}`);
  if (own.answer.join('\n') !== other.answer.join('\n')) found.push('answer');
  // Behind an answer stand the name servers of the zone, as in CoreDNS.
  const isServers = (line: string): boolean => line.startsWith(`${zone}. `) && / NS | RRSIG 0002/.test(line);
  const needed = (lines: readonly string[]): string => lines.filter((line) => !isServers(line)).join('\n');
  if (needed(own.authority) !== needed(other.authority)) found.push('authority');
  // Addresses beside a delegation, and what is behind the target of a service, are left to be asked for, as in CoreDNS.
  if (own.additional.some((line) => !other.additional.includes(line))) found.push('additional');
  return found;
}

test('zones that Knot has signed are answered as Knot does', { skip: missingPrograms('knotd') }, async (t) => {
  const seed = Number(process.env['SEED'] ?? 20_261_126);
  t.diagnostic(`SEED=${seed}`);
  const random = new Seeded(seed);
  const zones = Array.from({ length: ZONES }, (_, index) => randomZone(random, `z${index}.test`));
  const port = await freePort();
  const knot = await startKnotPrimary(
    Object.fromEntries(zones.map(({ origin, text }) => [origin, text])),
    port,
    undefined,
    ['dnssec-signing: on'],
  );
  const blocks = zones.map(({ origin }) => `secondary ${origin} {\ntransfer from ${ADDRESS}:${knot.port}\n}`);
  const corefile = `.:${port} {\nbind ${ADDRESS}\nbufsize 4096\n${blocks.join('\n')}\n}\n`;
  const folder = temporaryFolder({ Corefile: corefile });
  const server = spawnNode(['dist/main.js', 'serve', '--conf', `${folder}/Corefile`, '--shards', '1']);
  for (const { origin } of zones)
    await server.waitForOutput(new RegExp(`Transferred: .* of zone \\\\"${origin}\\.\\\\" with`));
  const socket = dgram.createSocket('udp4');
  t.after(() => socket.close());
  for (let count = 0; count < QUESTIONS; count++) {
    const zone = random.pick(zones);
    const { name, type } = randomQuestion(random, zone);
    // ANY is NODATA, as in CoreDNS; behind the NSEC record of a wildcard Knot leaves out the proof that it is one.
    if (type === 'ANY' || type === 'NSEC') continue;
    const query = buildQuery({ name, type: parseType(type)!, id: count, edns: { udpSize: 4096, dnssecOk: true } });
    const own = await ask(socket, port, query);
    const other = await ask(socket, knot.port, query);
    const what = `${name} ${type}\n${zone.text}`;
    assert.deepEqual(
      differences(own, other, zone.origin),
      [],
      `${what}${JSON.stringify({ own, other }, undefined, 1)}`,
    );
  }
  assert.equal((await server.end()).code, 0);
});
