import type { TemplateRule } from '../plugins/template/parse.ts';
import type { FixedAnswerStep, TemplateStep } from '../snapshot/config-writer.ts';
import type { TemplateProgram } from '../template/record-template.ts';
import { compileFixedTemplate } from './fixed-template.ts';

/**
 * The step of a `template` directive for a route.
 *
 * A fixed answer is for routes whose zone is one of the template's or lies below; the other kind looks at the zone itself.
 *
 * @returns undefined for what is not served yet: `var` and `expr`
 */
export function compileTemplate(rule: TemplateRule): FixedAnswerStep | TemplateStep | undefined {
  if (rule.variables.length > 0 || rule.expressions.length > 0) return undefined;
  return compileFixedTemplate(rule) ?? { kind: 'template', program: encodeProgram(rule) };
}

function encodeProgram(rule: TemplateRule): Uint8Array {
  const { qclass, qtype, zones, patterns, answer, authority, additional, rcode, extendedError, fallthrough } = rule;
  const program: TemplateProgram = {
    qclass,
    qtype,
    zones,
    patterns,
    answer,
    authority,
    additional,
    rcode,
    extendedError,
    fallthrough,
  };
  return new TextEncoder().encode(JSON.stringify(program));
}
