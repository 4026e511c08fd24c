/**
 * `log`: a line for each query whose block has a rule for it, in CoreDNS's form. The first rule whose name scope holds the
 * name decides; its format is compiled once.
 */
import { OPCODE, RCODE, TYPE } from '../../dns/iana.ts';
import { AA, CD, OPCODE_MASK, OPCODE_SHIFT, QR, RA, RD, TC, UDP_SIZE_PLAIN } from '../../dns/wire-header.ts';
import { LineBuffer } from './line-buffer.ts';
import { QUERY_LINE_HEAD, jsonHead } from './plugin-line.ts';
import type { LineFormat, WriteLine } from './plugin-line.ts';
import type { QueryEvent } from './query-event-reader.ts';
import { QUERY_EVENT_FLAG } from './query-event-ring.ts';

export type QueryClass = 'success' | 'denial' | 'error';

export interface QueryLogRule {
  /** canonical name, `.` for all */
  readonly zone: string;
  /** `{common}` and `{combined}` are already replaced */
  readonly format: string;
  readonly classes: readonly (QueryClass | 'all')[];
}

/** `log` of one server block, under one of its metric scopes. */
export interface QueryLogBlock {
  readonly rules: readonly QueryLogRule[];
  /** the block has `metadata`: `{/log/class}` and `{/log/type}` have values */
  readonly hasMetadata: boolean;
  /** labels whose values come with the events, in their order */
  readonly metadataLabels?: readonly string[];
}

export interface QueryLogOptions {
  readonly format: LineFormat;
  readonly write: WriteLine;
  /** by metric scope; undefined where the block has no `log` */
  readonly blocks: readonly (QueryLogBlock | undefined)[];
  /** address of a listener, without brackets; '' if unknown */
  readonly localAddress: (listener: number) => string;
}

/** What of an event a format holds. */
type Part = (event: QueryEvent) => string;

interface CompiledRule {
  readonly zone: string;
  /** undefined: all classes */
  readonly classes: ReadonlySet<QueryClass> | undefined;
  readonly parts: readonly (string | Part)[];
}

/** What CoreDNS calls the kind of a response, in `{/log/type}`. */
type ResponseType = 'NOERROR' | 'NODATA' | 'DELEGATION' | 'NXDOMAIN' | 'SERVERERROR' | 'META' | 'OTHERERROR';

const CLASS_OF_TYPE: Readonly<Record<ResponseType, QueryClass>> = {
  NOERROR: 'success',
  NODATA: 'denial',
  DELEGATION: 'success',
  NXDOMAIN: 'denial',
  SERVERERROR: 'error',
  META: 'error',
  OTHERERROR: 'error',
};

const STREAM_BUFSIZE = 65_535;
const EMPTY = '-';
const ZERO = 0x40;
const AD = 0x20;

export class QueryLog {
  private readonly format: LineFormat;
  private readonly write: WriteLine;
  private readonly line = new LineBuffer();
  private readonly rules: readonly (readonly CompiledRule[] | undefined)[];

  constructor(options: QueryLogOptions) {
    this.format = options.format;
    this.write = options.write;
    const compiled = new Map<QueryLogBlock, readonly CompiledRule[]>();
    this.rules = options.blocks.map((block) => {
      if (block === undefined) return undefined;
      const rules = compiled.get(block) ?? block.rules.map((rule) => compileRule(rule, block, options.localAddress));
      compiled.set(block, rules);
      return rules;
    });
  }

  /** Print the event if a rule asks for it. */
  add(event: QueryEvent): void {
    if (!event.has(QUERY_EVENT_FLAG.LOG)) return;
    const rules = this.rules[event.scope];
    if (rules === undefined) return;
    for (const rule of rules) {
      if (rule.zone !== '.' && !isInZone(event.name, rule.zone)) continue;
      if (rule.classes === undefined || rule.classes.has(CLASS_OF_TYPE[responseType(event)])) this.print(event, rule);
      return;
    }
  }

