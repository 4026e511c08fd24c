/**
 * The one table of cases: a cluster, options, and questions with the answers they are owed.
 *
 *   A     web.default.svc             = A 10.96.0.5
 *   SRV   _http._tcp.web.default.svc  = SRV 0 100 80 web.default.svc | web.default.svc A 10.96.0.5
 *   AAAA  web.default.svc             = NODATA
 *   A     alias.default.svc           = CNAME gone.default.svc ; NXDOMAIN
 *   A     WEB.default.svc             = A 10.96.0.5            # why
 *   TXT   svc                         = NODATA                 ~ CoreDNS says NXDOMAIN: …
 *
 * Right of `=`: records of the answer, `|`, records of the additional section; `;` stands between records; `NODATA`,
 * `NXDOMAIN` (both with the SOA of the zone), `REFUSED`, `SERVFAIL`, … end the answer. Names without a trailing dot are
 * below the zone of the cluster. A record may leave out its owner (the name asked) and its TTL (the option's); `SOA`
 * alone is the SOA record of the zone.
 * `~` marks a difference from CoreDNS kept on purpose. A line that ends in `\` goes on.
 */
import { RCODE, TYPE } from '../../src/dns/iana.ts';
import { DEFAULT_RECORD_OPTIONS, type ExternalOptions, type RecordOptions } from '../../src/records/record-options.ts';
import { endsWith, formatName, parseName, wireSize, type Labels } from '../wire/names.ts';
import type { Expected } from '../oracle/expected.ts';
import type { RawObject } from '../oracle/kubernetes-objects.ts';

/** A cluster and its questions, as written. */
export interface CaseGroup {
  readonly name: string;
  readonly options?: Partial<RecordOptions>;
  /** the zone that relative names are in; default: the first zone of the options */
  readonly zone?: string;
  readonly objects: readonly RawObject[];
  readonly ask: string;
}

export interface Case {
  readonly line: string;
  /** presentation form with trailing dot, as the client writes it */
  readonly qname: string;
  readonly qtype: number;
  readonly zone: Labels | undefined;
  readonly expected: Expected;
  /** a difference from CoreDNS kept on purpose, and its reason */
  readonly coredns: string | undefined;
}

export interface Cluster {
  readonly name: string;
  readonly objects: readonly RawObject[];
  readonly options: RecordOptions;
  readonly cases: readonly Case[];
}

const TYPE_WORD = /^(A|AAAA|SRV|TXT|CNAME|NS|SOA|MX|PTR)$/;
const OTHER_TYPES: Readonly<Record<string, number>> = { HINFO: 13, NAPTR: 35, CAA: 257, SPF: 99, NULL: 10, WKS: 11 };

export function parseCases(group: CaseGroup): Cluster {
  const options = { ...DEFAULT_RECORD_OPTIONS, ...group.options };
  const zone = group.zone ?? options.zones[0]!;
  const lines = group.ask
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return {
    name: group.name,
    objects: group.objects,
    options,
    cases: lines.map((line) => parseLine(line, options, zone)),
  };
}

function parseLine(line: string, options: RecordOptions, homeZone: string): Case {
  const [whole, coredns] = split(line, ' ~ ');
  const [question, answer] = split(split(whole, ' # ')[0], ' = ');
  const [typeWord, nameWord] = question.split(/\s+/);
  if (answer === undefined || nameWord === undefined) throw new Error(`case: ${line}`);
  const qname = absolute(nameWord, homeZone);
  const labels = parseName(qname);
  if (wireSize(labels) > 255) throw new Error(`name of ${wireSize(labels)} octets: ${line}`);
  const zone = [...options.zones, ...(options.external?.zones ?? [])]
    .map(parseName)
    .filter((candidate) => endsWith(labels, candidate))
    .toSorted((a, b) => b.length - a.length)[0];
  const writtenZone = zone === undefined ? undefined : labels.slice(labels.length - zone.length);
  return {
    line,
    qname,
    qtype: typeNumber(typeWord!),
    zone: writtenZone,
    expected: parseExpected(answer, qname, options, homeZone, writtenZone),
    coredns,
  };
}

