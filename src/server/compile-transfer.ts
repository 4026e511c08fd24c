/** From the rules of `transfer` to the steps that allow it, and to whom a zone's changes are told. */
import { parseIP } from '../config/network.ts';
import type { TransferRule, TransferTarget } from '../plugins/transfer/parse.ts';
import type { NetworkWords, TransferStep } from '../snapshot/config-writer.ts';

/** The rule for a zone: the first of those that name the longest zone it lies in. */
export function ruleFor(rules: readonly TransferRule[], zone: string): TransferRule | undefined {
  let found: TransferRule | undefined;
  let longest = 0;
  for (const rule of rules) {
    for (const own of rule.zones) {
      if (own.length <= longest || !(own === '.' || zone === own || zone.endsWith(`.${own}`))) continue;
      found = rule;
      longest = own.length;
    }
  }
  return found;
}

export function transferStepOf(rule: TransferRule): TransferStep {
  return {
    kind: 'transfer',
    isAnyoneAllowed: rule.to.includes('*'),
    networks: rule.to.flatMap(networkOf),
  };
}

/** A host's port is where it is notified: any port of it may ask. */
function networkOf(target: TransferTarget): readonly NetworkWords[] {
  if (target === '*') return [];
  if ('prefixLength' in target) return [target];
  const address = parseIP(target.address.replace(/%.*$/, ''));
  return address === undefined ? [] : [{ words: address.words, prefixLength: 32 * address.words.length }];
}
