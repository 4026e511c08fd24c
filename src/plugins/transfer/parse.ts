import { argumentFault, readOptions, takeArgument, takeArguments } from '../../config/line-reader.ts';
import { formatIP, readIP } from '../../config/network.ts';
import { definePlugin } from '../../config/plugin-definition.ts';
import { readAddressAndPort, type AddressAndPort } from '../../config/upstream-address.ts';

export interface TransferOptions {
  readonly rules: readonly TransferRule[];
}

export interface TransferRule {
  /** canonical names */
  readonly zones: readonly string[];
  /** who may transfer; those with an address are notified */
  readonly to: readonly ('*' | AddressAndPort)[];
  /** the address notifications leave from; null: any */
  readonly source: string | null;
}

/** `transfer [ZONES…] { to ADDRESS[:PORT]…|*; source IP }`; several add up. */
export default definePlugin('transfer', (lines, block): TransferOptions => {
  const rules = lines.map((line) => {
    const to: ('*' | AddressAndPort)[] = [];
    let source: string | null = null;
    readOptions(line, {
      to: (option) => {
        for (const token of takeArguments(option, 1, Infinity, 'to ADDRESS[:PORT]…|*')) {
          to.push(token.text === '*' ? '*' : readAddressAndPort(token, 'to', 53));
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
