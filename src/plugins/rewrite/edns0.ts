import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import { argumentFault, countFault } from '../../config/corefile/line-reader.ts';
import { U16_MAX } from '../../config/number.ts';
import { isMetadataLabel } from './name-rule.ts';

const ACTIONS = ['set', 'append', 'replace', 'unset'] as const;
export type Edns0Action = (typeof ACTIONS)[number];

/** An EDNS option of the query. */
export type Edns0Rule = {
  readonly field: 'edns0';
  readonly action: Edns0Action;
  /** the option goes from the response again, or is what it was */
  readonly isReverted: boolean;
} & (
  | { readonly option: 'local'; readonly code: number; readonly data: Edns0Data }
  | { readonly option: 'nsid' }
  | { readonly option: 'subnet'; readonly prefixLength4: number; readonly prefixLength6: number }
);

export type Edns0Data =
  /** as they go on the wire; none for unset */
  | { readonly kind: 'octets'; readonly octets: Uint8Array }
  /** a variable of the query, or `PLUGIN/LABEL` of metadata */
  | { readonly kind: 'variable'; readonly name: string };

const VARIABLES = ['qname', 'qtype', 'client_ip', 'client_port', 'protocol', 'server_ip', 'server_port'];

export function readEdns0Rule(field: CorefileToken, words: readonly CorefileToken[]): Edns0Rule {
  const [optionToken, actionToken] = words;
  if (optionToken === undefined || actionToken === undefined) {
    throw countFault(optionToken ?? field, 'rewrite edns0 local|nsid|subnet set|append|replace|unset …');
  }
  const action = ACTIONS.find((candidate) => candidate === actionToken.text.toLowerCase());
  if (action === undefined) {
    throw argumentFault(actionToken, `invalid action: ${quoteText(actionToken.text)}, expected ${ACTIONS.join(', ')}`);
  }
  const isReverted = action !== 'unset' && words.at(-1)!.text === 'revert';
  const values = words.slice(2, isReverted ? -1 : undefined);
  const common = { field: 'edns0', action, isReverted } as const;
  switch (optionToken.text.toLowerCase()) {
    case 'local':
      return { ...common, ...readLocal(action, actionToken, values) };
    case 'nsid':
      if (values[0] !== undefined) throw countFault(values[0], `rewrite edns0 nsid ${action} [revert]`);
      return { ...common, option: 'nsid' };
    case 'subnet':
      return { ...common, ...readSubnet(action, actionToken, values) };
    default: {
      const message = `invalid rule type ${quoteText(optionToken.text)}, expected local, nsid or subnet`;
      throw argumentFault(optionToken, message);
    }
  }
}

function readLocal(action: Edns0Action, at: CorefileToken, values: readonly CorefileToken[]) {
  const wanted = action === 'unset' ? 1 : 2;
  if (values.length !== wanted) {
    const usage =
      action === 'unset' ? 'rewrite edns0 local unset CODE' : `rewrite edns0 local ${action} CODE DATA [revert]`;
    throw countFault(values[wanted] ?? values.at(-1) ?? at, usage);
  }
  const [code, data] = values;
  const number = readNumber(code!, U16_MAX, 'option code');
  return { option: 'local', code: number, data: data === undefined ? NO_DATA : readData(data) } as const;
}

const NO_DATA: Edns0Data = { kind: 'octets', octets: new Uint8Array(0) };

function readData(token: CorefileToken): Edns0Data {
  const { text } = token;
  if (text.startsWith('{') && text.endsWith('}')) {
    const name = text.slice(1, -1);
    if (VARIABLES.includes(name) || isMetadataLabel(name)) return { kind: 'variable', name };
    const known = VARIABLES.map((variable) => `{${variable}}`).join(', ');
    throw argumentFault(token, `unsupported variable name ${quoteText(text)}, expected ${known} or {PLUGIN/LABEL}`);
  }
  if (!text.startsWith('0x')) return { kind: 'octets', octets: new TextEncoder().encode(text) };
  const digits = text.slice(2);
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) {
    throw argumentFault(token, `invalid hexadecimal data ${quoteText(text)}, expected pairs of digits behind 0x`);
  }
  return { kind: 'octets', octets: new Uint8Array(Buffer.from(digits, 'hex')) };
}

function readSubnet(action: Edns0Action, at: CorefileToken, values: readonly CorefileToken[]) {
  if (action === 'unset') {
    if (values[0] !== undefined) throw countFault(values[0], 'rewrite edns0 subnet unset');
    return { option: 'subnet', prefixLength4: 0, prefixLength6: 0 } as const;
  }
  const [length4, length6, more] = values;
  if (length4 === undefined || length6 === undefined || more !== undefined) {
    throw countFault(more ?? values.at(-1) ?? at, `rewrite edns0 subnet ${action} V4BITS V6BITS [revert]`);
  }
  return {
    option: 'subnet',
    prefixLength4: readNumber(length4, 32, 'IPv4 bit mask length'),
    prefixLength6: readNumber(length6, 128, 'IPv6 bit mask length'),
  } as const;
}

/** Decimal, or with a prefix of Go's: `0x`, `0o`, `0b`, `0`. */
function readNumber(token: CorefileToken, max: number, what: string): number {
  const octal = /^0([0-7]+)$/.exec(token.text)?.[1];
  const isNumber = /^(?:0x[0-9a-f]+|0b[01]+|0o[0-7]+|\d+)$/i.test(token.text);
  const value = octal !== undefined ? Number.parseInt(octal, 8) : isNumber ? Number(token.text) : Number.NaN;
  if (!(value <= max)) throw argumentFault(token, `invalid ${what} ${quoteText(token.text)}, expected 0 to ${max}`);
  return value;
}
