import { EDNS_OPTION } from '../../dns/iana.ts';
import type { OptionRule } from '../../answer/edns0-rules.ts';
import type { Edns0Rule } from '../../plugins/rewrite/edns0.ts';
import type { NameRule } from '../../plugins/rewrite/name-rule.ts';
import type { RewriteChange, RewriteOptions, RewriteRule } from '../../plugins/rewrite/parse.ts';
import type { RewriteStep } from '../../snapshot/config-description.ts';
import type { MakeSteps, ScopeOf } from './block-compilation.ts';
import type { ProgramRule, RewriteProgram } from '../../answer/rewrite-program.ts';

/** What the answering threads evaluate, and what of it they do not serve. */
export interface CompiledRewrite {
  /** JSON of a RewriteProgram */
  readonly program: Uint8Array;
  readonly changesClass: boolean;
  /** kinds of rules that are not served yet: a question that comes to one is SERVFAIL */
  readonly unbuilt: readonly string[];
}

/** The step of the block's `rewrite`. */
export const makeRewrite: MakeSteps = ({ plugins, warn, routesBehind }) => {
  const { program, changesClass, unbuilt } = compileRewrite(plugins.rewrite!);
  for (const what of unbuilt) {
    warn(`plugin/rewrite: ${what} is not built yet: a question that comes to it is answered with SERVFAIL`);
  }
  // What acl does is counted by listener; without it all have the same step.
  const steps = new Map<ScopeOf | undefined, RewriteStep>();
  return [
    (_, scopeOf) => {
      const key = plugins.acl === undefined ? undefined : scopeOf;
      let step = steps.get(key);
      if (step === undefined) {
        step = { kind: 'rewrite', program, changesClass, rest: routesBehind(scopeOf) };
        steps.set(key, step);
      }
      return [step];
    },
  ];
};

export function compileRewrite({ rules }: RewriteOptions): CompiledRewrite {
  const program: RewriteProgram = { rules: rules.map(compileRule) };
  return {
    program: new TextEncoder().encode(JSON.stringify(program)),
    changesClass: rules.some(({ change }) => change.field === 'class'),
    unbuilt: [...new Set(rules.flatMap(({ change }) => unbuiltName(change) ?? []))],
  };
}

function compileRule({ mode, change }: RewriteRule): ProgramRule {
  const isStop = mode === 'stop';
  if (unbuiltName(change) !== undefined) return { isStop, field: 'unbuilt' };
  switch (change.field) {
    case 'name':
      return { isStop, ...compileName(change) };
    case 'type':
    case 'class':
      return { isStop, field: change.field, from: change.from, to: change.to };
    case 'ttl': {
      const { match, name, minTtlSeconds: minSeconds, maxTtlSeconds: maxSeconds } = change;
      return { isStop, field: 'ttl', match, name, minSeconds, maxSeconds };
    }
    case 'rcode':
      return { isStop, field: 'rcode', match: change.match, name: change.name, from: change.from, to: change.to };
    case 'edns0':
      return { isStop, field: 'edns0', option: compileOption(change) };
    default:
      return { isStop, field: 'nothing' };
  }
}

/** `revert` has nothing to do: no option of a query reaches a response. */
function compileOption(change: Edns0Rule): OptionRule {
  const { action } = change;
  switch (change.option) {
    case 'nsid':
      return { action, code: EDNS_OPTION.NSID, data: { kind: 'octets', hex: '' } };
    case 'subnet': {
      const { prefixLength4, prefixLength6 } = change;
      return { action, code: EDNS_OPTION.ECS, data: { kind: 'subnet', prefixLength4, prefixLength6 } };
    }
    case 'local': {
      const { code, data } = change;
      if (data.kind === 'variable') return { action, code, data };
      return { action, code, data: { kind: 'octets', hex: Buffer.from(data.octets).toString('hex') } };
    }
  }
}

function compileName({ match, from, to, metadataPieces, restoresAnswer, answerRules }: NameRule) {
  const restored = match === 'suffix' ? 'suffix' : 'name';
  const restores = restoresAnswer || match === 'exact' ? restored : 'nothing';
  const answers = answerRules.map(({ part, pattern, to: becomes }) => ({ part, pattern, to: becomes }));
  return { field: 'name', match, name: from, to, pieces: metadataPieces, restores, answers } as const;
}

/** @returns undefined for what is served */
function unbuiltName(change: RewriteChange): string | undefined {
  return change.field === 'cname' ? 'cname' : undefined;
}
