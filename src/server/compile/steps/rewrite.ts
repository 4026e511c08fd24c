import { EDNS_OPTION } from '../../../dns/iana.ts';
import type { OptionRule } from '../../../answer/rewrite/edns0-rules.ts';
import type { Edns0Rule } from '../../../plugins/rewrite/edns0.ts';
import type { NameRule } from '../../../plugins/rewrite/name-rule.ts';
import type { RewriteOptions, RewriteRule } from '../../../plugins/rewrite/parse.ts';
import type { RewriteStep } from '../../../snapshot/config-description.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { onceAListener } from '../once-a-listener.ts';
import type { ProgramRule, RewriteProgram } from '../../../answer/rewrite/rewrite-program.ts';
import { encodeProgram } from '../../../snapshot/program-text.ts';

/** What the answering threads evaluate. */
export interface CompiledRewrite {
  /** JSON of a RewriteProgram */
  readonly program: Uint8Array;
  readonly changesClass: boolean;
  readonly changesTargets: boolean;
}

/** The step of the block's `rewrite`. */
export const makeRewrite: MakeSteps = ({ plugins, routesBehind }) => {
  const compiled = compileRewrite(plugins.rewrite!);
  const stepOf = onceAListener(plugins, (scopeOf): RewriteStep => ({
    kind: 'rewrite',
    ...compiled,
    rest: routesBehind(scopeOf),
  }));
  return [(_, scopeOf) => [stepOf(scopeOf)]];
};

export function compileRewrite({ rules }: RewriteOptions): CompiledRewrite {
  const program: RewriteProgram = { rules: rules.map(compileRule) };
  return {
    program: encodeProgram(program),
    changesClass: rules.some(({ change }) => change.field === 'class'),
    changesTargets: rules.some(({ change }) => change.field === 'cname'),
  };
}

function compileRule({ mode, change }: RewriteRule): ProgramRule {
  const isStop = mode === 'stop';
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
    case 'cname':
      return { isStop, field: 'cname', match: change.match, name: change.from, to: change.to };
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
