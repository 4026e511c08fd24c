/**
 * `rewrite edns0`: options of the query that goes to an upstream. None of a client's own goes any further, so what an
 * upstream gets is what the rules put there; that a client has sent an option counts for those that are about it.
 */
/** A rule as plain data, which goes to the answering threads as JSON. */
export interface OptionRule {
  readonly action: 'set' | 'append' | 'replace' | 'unset';
  readonly code: number;
  readonly data: OptionData;
}

export type OptionData =
  | { readonly kind: 'octets'; readonly hex: string }
  /** of the query, or `PLUGIN/LABEL` of metadata */
  | { readonly kind: 'variable'; readonly name: string }
  /** the client's network (RFC 7871) */
  | { readonly kind: 'subnet'; readonly prefixLength4: number; readonly prefixLength6: number };

/** What rules ask about the query. */
export interface OptionFacts {
  /** the question as it is by now, its letter case kept, presentation form */
  questionText(): string;
  /** 4 or 16 octets */
  clientOctets(): Uint8Array;
  /** undefined if it is not known which of the machine's it is */
  serverOctets(): Uint8Array | undefined;
  clientPort(): number;
  serverPort(): number;
  proto(): string;
  metadataValue(label: string): string | undefined;
  hasOption(code: number): boolean;
}

/** Octets of all options together: what there is room for in a query. */
export const OPTIONS_SIZE_MAX = 230;
const OPTION_HEAD_SIZE = 4;
const SUBNET_HEAD_SIZE = 4;

interface AddedOption {
  readonly code: number;
  data: Uint8Array;
}

/** Options as rules leave them. One object a thread. */
export class QueryOptions {
  #added: AddedOption[] = [];
  readonly #removed = new Set<number>();

  begin(): void {
    this.#added = [];
    this.#removed.clear();
  }

  /** @param qtype  of the question as it is by now @returns whether the rule is one for this query */
  apply(rule: OptionRule, facts: OptionFacts, qtype: number): boolean {
    const { action, code } = rule;
    if (action === 'unset') {
      this.#added = this.#added.filter((option) => option.code !== code);
      this.#removed.add(code);
      return true;
    }
    const data = dataOf(rule.data, facts, qtype);
    if (data === undefined) return false;
    const known = this.#added.find((option) => option.code === code);
    const isThere = known !== undefined || (!this.#removed.has(code) && facts.hasOption(code));
    if (action === 'replace' && !isThere) return false;
    // What is worked out is there once; what is written down may be there again.
    if (action === 'append' && isThere && rule.data.kind !== 'octets') return false;
    const replaced = action === 'append' ? undefined : known;
    const size = this.#size() + data.length + (replaced === undefined ? OPTION_HEAD_SIZE : -replaced.data.length);
    if (size > OPTIONS_SIZE_MAX) return false;
    if (replaced === undefined) this.#added.push({ code, data });
    else replaced.data = data;
    return true;
  }

  /** As they go on the wire; undefined: none. */
  encode(): Uint8Array | undefined {
    if (this.#added.length === 0) return undefined;
    const octets = Buffer.alloc(this.#size());
    let at = 0;
    for (const { code, data } of this.#added) {
      octets.writeUInt16BE(code, at);
      octets.writeUInt16BE(data.length, at + 2);
      octets.set(data, at + OPTION_HEAD_SIZE);
      at += OPTION_HEAD_SIZE + data.length;
    }
    return octets;
  }

  #size(): number {
    return this.#added.reduce((size, { data }) => size + OPTION_HEAD_SIZE + data.length, 0);
  }
}

/** @returns undefined if there is none: the rule is not for this query */
function dataOf(data: OptionData, facts: OptionFacts, qtype: number): Uint8Array | undefined {
  switch (data.kind) {
    case 'octets':
      return Buffer.from(data.hex, 'hex');
    case 'subnet':
      return subnetOf(facts.clientOctets(), data.prefixLength4, data.prefixLength6);
    case 'variable':
      return variableOf(data.name, facts, qtype);
  }
}

function variableOf(name: string, facts: OptionFacts, qtype: number): Uint8Array | undefined {
  switch (name) {
    case 'qname':
      return Buffer.from(facts.questionText());
    case 'qtype':
      return wordOf(qtype);
    case 'client_ip':
      return facts.clientOctets();
    case 'client_port':
      return wordOf(facts.clientPort());
    case 'server_ip': {
      const octets = facts.serverOctets();
      return octets?.length === facts.clientOctets().length ? octets : undefined;
    }
    case 'server_port':
      return wordOf(facts.serverPort());
    case 'protocol':
      return Buffer.from(facts.proto());
    default: {
      const value = facts.metadataValue(name);
      return value === undefined || value === '' ? undefined : Buffer.from(value);
    }
  }
}

function wordOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 0xff);
}

/** Family, length of the prefix, scope, and as many octets of the address as the prefix has, its last bits zero. */
function subnetOf(address: Uint8Array, prefixLength4: number, prefixLength6: number): Uint8Array {
  const is4 = address.length === 4;
  const prefixLength = is4 ? prefixLength4 : prefixLength6;
  const size = Math.ceil(prefixLength / 8);
  const option = Buffer.alloc(SUBNET_HEAD_SIZE + size);
  option.writeUInt16BE(is4 ? 1 : 2, 0);
  option[2] = prefixLength;
  option.set(address.subarray(0, size), SUBNET_HEAD_SIZE);
  if (prefixLength % 8 !== 0) option[option.length - 1]! &= 0xff << (8 - (prefixLength % 8));
  return option;
}
