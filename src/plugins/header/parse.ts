import { quoteText } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { argumentFault, refuseBlock } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface HeaderOptions {
  readonly query: readonly HeaderRule[];
  readonly response: readonly HeaderRule[];
}

export interface HeaderRule {
  readonly flag: HeaderFlag;
  readonly isSet: boolean;
}

const FLAGS = ['aa', 'ra', 'rd'] as const;
export type HeaderFlag = (typeof FLAGS)[number];

/** `header { query|response set|clear FLAG… }`, words in any case; the first one with a rule counts. */
export default definePlugin('header', (lines, block): HeaderOptions => {
  for (const [index, line] of lines.entries()) {
    const query: HeaderRule[] = [];
    const response: HeaderRule[] = [];
    if (line.arguments[0] !== undefined) {
      throw argumentFault(line.arguments[0], `unexpected argument ${quoteText(line.arguments[0].text)}`);
    }
    for (const option of line.options ?? []) {
      const selector = option.name.text.toLowerCase();
      if (selector !== 'query' && selector !== 'response') {
        throw argumentFault(option.name, `invalid selector=${selector}, expected query or response`);
      }
      (selector === 'query' ? query : response).push(...readRules(option));
    }
    if (query.length + response.length === 0) continue;
    const ignored = lines[index + 1];
    if (ignored !== undefined) block.warn(ignored.name, 'a second header in one block is ignored, as in CoreDNS');
    return { query, response };
  }
  throw argumentFault(lines[0].name, "no rule, expected 'query|response set|clear aa|ra|rd…' in its block");
});

function readRules(option: CorefileLine): HeaderRule[] {
  refuseBlock(option);
  const [action, ...flags] = option.arguments;
  if (action === undefined) throw argumentFault(option.name, 'no flag action provided, expected set or clear');
  const word = action.text.toLowerCase();
  if (word !== 'set' && word !== 'clear') {
    throw argumentFault(action, `unknown flag action=${quoteText(word)}, should be set or clear`);
  }
  if (flags.length === 0) throw argumentFault(action, 'invalid length for flags, at least one should be provided');
  return flags.map((token) => {
    const flag = FLAGS.find((candidate) => candidate === token.text.toLowerCase());
    if (flag === undefined) {
      throw argumentFault(token, `unknown/unsupported flag=${quoteText(token.text)}, expected ${FLAGS.join(', ')}`);
    }
    return { flag, isSet: word === 'set' };
  });
}
