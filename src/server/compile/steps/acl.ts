import type { MakeSteps } from '../block-compilation.ts';
import { addAll, longestZone } from '../zone-cover.ts';

/** One step for all rules: the policies of those whose zones hold the name, in their order. */
export const makeAcl: MakeSteps = ({ plugins, zones }) => {
  const { rules } = plugins.acl!;
  for (const rule of rules) addAll(zones, rule.zones);
  return [
    (suffix, scopeOf) => {
      const policies = rules.flatMap((rule) => {
        const zone = longestZone(rule.zones, suffix);
        return zone === undefined ? [] : rule.policies.map((policy) => ({ ...policy, scope: scopeOf(zone) }));
      });
      return [{ kind: 'acl', allowedScope: scopeOf(''), policies }];
    },
  ];
};
