import { templateTextCell } from '../../../observability/counters/counter-layout.ts';
import type { TemplateRule } from '../../../plugins/template/parse.ts';
import type { FixedAnswerStep, TemplateStep } from '../../../snapshot/config-description.ts';
import type { TemplateProgram } from '../../../template/record-template.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { compileFixedTemplate } from './fixed-template.ts';
import { addAll, longestZone } from '../zone-cover.ts';
import { encodeProgram } from '../../../snapshot/program-text.ts';

/**
 * The step of a `template` directive for a route.
 *
 * A fixed answer is for routes whose zone is one of the template's or lies below; the other kind looks at the zone itself.
 */
export function compileTemplate(rule: TemplateRule): FixedAnswerStep | TemplateStep {
  const isFixed = rule.variables.length === 0 && rule.expressions.length === 0;
  const fixed = isFixed ? compileFixedTemplate(rule) : undefined;
  return fixed ?? { kind: 'template', program: writeRule(rule) };
}

export const makeTemplates: MakeSteps = ({ plugins, zones }) =>
  plugins.template!.templates.map((rule) => {
    addAll(zones, rule.zones);
    const step = compileTemplate(rule);
    const { qtype, texts } = rule;
    const counted = texts.flatMap((ofSection, section) => ofSection.map((text) => ({ section, qtype, text })));
    return (suffix, scopeOf) => {
      const zone = longestZone(rule.zones, suffix);
      return zone === undefined ? [] : [{ ...step, scope: scopeOf(zone, counted) }];
    };
  });

function writeRule(rule: TemplateRule): Uint8Array {
  // Of all that the rule has, what the threads evaluate is all.
  const faultCells = rule.texts.map((ofSection) => ofSection.map(templateTextCell));
  const program: TemplateProgram & { readonly texts?: unknown } = { ...rule, texts: undefined, faultCells };
  return encodeProgram(program);
}