  private print(event: QueryEvent, { parts }: CompiledRule): void {
    if (this.format === 'json') {
      let message = '';
      for (const part of parts) message += typeof part === 'string' ? part : part(event);
      this.write(formatJsonLine(event, message));
      return;
    }
    const { line } = this;
    line.clear();
    line.add(QUERY_LINE_HEAD);
    for (const part of parts) line.add(typeof part === 'string' ? part : part(event));
    line.add('\n');
    this.write(line.view());
  }
}

function compileRule(
  rule: QueryLogRule,
  block: QueryLogBlock,
  localAddress: (listener: number) => string,
): CompiledRule {
  return {
    zone: rule.zone,
    classes: rule.classes.includes('all') ? undefined : new Set(rule.classes as readonly QueryClass[]),
    parts: compileFormat(rule.format, block, localAddress),
  };
}

/** Split a format at its placeholders; what is none of them stays as it is. */
function compileFormat(
  format: string,
  block: QueryLogBlock,
  localAddress: (listener: number) => string,
): readonly (string | Part)[] {
  const parts: (string | Part)[] = [];
  let literal = '';
  for (const piece of format.split(/(\{[^{}]*\})/)) {
    const part = findPart(piece, block, localAddress);
    if (part === undefined) {
      literal += piece;
    } else {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(part);
    }
  }
  if (literal !== '') parts.push(literal);
  return parts;
}

function findPart(
  piece: string,
  { hasMetadata, metadataLabels = [] }: QueryLogBlock,
  localAddress: (listener: number) => string,
): string | Part | undefined {
  if (piece === '{local}') return ({ listener }) => bracketed(localAddress(listener));
  if (!piece.startsWith('{/')) return Object.hasOwn(PLACEHOLDERS, piece) ? PLACEHOLDERS[piece] : undefined;
  if (hasMetadata && piece === '{/log/type}') return responseType;
  if (hasMetadata && piece === '{/log/class}') return (event) => CLASS_OF_TYPE[responseType(event)];
  if (hasMetadata && piece === '{/forward/upstream}') return ({ upstreamText }) => upstreamText || EMPTY;
  const index = hasMetadata ? metadataLabels.indexOf(piece.slice(2, -1)) : -1;
  return index < 0 ? EMPTY : ({ metadata }) => metadata[index] ?? EMPTY;
}

const PLACEHOLDERS: Readonly<Record<string, Part>> = {
  '{remote}': ({ clientText }) => bracketed(clientText),
  '{port}': ({ clientPort }) => String(clientPort),
  '{type}': ({ typeText }) => typeText,
  '{class}': ({ classText }) => classText,
  '{name}': ({ name }) => name,
  '{proto}': ({ proto }) => proto,
  '{size}': ({ querySize }) => String(querySize),
  '{>id}': ({ id }) => String(id),
  '{>opcode}': (event) => String(opcodeOf(event)),
  '{>do}': (event) => String(event.has(QUERY_EVENT_FLAG.DNSSEC_OK)),
  '{>bufsize}': (event) => String(bufferSize(event)),
  '{rcode}': ({ responseSize, rcodeText }) => (responseSize === 0 ? EMPTY : rcodeText),
  '{>rflags}': (event) => (event.responseSize === 0 ? EMPTY : flagsText(loggedFlags(event))),
  '{rsize}': ({ uncompressedSize }) => String(uncompressedSize),
  '{duration}': ({ durationNs }) => `${secondsText(durationNs)}s`,
};

function formatJsonLine(event: QueryEvent, message: string): string {
  const rcode = event.responseSize === 0 ? 'null' : `"${event.rcodeText}"`;
  return (
    `${jsonHead('info', message, 'log', event.timeMs)},"client_ip":"${event.clientText}","client_port":${event.clientPort},` +
    `"qname":${JSON.stringify(event.name)},"qtype":"${event.typeText}","qclass":"${event.classText}",` +
    `"protocol":"${event.proto}","id":${event.id},"opcode":${opcodeOf(event)},"request_size":${event.querySize},` +
    `"dnssec_ok":${event.has(QUERY_EVENT_FLAG.DNSSEC_OK)},"bufsize":${bufferSize(event)},"rcode":${rcode},` +
    `"response_size":${event.uncompressedSize},"duration_seconds":${secondsText(event.durationNs)}}\n`
  );
}

