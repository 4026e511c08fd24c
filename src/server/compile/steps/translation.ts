/** `dns64` and `siit`. */
import type { TranslationProgram } from '../../../compose/address-translation.ts';
import type { StepDescription } from '../../../snapshot/config-description.ts';
import type { MakeSteps } from '../block-compilation.ts';
import { encodeProgram } from '../../../snapshot/program-text.ts';

export const makeDns64: MakeSteps = ({ plugins }) => {
  const { prefix, translatesAll, allowsIPv4 } = plugins.dns64!;
  const { words, prefixLength } = prefix;
  const step = stepOf('dns64', { prefix: words, prefixLength, translatesAll, allowsIPv4 });
  return [() => [step]];
};

export const makeSiit: MakeSteps = ({ plugins }) => {
  const { prefix, mappings } = plugins.siit!;
  const step = stepOf('siit', { prefix: prefix.words, prefixLength: prefix.prefixLength, mappings });
  return [() => [step]];
};

function stepOf(kind: 'dns64' | 'siit', program: TranslationProgram): StepDescription {
  return { kind, program: encodeProgram(program) };
}
