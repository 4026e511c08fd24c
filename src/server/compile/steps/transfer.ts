/** From the rules of `transfer` to the steps that allow it, and to whom a zone's changes are told. */
import { parseIP } from '../../../config/network.ts';
import type { PluginOptions } from '../../../plugins/order.ts';
import type { TransferRule, TransferTarget } from '../../../plugins/transfer/parse.ts';
import { ZONE_KIND, type ZoneKind } from '../../../snapshot/snapshot-layout.ts';
import type { NotifiedZone } from '../../../transfer/notifier.ts';
import type { NetworkWords, TransferStep } from '../../../snapshot/config-description.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { secondaryZones } from './secondary.ts';
import { addAll } from '../zone-cover.ts';

export const makeTransfer: MakeSteps = ({ plugins, zones, context, block }) => {
  const { rules } = plugins.transfer!;
  const served = new Set([
    ...transferableZones(plugins).map(({ zone }) => zone),
    ...(plugins.file?.zones ?? []).flatMap(({ names }) => names),
    ...(plugins.auto === undefined ? [] : (context.zonesIn?.(plugins.auto) ?? [])).map(({ origin }) => origin),
    ...secondaryZones({ plugins, block, context }).map(({ origin }) => origin),
  ]);
  for (const rule of rules) addAll(zones, rule.zones);
  return [
    (suffix) => {
      const rule = served.has(suffix) ? ruleFor(rules, suffix) : undefined;
      return rule === undefined ? [] : [transferStepOf(rule)];
    },
  ];
};

/** The rule for a zone: the first of those that name the longest zone it lies in. */
function ruleFor(rules: readonly TransferRule[], zone: string): TransferRule | undefined {
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

function transferStepOf(rule: TransferRule): TransferStep {
  return {
    kind: 'transfer',
    isAnyoneAllowed: rule.to.includes('*'),
    networks: rule.to.flatMap(networkOf),
  };
}

/** A zone that a block's plugins can hand over. */
export interface TransferableZone {
  /** canonical name */
  readonly zone: string;
  readonly kind: ZoneKind;
}

function transferableZones({ kubernetes, k8s_external: external }: PluginOptions): readonly TransferableZone[] {
  const { CLUSTER, CLUSTERSET, EXTERNAL } = ZONE_KIND;
  return [
    ...(kubernetes?.zones ?? []).map((zone) => ({
      zone,
      kind: kubernetes!.multiclusterZones.includes(zone) ? CLUSTERSET : CLUSTER,
    })),
    ...(external?.zones ?? []).map((zone) => ({ zone, kind: EXTERNAL })),
  ];
}

/** The zones whose changes some host is to be told of. @param dataset  that their records are in */
export function notifiedZones(plugins: PluginOptions, dataset: number): readonly NotifiedZone[] {
  return notifiedOf(
    plugins,
    transferableZones(plugins).map((zone) => ({ ...zone, dataset })),
  );
}

/** Those of zones with records of their own: each has a dataset. */
export function notifiedStoredZones(
  plugins: PluginOptions,
  zones: readonly { readonly origin: string; readonly dataset: number }[],
): readonly NotifiedZone[] {
  return notifiedOf(
    plugins,
    zones.map(({ origin, dataset }) => ({ zone: origin, kind: ZONE_KIND.CLUSTER, dataset })),
  );
}

function notifiedOf(
  plugins: PluginOptions,
  zones: readonly (TransferableZone & { readonly dataset: number })[],
): readonly NotifiedZone[] {
  return zones.flatMap((zone) => {
    const rule = ruleFor(plugins.transfer?.rules ?? [], zone.zone);
    const to = rule?.to.filter((target) => target !== '*' && 'port' in target) ?? [];
    return rule === undefined || to.length === 0 ? [] : [{ ...zone, to, source: rule.source }];
  });
}

/** A host's port is where it is notified: any port of it may ask. */
function networkOf(target: TransferTarget): readonly NetworkWords[] {
  if (target === '*') return [];
  if ('prefixLength' in target) return [target];
  const address = parseIP(target.address.replace(/%.*$/, ''));
  return address === undefined ? [] : [{ words: address.words, prefixLength: 32 * address.words.length }];
}