/** NXDOMAIN beside records is no denial of the name that was asked; NODATA without an SOA cannot be told from an answer. */
function responseType(event: QueryEvent): ResponseType {
  if (event.responseSize === 0) return 'OTHERERROR';
  if (opcodeOf(event) === OPCODE.NOTIFY || event.type === TYPE.AXFR || event.type === TYPE.IXFR) return 'META';
  switch (event.rcode) {
    case RCODE.NOERROR:
      if (event.answerCount !== 0) return 'NOERROR';
      if (event.has(QUERY_EVENT_FLAG.SOA)) return 'NODATA';
      return event.has(QUERY_EVENT_FLAG.NAME_SERVERS) ? 'DELEGATION' : 'NOERROR';
    case RCODE.NXDOMAIN:
      return event.answerCount === 0 ? 'NXDOMAIN' : 'OTHERERROR';
    case RCODE.SERVFAIL:
    case RCODE.NOTIMP:
      return 'SERVERERROR';
    default:
      return 'OTHERERROR';
  }
}

function opcodeOf({ queryFlags }: QueryEvent): number {
  return (queryFlags >>> (8 + OPCODE_SHIFT)) & OPCODE_MASK;
}

function bufferSize(event: QueryEvent): number {
  if (event.has(QUERY_EVENT_FLAG.STREAM)) return STREAM_BUFSIZE;
  return Math.max(event.udpSize, UDP_SIZE_PLAIN);
}

/**
 * The flags as a plugin set them, which is what CoreDNS's log sees: that recursion is available is the upstream's word.
 * Beside data of its own the server says it of itself, and lines of cluster names would not be those people know.
 */
function loggedFlags(event: QueryEvent): number {
  return event.has(QUERY_EVENT_FLAG.FORWARDED) ? event.responseFlags : event.responseFlags & ~RA;
}

/** Both flag octets of a header, the first in the high bits. */
function flagsText(flags: number): string {
  const known = flagsTexts.get(flags);
  if (known !== undefined) return known;
  const text = formatFlags(flags);
  flagsTexts.set(flags, text);
  return text;
}

/** By both octets: 2^16 at most, a few in practice. */
const flagsTexts = new Map<number, string>();

function formatFlags(flags: number): string {
  const high = flags >>> 8;
  let text = '';
  if ((high & QR) !== 0) text += ',qr';
  if ((high & AA) !== 0) text += ',aa';
  if ((high & TC) !== 0) text += ',tc';
  if ((high & RD) !== 0) text += ',rd';
  if ((flags & RA) !== 0) text += ',ra';
  if ((flags & ZERO) !== 0) text += ',z';
  if ((flags & AD) !== 0) text += ',ad';
  if ((flags & CD) !== 0) text += ',cd';
  return text === '' ? EMPTY : text.slice(1);
}

/** A batch has one duration. */
let lastNanoseconds = 0;
let lastSeconds = '0';

function secondsText(nanoseconds: number): string {
  if (nanoseconds !== lastNanoseconds) {
    lastNanoseconds = nanoseconds;
    lastSeconds = formatSeconds(nanoseconds);
  }
  return lastSeconds;
}

/** The shortest decimal, never with an exponent. */
function formatSeconds(nanoseconds: number): string {
  const seconds = Math.floor(nanoseconds / 1e9);
  const rest = nanoseconds - seconds * 1e9;
  if (rest === 0) return String(seconds);
  let digits = String(rest).padStart(9, '0');
  let end = 9;
  while (digits.charCodeAt(end - 1) === 0x30) end--;
  if (end < 9) digits = digits.slice(0, end);
  return `${seconds}.${digits}`;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function isInZone(name: string, zone: string): boolean {
  return name === zone || (name.endsWith(zone) && name.charCodeAt(name.length - zone.length - 1) === 0x2e);
}
