import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readType } from '../../config/dns-words.ts';
import { argumentFault, refuseBlock } from '../../config/corefile/line-reader.ts';
import { parseNetworkOrAddress, type Network } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface AclOptions {
  /** in the order of the text */
  readonly rules: readonly AclRule[];
}

export interface AclRule {
  /** canonical names */
  readonly zones: readonly string[];
  /** the first that matches decides; none: allow */
  readonly policies: readonly AclPolicy[];
}

export interface AclPolicy {
  readonly action: AclAction;
  /** null: all */
  readonly types: readonly number[] | null;
  /** of clients; null: all */
  readonly networks: readonly Network[] | null;
}

const ACTIONS = ['allow', 'block', 'filter', 'drop'] as const;
export type AclAction = (typeof ACTIONS)[number];

/** `acl [ZONES…] { allow|block|filter|drop [type T…|*] [net CIDR…|*] }`, keywords in any case; several add up. */
export default definePlugin('acl', (lines, block): AclOptions => {
  const rules = lines.map((line) => ({
    zones: block.readZonesOrKeys(line.arguments),
    policies: (line.options ?? []).map(readPolicy),
  }));
  return { rules };
});

function readPolicy(option: CorefileLine): AclPolicy {
  refuseBlock(option);
  const action = ACTIONS.find((candidate) => candidate === option.name.text.toLowerCase());
  if (action === undefined) {
    const message = `unexpected token "${option.name.text}"; expect 'allow', 'block', 'filter' or 'drop'`;
    throw argumentFault(option.name, message);
  }
  let types: number[] | null | undefined;
  let networks: Network[] | null | undefined;
  const tokens = option.arguments;
  for (let index = 0; index < tokens.length;) {
    const keyword = tokens[index]!;
    if (!isKeyword(keyword)) {
      throw argumentFault(keyword, `unexpected token ${quoteText(keyword.text)}; expect 'type | net'`);
    }
    const end = tokens.findIndex((token, at) => at > index && isKeyword(token));
    const values = tokens.slice(index + 1, end < 0 ? tokens.length : end);
    if (values.length === 0)
      throw argumentFault(keyword, `no token specified in "${keyword.text.toLowerCase()}" section`);
    if (keyword.text.toLowerCase() === 'type') types = addValues(types, values, readType);
    else networks = addValues(networks, values, readClientNetwork);
    index += 1 + values.length;
  }
  return { action, types: types ?? null, networks: networks ?? null };
}

/** `*` is everything, whatever else stands beside it. */
function addValues<Value>(
  sofar: Value[] | null | undefined,
  tokens: readonly CorefileToken[],
  read: (token: CorefileToken) => Value,
): Value[] | null {
  const starAt = tokens.findIndex((token) => token.text === '*');
  const values = tokens.slice(0, starAt < 0 ? tokens.length : starAt).map((token) => read(token));
  return starAt >= 0 || sofar === null ? null : [...(sofar ?? []), ...values];
}

function readClientNetwork(token: CorefileToken): Network {
  const network = parseNetworkOrAddress(token.text);
  if (network === undefined) throw argumentFault(token, `illegal CIDR notation ${quoteText(token.text)}`);
  return network;
}

function isKeyword(token: CorefileToken): boolean {
  return /^(?:type|net)$/i.test(token.text);
}
