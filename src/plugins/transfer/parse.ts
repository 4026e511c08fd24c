import { argumentFault, readOptions, takeArgument, takeArguments } from '../../config/corefile/line-reader.ts';
import { formatIP, readIP, readNetwork, type Network } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readAddressAndPort, type AddressAndPort } from '../../config/upstream-address.ts';

export interface TransferOptions {
  readonly rules: readonly TransferRule[];
}

/** Everyone, a host, or a network. */
export type TransferTarget = '*' | AddressAndPort | Network;

export interface TransferRule {
  /** canonical names */
  readonly zones: readonly string[];
  /** who may transfer; those with an address and a port are notified */
  readonly to: readonly TransferTarget[];
  /** the address notifications leave from; null: any */
  readonly source: string | null;
}

/** `transfer [ZONES…] { to ADDRESS[:PORT]|ADDRESS/LENGTH|*…; source IP }`; several add up. */
export default definePlugin('transfer', (lines, block): TransferOptions => {
  const rules = lines.map((line) => {
    const to: TransferTarget[] = [];
    let source: string | null = null;
    readOptions(line, {
      to: (option) => {
        for (const token of takeArguments(option, 1, Infinity, 'to ADDRESS[:PORT]|ADDRESS/LENGTH|*…')) {
          if (token.text === '*') to.push('*');
          else to.push(token.text.includes('/') ? readNetwork(token, 'to') : readAddressAndPort(token, 'to', 53));
        }
      },
      source: (option) => {
        const token = takeArgument(option, 'source IP');
        if (source !== null) throw argumentFault(option.name, 'source already specified');
        source = formatIP(readIP(token, 'source address'));
      },
    });
    if (to.length === 0) throw argumentFault(line.name, "'to' is required");
    return { zones: block.readZonesOrKeys(line.arguments), to, source };
  });
  return { rules };
});
