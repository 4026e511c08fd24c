/** A template whose records do not fit: what fits is sent, with TC where something of the answer is missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorefileServer } from './corefile-server.ts';

const numbers = Array.from({ length: 60 }, (_, number) => number);
const lines = (section: string, count: number, owner: string): string =>
  numbers
    .slice(0, count)
    .map((number) => `${section} "${owner} 60 IN A 192.0.2.${number}"`)
    .join('\n');

for (const [owner, kind] of [
  ['{{ .Name }}', 'known beforehand'],
  ['{{ if true }}{{ .Name }}{{ end }}', 'evaluated'],
] as const) {
  test(`records that are ${kind}: as many as fit, and TC only where an answer is missing`, () => {
    const server = (answers: number, additional: number): CorefileServer =>
      new CorefileServer(
        `. {\ntemplate IN A . {\n${lines('answer', answers, owner)}\n${lines('additional', additional, 'x.test')}\n}\n}`,
      );
    const cut = server(60, 3).askWire('a.test A');
    assert.ok(cut.answer.length > 20 && cut.answer.length < 60, `${cut.answer.length} answers`);
    assert.deepEqual([cut.tc, cut.additional.length], [true, 0]);
    const whole = server(3, 60).askWire('a.test A');
    assert.deepEqual([whole.tc, whole.answer.length], [false, 3]);
    assert.ok(whole.additional.length > 15 && whole.additional.length < 60, `${whole.additional.length} additional`);
  });
}
