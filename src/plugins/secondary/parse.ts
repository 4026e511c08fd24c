import { argumentFault, readOptions, takeArguments } from '../../config/corefile/line-reader.ts';
import { quoteText } from '../../config/corefile/corefile-token.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readAddressAndPort, type AddressAndPort } from '../../config/upstream-address.ts';
import { parseZones } from '../../config/zone-name.ts';

export interface SecondaryOptions {
  readonly zones: readonly SecondaryZones[];
  /** canonical names; null: no fallthrough */
  readonly fallthrough: readonly string[] | null;
}

export interface SecondaryZones {
  /** canonical names */
  readonly names: readonly string[];
  readonly transferFrom: readonly AddressAndPort[];
  /** the zones are catalogs of member zones below these names; empty: of any; null: they are none */
  readonly catalogOf: readonly string[] | null;
}

/** `secondary [ZONES…] { transfer from ADDRESS[:PORT]…; catalog [Z…]; fallthrough [Z…] }`; several add up. */
export default definePlugin('secondary', (lines, block): SecondaryOptions => {
  let fallthrough: readonly string[] | null = null;
  const zones = lines.map((line) => {
    const transferFrom: AddressAndPort[] = [];
    let catalogOf: readonly string[] | null = null;
    readOptions(line, {
      transfer: (option) => {
        const [from, ...addresses] = takeArguments(option, 2, Infinity, 'transfer from ADDRESS[:PORT]…');
        if (from!.text !== 'from')
          throw argumentFault(from!, `unknown property ${quoteText(from!.text)}, expected from`);
        for (const token of addresses) {
          if (token.text === '*') throw argumentFault(token, "can't use '*' in transfer from");
          transferFrom.push(readAddressAndPort(token, 'transfer from', 53));
        }
      },
      catalog: (option) => {
        catalogOf = option.arguments.flatMap((token) => {
          const found = parseZones(token.text);
          if (typeof found === 'string') throw argumentFault(token, `invalid catalog member zone: ${found}`);
          return found;
        });
      },
      fallthrough: (option) => {
        fallthrough = block.readFallthrough(option.arguments);
      },
    });
    if (transferFrom.length === 0) {
      throw argumentFault(line.name, 'secondary zones require a transfer from property');
    }
    return { names: block.readZonesOrKeys(line.arguments), transferFrom, catalogOf };
  });
  return { zones, fallthrough };
});
