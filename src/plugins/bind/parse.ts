import type { BlockContext } from '../../config/corefile/block-context.ts';
import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import { argumentFault, readOptions } from '../../config/corefile/line-reader.ts';
import { formatIP, parseIP } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface BindOptions {
  /** canonical, in order, interfaces expanded; a link-local one has `%INTERFACE` */
  readonly addresses: readonly string[];
}

/** `bind ADDRESS|INTERFACE… { except ADDRESS|INTERFACE… }`; several add up. */
export default definePlugin('bind', (lines, block): BindOptions => {
  const addresses: string[] = [];
  for (const line of lines) {
    if (line.arguments.length === 0) {
      throw argumentFault(line.name, 'at least one address or interface name is expected');
    }
    const listed = line.arguments.flatMap((token) => expand(token, block));
    const excepted = new Set<string>();
    readOptions(
      line,
      {
        except: (option) => {
          if (option.arguments.length === 0) {
            throw argumentFault(option.name, 'at least one address or interface must be given to except subdirective');
          }
          for (const token of option.arguments) for (const address of expand(token, block)) excepted.add(address);
        },
      },
      (name) => `invalid option "${name}"`,
    );
    addresses.push(...listed.filter((address) => !excepted.has(address)));
  }
  if (addresses.length === 0) throw argumentFault(lines[0].name, 'no address is left to bind');
  block.settings.bindAddresses = addresses;
  return { addresses };
});

function expand(token: CorefileToken, block: BlockContext): readonly string[] {
  const found = Object.hasOwn(block.networkInterfaces, token.text) ? block.networkInterfaces[token.text] : undefined;
  if (found !== undefined) return found.map(({ address }) => formatInterfaceAddress(address, token.text));
  const address = parseIP(token.text);
  if (address === undefined) {
    const names = Object.keys(block.networkInterfaces).join(', ');
    const message = `not a valid IP address or interface name: ${quoteText(token.text)}, there are ${names}`;
    throw argumentFault(token, message);
  }
  return [formatIP(address)];
}

function formatInterfaceAddress(text: string, interfaceName: string): string {
  const address = parseIP(text.replace(/%.*/, ''));
  if (address === undefined) return text;
  const isLinkLocal = address.family === 6 && address.words[0]! >>> 22 === 0xfe80 >>> 6;
  return isLinkLocal ? `${formatIP(address)}%${interfaceName}` : formatIP(address);
}
