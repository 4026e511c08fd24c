import type { BlockContext } from '../../config/block-context.ts';
import { quoteText, type CorefileToken } from '../../config/corefile-token.ts';
import { readDuration } from '../../config/duration.ts';
import { argumentFault, readOptions, takeArgument } from '../../config/line-reader.ts';
import { parseIP, readNetwork, type Network } from '../../config/network.ts';
import { parseInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/plugin-definition.ts';
import { canonicalName } from '../../config/zone-name.ts';

export type LoadbalanceOptions = RoundRobinOptions | WeightedOptions;

export interface RoundRobinOptions {
  readonly policy: 'round_robin';
  /** addresses in these networks come first */
  readonly prefer: readonly Network[];
}

export interface WeightedOptions {
  readonly policy: 'weighted';
  /** absolute path of the file with the weights */
  readonly file: string;
  readonly reloadMs: number;
}

/** `loadbalance [round_robin] { prefer CIDR… }` or `loadbalance weighted FILE { reload DURATION }`; the last one counts. */
export default definePlugin('loadbalance', (lines, block): LoadbalanceOptions => {
  let options: LoadbalanceOptions = { policy: 'round_robin', prefer: [] };
  for (const line of lines) {
    const [policy, file, ...more] = line.arguments;
    if (policy === undefined || policy.text === 'round_robin') {
      if (file !== undefined) throw argumentFault(file, `unknown property for round_robin: ${quoteText(file.text)}`);
      const prefer: Network[] = [];
      readOptions(line, {
        prefer: (option) => prefer.push(...option.arguments.map((token) => readNetwork(token, 'CIDR'))),
      });
      options = { policy: 'round_robin', prefer };
      continue;
    }
    if (policy.text !== 'weighted') {
      throw argumentFault(policy, `unknown policy: ${quoteText(policy.text)}, expected round_robin or weighted`);
    }
    if (file === undefined) throw argumentFault(policy, "missing weight file argument, expected 'weighted FILE'");
    if (more[0] !== undefined) throw argumentFault(more[0], `unexpected argument ${quoteText(more[0].text)}`);
    let reloadMs = 30_000;
    readOptions(line, {
      reload: (option) => {
        reloadMs = Math.max(0, readDuration(takeArgument(option, 'reload DURATION'), 'reload', { minMs: -Infinity }));
      },
    });
    checkWeights(file, block);
    options = { policy: 'weighted', file: block.resolvePath(file.text), reloadMs };
  }
  return options;
});

/** A line of a domain name, then lines `IP WEIGHT` that belong to it; `#` starts a comment line. */
function checkWeights(token: CorefileToken, block: BlockContext): void {
  let name: string | undefined;
  for (const [index, line] of block.readFile(token, 'weight file').split('\n').entries()) {
    const [first, weight, more] = line.trim().split(/\s+/);
    if (first === undefined || first === '' || first.startsWith('#')) continue;
    const fault = (message: string): Error =>
      argumentFault(token, `weight file ${quoteText(token.text)}, line ${index + 1}: ${message}`);
    if (weight === undefined) {
      name = parseIP(first) === undefined ? canonicalName(first) : undefined;
      if (name === undefined) throw fault(`${quoteText(first)} is no domain name`);
      continue;
    }
    if (more !== undefined || parseIP(first) === undefined) throw fault('expected a domain name, or IP WEIGHT');
    if (name === undefined) throw fault('expected a domain name before the first IP WEIGHT');
    const value = parseInteger(weight);
    if (value === undefined || value < 1 || value > 255) throw fault(`weight ${quoteText(weight)}, expected 1 to 255`);
  }
}
