import type { TemplateRule } from '../../plugins/template/parse.ts';
import type { FixedAnswerStep, StepDescription, TemplateStep } from '../../snapshot/config-description.ts';
import type { TemplateProgram } from '../../template/record-template.ts';
import type { MakeSteps } from './block-compilation.ts';
import { compileFixedTemplate } from './fixed-template.ts';
import { addAll, covers } from './zone-cover.ts';

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

export const makeTemplates: MakeSteps = ({ plugins, zones, warn }) =>
  plugins.template!.templates.map((rule) => {
    addAll(zones, rule.zones);
    const compiled = compileTemplate(rule);
    if (compiled === undefined) warn('a template with var or expr is not built yet: it is answered with SERVFAIL');
    const step: StepDescription = compiled ?? { kind: 'unbuilt' };
    return (suffix) => (rule.zones.some((zone) => covers(zone, suffix)) ? [step] : []);
  });

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