function parseExpected(
  text: string,
  qname: string,
  options: RecordOptions,
  homeZone: string,
  zone: Labels | undefined,
): Expected {
  const [answerText, additionalText] = split(text, ' | ');
  const items = answerText.split(' ; ').map((item) => item.trim());
  const last = items.at(-1)!;
  const soa = zone === undefined ? [] : [soaLine(formatName(zone), options)];
  const ttlSeconds = externalZone(zone, options)?.ttlSeconds ?? options.ttlSeconds;
  const ttls = { ttlSeconds, targetTtlSeconds: options.ttlSeconds };
  const record = (item: string) => (item === 'SOA' ? soa[0]! : parseRecord(item, qname, ttls, homeZone));
  const additional = (additionalText ?? '').split(' ; ').filter((item) => item.trim() !== '');
  const common = { authority: [], additional: additional.map(record) };
  if (last === 'NODATA' || last === 'NXDOMAIN') {
    const rcode = last === 'NODATA' ? 'NOERROR' : 'NXDOMAIN';
    return { ...common, rcode, aa: true, answer: items.slice(0, -1).map(record), authority: soa };
  }
  if (last in RCODE) return { ...common, rcode: last as Expected['rcode'], aa: last === 'SERVFAIL', answer: [] };
  return { ...common, rcode: 'NOERROR', aa: true, answer: items.map(record) };
}

/** What records have that say none, seconds. */
interface Ttls {
  readonly ttlSeconds: number;
  /** SRV and CNAME records */
  readonly targetTtlSeconds: number;
}

/** `[owner] [ttl] TYPE rdata` */
function parseRecord(text: string, qname: string, ttls: Ttls, homeZone: string): string {
  const words = text.trim().split(/\s+/);
  const typeAt = words.findIndex((word) => TYPE_WORD.test(word));
  if (typeAt < 0) throw new Error(`record: ${text}`);
  const before = words.slice(0, typeAt);
  const ttlSeconds = /^(CNAME|SRV)$/.test(words[typeAt]!) ? ttls.targetTtlSeconds : ttls.ttlSeconds;
  const ttl = before.find((word) => /^\d+$/.test(word)) ?? String(ttlSeconds);
  const ownerWord = before.find((word) => !/^\d+$/.test(word));
  const owner = ownerWord === undefined ? qname : absolute(ownerWord, homeZone);
  const type = words[typeAt]!;
  const rdata = words.slice(typeAt + 1);
  if (/^(CNAME|NS|PTR|SRV)$/.test(type)) rdata.push(absolute(rdata.pop()!, homeZone));
  return `${owner} ${ttl} ${type} ${rdata.join(' ')}`;
}

function externalZone(zone: Labels | undefined, { external }: RecordOptions): ExternalOptions | undefined {
  const isExternal = external?.zones.some((own) => zone !== undefined && sameName(parseName(own), zone));
  return isExternal === true ? external : undefined;
}

function sameName(a: Labels, b: Labels): boolean {
  return a.length === b.length && endsWith(a, b);
}

function soaLine(zone: string, options: RecordOptions): string {
  const external = externalZone(parseName(zone), options);
  if (external !== undefined) {
    const apex = `${external.apex}.${zone}`;
    return `${zone} ${external.ttlSeconds} SOA ns1.${apex} hostmaster.${apex} * 7200 1800 86400 ${external.ttlSeconds}`;
  }
  const ttl = Math.min(options.ttlSeconds, 300);
  return `${zone} ${ttl} SOA ns.dns.${zone} hostmaster.${zone} * 7200 1800 86400 ${options.ttlSeconds}`;
}

/** `@` is the zone itself. */
function absolute(name: string, homeZone: string): string {
  if (name === '@') return `${homeZone}.`;
  return name.endsWith('.') ? name : `${name}.${homeZone}.`;
}

function typeNumber(word: string): number {
  const number = (TYPE as Record<string, number>)[word] ?? OTHER_TYPES[word] ?? Number(/^TYPE(\d+)$/.exec(word)?.[1]);
  if (Number.isNaN(number)) throw new Error(`type ${word}`);
  return number;
}

function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text.trim(), undefined] : [text.slice(0, at).trim(), text.slice(at + separator.length).trim()];
}
