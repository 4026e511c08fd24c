import type { BlockContext } from '../../config/corefile/block-context.ts';
import { quoteText, type CorefileToken } from '../../config/corefile/corefile-token.ts';
import { readDuration } from '../../config/duration.ts';
import { argumentFault, readOptions, takeArgument } from '../../config/corefile/line-reader.ts';
import { readNetwork, type Network } from '../../config/network.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readWeights } from '../../config/weight-file.ts';

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
    checkWeights(file, block, reloadMs);
    options = { policy: 'weighted', file: block.resolvePath(file.text), reloadMs };
  }
  return options;
});

/** Errors in the file are the configuration's; one that is not there yet may come, where it is looked for again. */
function checkWeights(token: CorefileToken, block: BlockContext, reloadMs: number): void {
  const file = block.resolvePath(token.text);
  if (reloadMs > 0 && isMissing(file, block)) {
    block.warn(token, `weight file not found: ${quoteText(file)}; addresses have equal weights until it is there`);
    return;
  }
  const weights = readWeights(block.readFile(token, 'weight file'));
  if (typeof weights === 'string') throw argumentFault(token, `weight file ${quoteText(token.text)}, ${weights}`);
}

function isMissing(file: string, { files }: BlockContext): boolean {
  try {
    return files.read(file) === undefined;
  } catch {
    return false;
  }
}
