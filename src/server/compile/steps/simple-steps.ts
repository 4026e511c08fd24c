/** Plugins whose options are the step. */
import type { MakeSteps } from '../block-compilation.ts';

export const makeAny: MakeSteps = () => [() => [{ kind: 'any' }]];

export const makeWhoami: MakeSteps = () => [() => [{ kind: 'whoami' }]];

export const makeLocal: MakeSteps = ({ plugins }) => [
  () => [{ kind: 'local', isPrefixAnswered: plugins.local!.hasLocalhostPrefix }],
];

export const makeChaos: MakeSteps = ({ plugins, context }) => {
  const { version, authors } = plugins.chaos!;
  return [
    () => [
      {
        kind: 'chaos',
        version: version ?? `skyshard-${context.version}`,
        hostname: context.hostName,
        authors: authors ?? ['skyshard'],
      },
    ],
  ];
};
